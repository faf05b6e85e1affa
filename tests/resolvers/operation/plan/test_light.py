"""Many coroutines in one task."""

from __future__ import annotations

import asyncio

import pytest

from resolvers.operation.plan.light import driven


async def test_all_wait_together_and_each_has_its_own_outcome() -> None:
    futures: list[asyncio.Future[int]] = [asyncio.get_running_loop().create_future() for _ in range(3)]

    async def waiting(number: int) -> int:
        task = asyncio.current_task()
        found = await futures[number] + await futures[0]
        await asyncio.sleep(0)
        assert asyncio.current_task() is task
        return found

    async def ready() -> str:
        return "ready"

    asyncio.get_running_loop().call_soon(futures[0].set_result, 1)
    asyncio.get_running_loop().call_soon(futures[1].set_exception, ValueError("no"))
    asyncio.get_running_loop().call_soon(futures[2].set_result, 3)
    first, failed, last, at_once, refused = await driven(
        [waiting(0), waiting(1), waiting(2), ready(), failure := KeyError("before")]
    )
    assert (first, last, at_once) == (2, 4, "ready")
    assert isinstance(failed, ValueError)
    assert refused is failure


async def test_whoever_stops_waiting_leaves_what_all_wait_for_and_closes_them() -> None:
    future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    closed: list[int] = []

    async def waiting(number: int) -> None:
        try:
            await future
        finally:
            closed.append(number)

    task = asyncio.create_task(driven([waiting(0), waiting(1)]))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert closed == [0, 1]
    assert future.cancelled()
