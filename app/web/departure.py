"""What happens to a request's work when its client hangs up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from starlette.requests import ClientDisconnect
from starlette.types import Receive

GRACE_SECONDS: Final = 0.05
"""Most answers are ready before anybody hangs up: only work that takes longer costs a task that watches."""


@asynccontextmanager
async def ended_by_departure(receive: Receive) -> AsyncIterator[None]:
    """Cancels the work inside when the client is gone, and raises ClientDisconnect. The body must have been read.

    The work stays in the caller's task, like under `asyncio.timeout`: there is no second task to lose or to shield.
    """
    loop = asyncio.get_running_loop()
    watch = _Watch(asyncio.current_task(), receive)
    start = loop.call_later(GRACE_SECONDS, watch.begin)
    try:
        yield
    except asyncio.CancelledError:
        if watch.claims_cancellation():
            raise ClientDisconnect from None
        raise
    finally:
        start.cancel()
        watch.end()


class _Watch:
    """Waits for the disconnect, then cancels the working task."""

    def __init__(self, working: asyncio.Task[object] | None, receive: Receive) -> None:
        self._working = working
        self._receive = receive
        self._watching: asyncio.Task[None] | None = None
        self._gone = False

    def begin(self) -> None:
        self._watching = asyncio.get_running_loop().create_task(self._watch())

    def end(self) -> None:
        if self._watching is not None:
            self._watching.cancel()

    def claims_cancellation(self) -> bool:
        """Whether it was this watch that cancelled, and nobody else did, too."""
        return self._gone and self._working is not None and self._working.uncancel() == 0

    async def _watch(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._gone = True
        if self._working is not None:
            self._working.cancel()
