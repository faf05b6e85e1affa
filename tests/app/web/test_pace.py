"""A paced source: what it yields, a beat while it is silent, and an end that waits for nobody."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

import pytest

from app.web.pace import paced


class Source:
    """Yields numbers; before each it waits until it is let."""

    def __init__(self, *numbers: int) -> None:
        self.numbers = numbers
        self.let = asyncio.Semaphore(0)
        self.closed = False
        self.items = self._items()

    async def _items(self) -> AsyncGenerator[int, None]:
        try:
            for number in self.numbers:
                await self.let.acquire()
                yield number
        finally:
            self.closed = True


@pytest.fixture
async def ended() -> asyncio.Future[None]:
    return asyncio.get_running_loop().create_future()


async def test_items_come_as_they_are_made_and_beats_in_between(ended: asyncio.Future[None]) -> None:
    source = Source(1, 2)
    source.let.release()
    steps = paced(source.items, 0.01, ended)
    assert [await anext(steps) for _ in range(3)] == [1, None, None]
    source.let.release()
    assert [step async for step in steps if step is not None] == [2]
    assert source.closed


async def test_it_ends_while_its_source_is_silent(ended: asyncio.Future[None]) -> None:
    source = Source(1)
    asyncio.get_running_loop().call_later(0.02, ended.set_result, None)
    assert [step async for step in paced(source.items, 60, ended)] == []
    assert source.closed


async def test_a_source_is_not_begun_when_the_end_has_come(ended: asyncio.Future[None]) -> None:
    source = Source(1)
    source.let.release()
    ended.set_result(None)
    assert [step async for step in paced(source.items, 60, ended)] == []
    assert source.let.locked() is False


async def test_its_source_is_closed_when_its_reader_leaves_between_items(ended: asyncio.Future[None]) -> None:
    source = Source(1, 2)
    source.let.release()
    async with aclosing(paced(source.items, 60, ended)) as steps:
        assert await anext(steps) == 1
        assert not source.closed
    assert source.closed


async def test_what_a_source_raises_is_raised(ended: asyncio.Future[None]) -> None:
    async def broken() -> AsyncGenerator[int, None]:
        yield 1
        raise ZeroDivisionError

    steps = paced(broken(), 60, ended)
    assert await anext(steps) == 1
    with pytest.raises(ZeroDivisionError):
        await anext(steps)
