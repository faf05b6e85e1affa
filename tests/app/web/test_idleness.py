"""Which connection ends for a new one."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from app.web.idleness import LEAST_SECONDS, MOST_LOOKS, Idle


@dataclass
class Transport(asyncio.Transport):
    unread: int = 0
    closed: bool = False

    def get_write_buffer_size(self) -> int:
        return self.unread

    def close(self) -> None:
        self.closed = True


@dataclass(eq=False)
class Connection:
    told: Transport = field(default_factory=Transport)

    @property
    def transport(self) -> asyncio.Transport:
        return self.told


LATER = LEAST_SECONDS + 2


def idle(*connections: Connection) -> Idle:
    """Idle since 0, 1, ..."""
    known = Idle()
    for since, connection in enumerate(connections):
        known.add(connection, since)
    return known


def test_the_longest_idle_ends_first_and_each_once() -> None:
    first, second = Connection(), Connection()
    known = idle(first, second)
    assert known.end_one(LATER)
    assert (first.told.closed, second.told.closed) == (True, False)
    assert known.end_one(LATER)
    assert second.told.closed
    assert not known.end_one(LATER)


def test_none_ends_that_was_busy_a_moment_ago() -> None:
    only = Connection()
    known = idle(only)
    assert not known.end_one(LEAST_SECONDS - 0.1)
    assert not only.told.closed
    assert known.end_one(LEAST_SECONDS)


def test_one_that_is_said_to_be_idle_again_is_so_since_the_first_time() -> None:
    only = Connection()
    known = idle(only)
    known.add(only, LEAST_SECONDS)
    assert known.end_one(LEAST_SECONDS)


def test_one_that_is_busy_again_begins_anew() -> None:
    first, second = Connection(), Connection()
    known = idle(first, second)
    known.discard(first)
    known.discard(first)
    known.add(first, 2)
    assert known.end_one(LATER)
    assert (first.told.closed, second.told.closed) == (False, True)


def test_one_with_an_unread_answer_is_passed_over_until_it_has_been_read_for_long_enough() -> None:
    unread, other = Connection(Transport(unread=1)), Connection()
    known = idle(unread, other)
    assert known.end_one(LATER)
    assert (unread.told.closed, other.told.closed) == (False, True)
    unread.told.unread = 0
    assert not known.end_one(LATER + LEAST_SECONDS - 0.1)
    assert known.end_one(LATER + LEAST_SECONDS)
    assert unread.told.closed


def test_many_with_unread_answers_are_not_all_looked_at_for_one_that_comes() -> None:
    known = idle(*(Connection(Transport(unread=1)) for _ in range(MOST_LOOKS)), Connection())
    assert not known.end_one(100)
    assert known.end_one(100)
