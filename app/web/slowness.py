"""How slow a client may be, seen from one look at its connection to the next, and how much it may say around a body.

Timers and sockets are elsewhere.
"""

from __future__ import annotations

from typing import Final, Protocol

HEAD_SECONDS: Final = 10.0
"""For a request's line and headers to arrive, and for the first of them after the connection was opened."""

HEAD_BYTES: Final = 65_536
"""Of a request's line and headers together, and of what comes around its body."""

AROUND: Final = 16
"""Bytes around each byte of a body that do not count: five are around it in the smallest chunk (RFC 9112, section 7.1)."""

READ_SECONDS: Final = 30.0
LEAST_READ: Final = 262_144
"""Bytes of a waiting answer that a client must read in each of these periods: its memory is held until it has."""


class Transport(Protocol):
    """What is asked of asyncio's transport."""

    def get_write_buffer_size(self) -> int:
        """Bytes that wait to be sent."""

    def is_closing(self) -> bool:
        """Whether it is closed as soon as nothing waits any more."""


class Head:
    """What comes before a request's body. `since` is the time at which it began; None while a body or an answer is due."""

    __slots__ = ("between", "since", "size")

    def __init__(self, now: float) -> None:
        self.since: float | None = now
        self.size = 0
        self.between = False
        """Whether the request before is complete, and what comes next begins another."""

    def begin(self, now: float) -> None:
        """The first byte of another request."""
        self.since, self.size, self.between = now, 0, False

    def is_late(self, now: float) -> bool:
        """Whether it has taken too long."""
        return self.since is not None and now - self.since >= HEAD_SECONDS


class Body:
    """A request's body while it comes, and what comes around it: sizes of chunks, their extensions, trailers."""

    __slots__ = ("_around", "_carried")

    def __init__(self) -> None:
        self._around = self._carried = 0

    def carry(self, size: int) -> None:
        """So many bytes of the body itself have come."""
        self._carried += size

    def is_padded(self, size: int) -> bool:
        """Whether too much has come around the body, now that `size` bytes more have, of whatever kind.

        A large body gives no credit for later: behind its end nothing but trailers comes, which carry nothing.
        """
        self._around = max(0, self._around + size - (1 + AROUND) * self._carried)
        self._carried = 0
        return self._around > HEAD_BYTES


class Unread:
    """What a client leaves unread while it is waited for: an answer without more room, or at its end, or a connection that is closing."""

    __slots__ = ("_before",)

    def __init__(self) -> None:
        self._before: tuple[float, int] | None = None

    def read_on(self) -> None:
        """There is room again."""
        self._before = None

    def is_stuck(self, transport: Transport, now: float, *, paused: bool) -> bool:
        """Whether the client has read less than it must since an earlier look."""
        if not (paused or transport.is_closing()):
            self._before = None
            return False
        unsent = transport.get_write_buffer_size()
        since, before = self._before or (now, unsent)
        if self._before is not None and now - since < READ_SECONDS:
            return False
        stuck = self._before is not None and before - unsent < LEAST_READ
        self._before = now, unsent
        return stuck
