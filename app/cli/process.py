"""What commands share: settings and logging at their start, a gateway for as long as they need it, and how they end."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable, Coroutine
from typing import Annotated, TypeVar

import typer

from app.assembly import build_gateway, opened
from app.domain.organization import Bootstrapped
from app.gateway import Gateway
from app.log import configure_logging
from app.main import announce
from app.settings import Settings

STOPPING = (signal.SIGTERM, signal.SIGINT)

Wait = Annotated[float, typer.Option(min=0, help="Seconds to wait for the database when it does not answer.")]

T = TypeVar("T")


def examples(*commands: str) -> str:
    """The end of a command's help: commands that can be called as they stand, one a line."""
    return "\n\n".join(["[bold]Examples[/]", *(f"  {each}" for each in commands)])


class CommandFailed(Exception):
    """The command cannot go on; the message is one line for the person who called it."""


def read_settings(*, quiet: bool = False) -> Settings:
    """The environment's settings, with logging as they say, or of warnings only. Raises SettingsError."""
    found = Settings.from_env()
    configure_logging(found.log_format, "warning" if quiet else found.log_level)
    return found


def with_gateway(settings: Settings, work: Callable[[Gateway, Bootstrapped], Awaitable[T]], wait_seconds: float) -> T:
    """Do `work` with the gateway of these settings: migrated, and with its first organization."""
    gateway = build_gateway(settings)

    async def run() -> T:
        async with opened(gateway, wait_seconds) as first:
            announce(first.generated_token)
            return await work(gateway, first)

    return asyncio.run(run())


def prepare(settings: Settings, wait_seconds: float) -> None:
    """Open the gateway once, which tells what is wrong before anything is served."""

    async def nothing_more(_: Gateway, __: Bootstrapped) -> None: ...

    with_gateway(settings, nothing_more, wait_seconds)


def end_on_signals(code: int = 0) -> None:
    """From now on SIGTERM and SIGINT end this process: with 0 where to be asked to stop is no failure."""
    for number in STOPPING:
        signal.signal(number, lambda *_: sys.exit(code))


def until_stopped(work: Coroutine[None, None, None]) -> None:
    """Run `work` to its end, or until SIGTERM or SIGINT, which cancel it and let it clean up."""

    async def cancellable() -> None:
        loop = asyncio.get_running_loop()
        task = loop.create_task(work)
        for number in STOPPING:
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(task.cancel))
        await asyncio.wait([task])
        end_on_signals()
        if not task.cancelled():
            task.result()

    asyncio.run(cancellable())
