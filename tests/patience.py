"""How long a test waits for what must come. Only one that fails waits so long, and a busy machine is no failure."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from inspect import isawaitable

PATIENCE_SECONDS = 120


def in_time(seconds: float = PATIENCE_SECONDS) -> asyncio.Timeout:
    """A block in which what never comes is a `TimeoutError`.

    Fewer seconds are for what comes later all the same, by another way than the one that a test is about.
    """
    return asyncio.timeout(seconds)


async def until(condition: Callable[[], Awaitable[bool] | bool]) -> None:
    """Wait for something that happens elsewhere and has no event: in PostgreSQL, in another task, or in another process."""
    async with in_time():
        while True:
            found = condition()
            if (await found) if isawaitable(found) else found:
                return
            await asyncio.sleep(0.01)
