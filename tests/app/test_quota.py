from __future__ import annotations

from uuid import UUID, uuid4

from app.access import Actor
from app.quota import WINDOW_SECONDS, RefusalQuota


class Clock:
    def __init__(self) -> None:
        self.time = 1000.0

    def __call__(self) -> float:
        return self.time


def actor(number: int) -> Actor:
    return Actor(uuid4(), UUID(int=number), "reader", [], frozenset())


def test_so_many_events_a_minute_are_admitted_and_what_is_beyond_is_counted_by_caller() -> None:
    quota = RefusalQuota(2, clock := Clock())
    one, two = actor(1), actor(2)
    assert [quota.admits(one, 5) for _ in range(4)] == [True, True, False, False]
    assert quota.admits(two, 1)
    assert quota.take() == [], "the minute still runs"
    clock.time += WINDOW_SECONDS
    [minute] = quota.take()
    assert (minute.actor, minute.left_out) == (one, 10)
    assert quota.take() == []
    assert quota.admits(one, 1)


def test_a_minute_that_ends_with_the_next_refusal_is_told_as_well() -> None:
    quota = RefusalQuota(1, clock := Clock())
    one = actor(1)
    assert [quota.admits(one, 1) for _ in range(3)] == [True, False, False]
    clock.time += WINDOW_SECONDS
    assert quota.admits(one, 1)
    assert [minute.left_out for minute in quota.take()] == [2]


def test_at_the_end_the_minute_that_runs_is_told() -> None:
    quota = RefusalQuota(0, Clock())
    assert not quota.admits(actor(1), 3)
    assert [minute.left_out for minute in quota.take(last=True)] == [3]
