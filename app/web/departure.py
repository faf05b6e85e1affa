"""What happens to a request's work when its client hangs up."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Final

from starlette.requests import ClientDisconnect
from starlette.types import Receive

GRACE_SECONDS: Final = 0.05
"""Most answers are ready before anybody hangs up: only work that takes longer costs a task that watches."""


class EndedByDeparture:
    """Cancels the work in its `with` block when the client is gone, and raises ClientDisconnect then.

    The request's body must have been read. The work stays in the caller's task, as under `asyncio.timeout`: there is no
    second task to lose or to shield.
    """

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._watching: asyncio.Task[None] | None = None
        self._gone = False

    def __enter__(self) -> None:
        self._working = asyncio.current_task()
        self._start = asyncio.get_running_loop().call_later(GRACE_SECONDS, self._begin)

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: TracebackType | None) -> None:
        self._start.cancel()
        if self._watching is not None:
            self._watching.cancel()
        if isinstance(error, asyncio.CancelledError) and self._cancelled_alone():
            raise ClientDisconnect from None

    def _begin(self) -> None:
        self._watching = asyncio.get_running_loop().create_task(self._watch())

    async def _watch(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        if self._working is not None:
            self._gone = True
            self._working.cancel()

    def _cancelled_alone(self) -> bool:
        """Whether the cancellation is this watch's own, and nobody else, a time limit or the server, asks for one."""
        return self._gone and self._working is not None and self._working.uncancel() == 0
