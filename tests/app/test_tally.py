"""What an operation has cost follows its tasks, and ends with it."""

from __future__ import annotations

import asyncio

from app import tally


async def test_what_tasks_use_counts_for_the_operation_that_began_them() -> None:
    async def work() -> None:
        tally.used_database(0.5)
        tally.used_provider(0.25)

    with tally.Begun() as spent:
        await asyncio.gather(work(), work())
    assert spent == tally.Tally(connections=2, database_seconds=1.0, provider_requests=2, provider_seconds=0.5)


def test_what_is_used_outside_counts_for_nobody() -> None:
    with tally.Begun() as outer:
        with tally.Begun() as inner:
            tally.used_database(1)
        tally.used_provider(1)
    tally.used_database(1)
    assert (inner.connections, outer.connections, outer.provider_requests) == (1, 0, 1)
