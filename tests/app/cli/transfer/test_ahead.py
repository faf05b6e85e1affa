from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest

from app.cli.transfer.ahead import DEPTH, Ahead
from tests.patience import until


async def test_items_come_in_order() -> None:
    assert [each async for each in Ahead(iter(range(100)))] == list(range(100))


async def test_what_fails_is_raised_where_the_items_are_taken() -> None:
    def failing() -> Iterator[int]:
        yield 1
        raise ValueError("torn")

    taken = []

    async def take() -> None:
        async for each in Ahead(failing()):
            taken.append(each)  # noqa: PERF401 - it ends in an error

    with pytest.raises(ValueError, match="torn"):
        await take()
    assert taken == [1]


async def test_no_more_is_read_than_a_few_items() -> None:
    read = 0

    def counted() -> Iterator[int]:
        nonlocal read
        while read < 1000:
            read += 1
            yield read

    async for each in Ahead(counted()):
        assert read <= each + DEPTH + 1


async def test_who_waits_for_an_item_that_does_not_come_can_be_let_go_on() -> None:
    never = threading.Event()

    def waiting() -> Iterator[int]:
        yield 1
        never.wait()

    reading = Ahead(waiting())
    taken = []

    async def take() -> None:
        async for each in reading:
            taken.append(each)  # noqa: PERF401 - as it comes

    taking = asyncio.create_task(take())
    await until(lambda: asyncio.sleep(0, bool(taken)))
    reading.end()
    await taking
    never.set()
    assert taken == [1]
