"""Work side by side, so much of it at a time; what fails first ends the rest, and leaves as it is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import TypeAlias

from app.cancelled import is_cancelled

Begin: TypeAlias = Callable[[Coroutine[None, None, None]], Awaitable[None]]


@asynccontextmanager
async def bounded(most: int) -> AsyncIterator[Begin]:
    """`await begin(work)` returns when the work has begun, which waits for a place; the block ends when all of it is done."""
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
            yield begin
    except BaseExceptionGroup as failures:
        if is_cancelled():  # which the group forgets where its work has failed at the same time
            raise asyncio.CancelledError from failures
        raise failures.exceptions[0] from None
