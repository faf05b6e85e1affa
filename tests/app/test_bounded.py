"""Work side by side: never more than its bound, and the first failure is the one that leaves."""

from __future__ import annotations

import asyncio

import pytest

from app.bounded import Begin, bounded
from app.cancelled import is_cancelled
from app.errors import BadInput


class Work:
    """Counts what runs at once."""

    def __init__(self) -> None:
        self.now = 0
        self.most = 0
        self.done = 0
        self.gate = asyncio.Event()

    async def one(self) -> None:
        self.now += 1
        self.most = max(self.most, self.now)
        await self.gate.wait()
        self.now -= 1
        self.done += 1


async def test_no_more_is_begun_than_there_are_places_and_the_block_ends_when_all_is_done() -> None:
    work = Work()

    async def begin_all(begin: Begin) -> None:
        for _ in range(10):
            await begin(work.one())

    running = asyncio.create_task(bounded(3, begin_all))
    while work.now < 3:  # noqa: ASYNC110 - every turn of the loop lets one more begin
        await asyncio.sleep(0)
    assert not running.done()
    work.gate.set()
    await running
    assert (work.most, work.done) == (3, 10)


async def fail() -> None:
    raise BadInput("no")


async def test_a_failure_ends_the_rest_and_leaves_as_it_is() -> None:
    work = Work()

    async def begin_all(begin: Begin) -> None:
        for each in (work.one, fail, work.one, work.one):
            await begin(each())

    with pytest.raises(BadInput, match="no"):
        await bounded(2, begin_all)
    assert work.done == 0


async def test_what_the_block_itself_raises_leaves_as_it_is() -> None:
    work = Work()

    async def begin_one(begin: Begin) -> None:
        await begin(work.one())
        raise KeyError

    with pytest.raises(KeyError):
        await bounded(2, begin_one)
    assert work.done == 0


async def test_who_is_cancelled_takes_the_work_along() -> None:
    work = Work()

    async def begin_all(begin: Begin) -> None:
        for _ in range(3):
            await begin(work.one())

    running = asyncio.create_task(bounded(2, begin_all))
    while work.now < 2:  # noqa: ASYNC110 - as above
        await asyncio.sleep(0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert work.done == 0


async def test_who_is_cancelled_while_the_work_fails_is_cancelled() -> None:
    leaving = asyncio.Event()

    async def leave_slowly() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            leaving.set()
            await asyncio.sleep(0.05)

    async def fail() -> None:
        raise KeyError

    async def begin_both(begin: Begin) -> None:
        await begin(leave_slowly())
        await begin(fail())
        await asyncio.sleep(60)

    running = asyncio.create_task(bounded(2, begin_both))
    await leaving.wait()
    running.cancel()
    await asyncio.wait([running])
    assert running.cancelled()


async def test_whoever_was_told_of_a_failure_is_not_marked_as_cancelled() -> None:
    async def fail_later() -> None:
        await asyncio.sleep(0.01)
        raise KeyError

    async def begin_one(begin: Begin) -> None:
        await begin(fail_later())

    with pytest.raises(KeyError):
        await bounded(2, begin_one)
    assert not is_cancelled()
