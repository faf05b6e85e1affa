"""Work side by side, so much of it at a time; what fails first ends the rest, and leaves as it is."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import TypeAlias

from app.cancelled import is_cancelled

Begin: TypeAlias = Callable[[Coroutine[None, None, None]], Awaitable[None]]


async def bounded(most: int, produce: Callable[[Begin], Awaitable[None]]) -> None:
    """Run `produce(begin)`, in which `await begin(work)` returns when the work has begun, which waits for a place; end with the work.

    In a task of its own: a TaskGroup whose work fails leaves its task marked as cancelled, which it is not.
    """
    try:
        await asyncio.create_task(_side_by_side(most, produce))
    except Exception as failure:
        if is_cancelled():  # while the work failed, which is what was heard of it
            raise asyncio.CancelledError from failure
        raise


async def _side_by_side(most: int, produce: Callable[[Begin], Awaitable[None]]) -> None:
    places = asyncio.Semaphore(most)

    async def begin(work: Coroutine[None, None, None]) -> None:
        try:
            await places.acquire()
        except BaseException:
            work.close()
            raise
        group.create_task(work).add_done_callback(lambda _: places.release())

    try:
        async with asyncio.TaskGroup() as group:
            await produce(begin)
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None
