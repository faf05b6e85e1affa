"""The deadline of providers inside this process; those behind HTTP have the sender's."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from providers.base import InProcessProvider
from providers.errors import ProviderTimeoutError

T = TypeVar("T")


async def in_time(provider: InProcessProvider, work: Awaitable[T], seconds: float) -> T:
    """What the provider's work answers. Raises ProviderTimeoutError when it takes longer."""
    try:
        async with asyncio.timeout(seconds):
            return await work
    except TimeoutError:
        message = f"{provider.display_name} did not answer within {seconds:g} seconds."
        raise ProviderTimeoutError(message, provider=provider.key) from None
