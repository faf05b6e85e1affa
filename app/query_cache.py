"""Query vectors that were embedded a moment ago, in this process: a bounded LRU in which equal questions in flight share one answer.

Whoever asks has checked credential and scope before. Failures are not kept. Knows nothing of providers.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

V = TypeVar("V")

CAPACITY = 10_000


def one(_key: Hashable, _value: object) -> int:
    """What an answer weighs where they are only counted."""
    return 1


@dataclass(slots=True)
class _Flight(Generic[V]):
    """A question that is being answered, how many wait for it, and whether one of them has had the answer."""

    task: asyncio.Task[V]
    waiting: int = 0
    landed: bool = False


@dataclass(frozen=True, slots=True)
class Cached(Generic[V]):
    """An answer, and whether somebody else had it first: of those who share a call, one accounts for it, and who asked may leave."""

    value: V
    shared: bool


class QueryCache(Generic[V]):
    """Answers that weigh at most `capacity` together; the least recently used go first. A capacity of 0 only shares flights."""

    def __init__(self, capacity: int = CAPACITY, weigh: Callable[[Hashable, V], int] = one) -> None:
        self._capacity = capacity
        self._weigh = weigh
        self._weight = 0
        self._kept: OrderedDict[Hashable, V] = OrderedDict()
        self._flights: dict[Hashable, _Flight[V]] = {}
        self.hits = self.misses = 0

    async def get(self, key: Hashable, make: Callable[[], Coroutine[None, None, V]]) -> Cached[V]:
        """The answer to this question; `make` is called once, however many ask at the same time."""
        if key in self._kept:
            self.hits += 1
            self._kept.move_to_end(key)
            return Cached(self._kept[key], shared=True)
        flight = self._flights.get(key)
        if flight is None:
            self.misses += 1
            flight = self._flights[key] = _Flight(asyncio.create_task(self._answer(key, make)))
        else:
            self.hits += 1
        value = await self._wait(key, flight)
        shared, flight.landed = flight.landed, True
        return Cached(value, shared)

    async def _answer(self, key: Hashable, make: Callable[[], Coroutine[None, None, V]]) -> V:
        """Kept in the moment in which the flight ends: who comes before those who wait have woken finds it."""
        value = await make()
        self._keep(key, value)
        return value

    async def _wait(self, key: Hashable, flight: _Flight[V]) -> V:
        """One of those who wait may leave; when the last one does, nobody wants the answer any more."""
        flight.waiting += 1
        try:
            return await asyncio.shield(flight.task)
        finally:
            flight.waiting -= 1
            if (flight.task.done() or not flight.waiting) and self._flights.get(key) is flight:
                del self._flights[key]
            if not flight.waiting:
                flight.task.cancel()

    def _keep(self, key: Hashable, value: V) -> None:
        weight = self._weigh(key, value)
        if weight > self._capacity:
            return
        self._kept[key] = value
        self._weight += weight
        while self._weight > self._capacity:
            self._weight -= self._weigh(*self._kept.popitem(last=False))
