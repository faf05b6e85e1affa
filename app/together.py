"""One question for all who ask at the same time, so that its cost is shared. Nothing is remembered, and nothing is known of what is asked.

Whoever asks gets an answer to a question that was sent after he asked: he sees all that had been answered to anybody by then.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from contextvars import copy_context
from typing import Any, Final, Generic, TypeVar
from weakref import WeakValueDictionary

from app import tenant

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

PATIENCE_SECONDS: Final = 0.005
"""How long a question waits for the one before it, which is in trouble when it takes longer, and holds up nobody else then."""


class Together(Generic[K, V]):
    """Asks for many keys at once. `ask` is handed each key once, and answers a value for each.

    What is asked in one turn of the loop, and while a question is under way, makes the next question. A question is a task of its
    own, in the context of the first who asks, so all who share a `Together` must have the same rights. Whoever leaves disturbs
    nobody; when all have left, the question is given up. When it fails, it fails for each of them.
    """

    def __init__(self, ask: Callable[[Sequence[K]], Awaitable[Mapping[K, V]]]) -> None:
        self._ask = ask
        self._next: _Question[K, V] | None = None
        self._timer: asyncio.Handle | None = None
        self._under_way = 0

    def get(self, key: K) -> asyncio.Future[V]:
        """The value of this key, for one who waits: to cancel it is to leave."""
        if self._next is None:
            self._next = _Question()
            self._begin_soon()
        return self._next.asked_for(key)

    def _begin_soon(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(PATIENCE_SECONDS, self._begin) if self._under_way else loop.call_soon(self._begin)

    def _begin(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        question, self._next, self._timer = self._next, None, None
        if question is not None and question.waiting:
            self._under_way += 1
            question.task = asyncio.get_running_loop().create_task(question.answer(self._ask), context=question.context)
            question.task.add_done_callback(self._ended)

    def _ended(self, _task: asyncio.Task[None]) -> None:
        self._under_way -= 1
        if self._next is not None:
            self._begin()


class _Question(Generic[K, V]):
    """What is asked, and who waits for it."""

    def __init__(self) -> None:
        self.asked: dict[K, list[asyncio.Future[V]]] = {}
        self.context = copy_context()
        self.waiting = 0
        self.task: asyncio.Task[None] | None = None

    def asked_for(self, key: K) -> asyncio.Future[V]:
        waiter: asyncio.Future[V] = asyncio.get_running_loop().create_future()
        waiter.add_done_callback(self._left)
        self.asked.setdefault(key, []).append(waiter)
        self.waiting += 1
        return waiter

    async def answer(self, ask: Callable[[Sequence[K]], Awaitable[Mapping[K, V]]]) -> None:
        try:
            values = await ask(list(self.asked))
            answers = [(waiter, values[key]) for key, waiters in self.asked.items() for waiter in waiters]
        except asyncio.CancelledError:
            for waiter in self._in_wait():
                waiter.cancel()
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, it is raised where the answer is waited for
            for waiter in self._in_wait():
                waiter.set_exception(error)
        else:
            for waiter, value in answers:
                if not waiter.done():
                    waiter.set_result(value)

    def _in_wait(self) -> list[asyncio.Future[V]]:
        return [waiter for waiters in self.asked.values() for waiter in waiters if not waiter.done()]

    def _left(self, waiter: asyncio.Future[V]) -> None:
        if waiter.cancelled():
            self.waiting -= 1
            if not self.waiting and self.task is not None:
                self.task.cancel()


class Questions:
    """What is asked together in this process, by what it is and for whom (`app.tenant`); kept as long as somebody uses it."""

    def __init__(self) -> None:
        self._kept: WeakValueDictionary[Hashable, Together[Any, Any]] = WeakValueDictionary()

    def of(self, name: Hashable, ask: Callable[[Sequence[K]], Awaitable[Mapping[K, V]]]) -> Together[K, V]:
        """Those of this name, made with `ask` where there are none: the same name must always ask the same."""
        key = (name, tenant.current())
        found: Together[K, V] | None = self._kept.get(key)
        if found is None:
            found = self._kept[key] = Together(ask)
        return found
