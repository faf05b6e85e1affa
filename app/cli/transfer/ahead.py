"""Reading ahead on a thread of its own: what is read may have to be waited for, and nobody else should."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Final, Generic, TypeVar

DEPTH: Final = 2

T = TypeVar("T")


class Ahead(Generic[T]):
    """The items of an iterator, a few of them before they are asked for.

    The thread is a daemon, and nobody waits for its end: it may wait for input that never comes.
    """

    def __init__(self, items: Iterator[T]) -> None:
        self._items = items
        self._loop = asyncio.get_running_loop()
        self._read: asyncio.Queue[T | BaseException | None] = asyncio.Queue()
        self._room = threading.Semaphore(DEPTH)

    def end(self) -> None:
        """Let whoever waits for an item go on without it."""
        self._read.put_nowait(None)

    async def __aiter__(self) -> AsyncIterator[T]:
        threading.Thread(target=self._run, daemon=True).start()
        while (each := await self._read.get()) is not None:
            if isinstance(each, BaseException):
                raise each
            yield each
            self._room.release()

    def _run(self) -> None:
        try:
            for each in self._items:
                self._tell(each)
                self._room.acquire()
            self._tell(None)
        except BaseException as error:  # noqa: BLE001 - it is raised where the items are taken
            self._tell(error)

    def _tell(self, each: T | BaseException | None) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._read.put_nowait, each)
