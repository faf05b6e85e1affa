"""What commands share: settings and logging at their start, and a gateway that is open for as long as they need it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from app.assembly import build_gateway, opened
from app.domain.organization import Bootstrapped
from app.gateway import Gateway
from app.log import configure_logging
from app.main import announce
from app.settings import Settings

T = TypeVar("T")


def settings(*, quiet: bool = False) -> Settings:
    """The environment's settings, with logging as they say, or of warnings only. Raises SettingsError."""
    found = Settings.from_env()
    configure_logging(found.log_format, "warning" if quiet else found.log_level)
    return found


def with_gateway(work: Callable[[Gateway, Bootstrapped], Awaitable[T]]) -> T:
    """Do `work` with the gateway of the environment's settings: migrated, and with its first organization."""
    gateway = build_gateway(settings(quiet=True))

    async def run() -> T:
        async with opened(gateway) as first:
            announce(first.generated_token)
            return await work(gateway, first)

    return asyncio.run(run())
