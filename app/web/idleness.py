"""Which connections of a server wait for a next request, so that one of them can end where there is no room for another."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import Final, Protocol

LEAST_SECONDS: Final = 5.0
"""For so long a connection keeps its place: whoever asks again at once shall not find it closed, and nobody can take it by silence."""

MOST_LOOKS: Final = 10
"""At connections that cannot end, for one that comes."""


class Connection(Protocol):
    """What stays its own object for as long as it is open."""

    @property
    def transport(self) -> asyncio.Transport: ...


class Idle:
    """The idle connections, the longest idle first, each with the loop's time since when. Nothing here takes longer with more of them."""

    def __init__(self) -> None:
        self._since = OrderedDict[Connection, float]()

    def add(self, connection: Connection, now: float) -> None:
        self._since.setdefault(connection, now)

    def discard(self, connection: Connection) -> None:
        self._since.pop(connection, None)

    def end_one(self, now: float) -> bool:
        """End the one that has been idle for longest; False where none has been for long enough.

        One that has not read its answer would keep its descriptor: it is passed over, and counts from now.
        """
        for _ in range(min(MOST_LOOKS, len(self._since))):
            longest, since = next(iter(self._since.items()))
            if now - since < LEAST_SECONDS:
                return False
            if not longest.transport.get_write_buffer_size():
                del self._since[longest]
                longest.transport.close()
                return True
            self._since[longest] = now
            self._since.move_to_end(longest)
        return False
