"""Which connections of a server wait for a next request, so that one of them can end where there is no room for another."""

from __future__ import annotations

import asyncio
from typing import Final, Protocol

LEAST_SECONDS: Final = 5.0
"""For so long a connection keeps its place: whoever asks again at once shall not find it closed, and nobody can take it by silence."""


class Connection(Protocol):
    """What stays its own object for as long as it is open."""

    @property
    def transport(self) -> asyncio.Transport: ...


class Idle:
    """The idle connections, the longest idle first, each with the loop's time since when. Nothing here takes longer with more of them."""

    def __init__(self) -> None:
        self._since: dict[Connection, float] = {}

    def add(self, connection: Connection, now: float) -> None:
        self._since.setdefault(connection, now)

    def discard(self, connection: Connection) -> None:
        self._since.pop(connection, None)

    def end_one(self, now: float) -> bool:
        """End the one that has been idle for longest; False where none has been for long enough.

        One that has not read its answer does not count from then on: it would keep its descriptor.
        """
        while self._since:
            longest, since = next(iter(self._since.items()))
            if now - since < LEAST_SECONDS:
                return False
            del self._since[longest]
            if not longest.transport.get_write_buffer_size():
                longest.transport.close()
                return True
        return False
