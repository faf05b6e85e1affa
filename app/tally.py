"""What one operation has cost so far: its time with PostgreSQL and with providers. It follows the operation's tasks, as `app.tenant` does.

Numbers only: no statement, no text and no name comes here.
"""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(slots=True)
class Tally:
    """Seconds of things that were done side by side are added up, so a sum may be more than has passed.

    What an operation shares with others counts for the one that began it.
    """

    connections: int = 0
    """How often a connection was taken."""
    database_seconds: float = 0.0
    """With a connection, or waiting for one."""
    provider_requests: int = 0
    provider_seconds: float = 0.0


_current: ContextVar[Tally | None] = ContextVar("tally", default=None)


class Begun:
    """A new tally, of what is done as long as the block lasts. Every operation has one: a class costs a third of a generator."""

    __slots__ = ("_token",)

    def __enter__(self) -> Tally:
        tally = Tally()
        self._token = _current.set(tally)
        return tally

    def __exit__(self, *_: object) -> None:
        _current.reset(self._token)


def used_database(seconds: float) -> None:
    """A connection was taken and given back."""
    tally = _current.get()
    if tally is not None:
        tally.connections += 1
        tally.database_seconds += seconds


def used_provider(seconds: float) -> None:
    """A provider was asked."""
    tally = _current.get()
    if tally is not None:
        tally.provider_requests += 1
        tally.provider_seconds += seconds
