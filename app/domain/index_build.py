"""The job that builds a vector index, for as long as it takes, while others read and write (rule 31). A collection's: see `loading`."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from uuid import UUID

from app.domain import loading, table
from app.domain.job import Handler, Run
from app.domain.table_version import announce
from app.domain.vector_index import unfit
from app.errors import NotFound
from app.gateway import Gateway
from app.store import vector_index
from app.store.record import Column, Metric, Table, VectorIndexStatus

LOOK_SECONDS = 1.0
"""Between looks at how far it has come."""


@dataclass(frozen=True, slots=True)
class _Task:
    """What is to be indexed, and how."""

    table: Table
    column: Column
    metric: Metric


async def build(run: Run) -> None:
    """Raises InvalidVector where the column holds vectors that the index could not find."""
    if _is_of_collection(run):
        await loading.finish(run)
        return
    task = await _task(run)
    if task is None:
        return
    # The process that began the job may have died before it told those who write.
    await announce(run.gateway, task.table)
    vectors = await _check_fit(run.gateway, task)
    await run.progress(total=vectors)
    await _build(run, task)
    await _settle(run.gateway, task, VectorIndexStatus.READY)
    await run.progress(processed=vectors)


async def clear(run: Run) -> None:
    """What was not built is of no use: nothing of it stays but a FAILED index, which tells of it."""
    if _is_of_collection(run):
        return  # its index is noted as to be built, and the sweep begins another job
    try:
        task = await _task(run)
    except NotFound:
        return
    if task is not None:
        async with run.gateway.postgres.region(task.table.region).outside() as connection:
            await vector_index.discard(connection, task.table, task.column)
        await _settle(run.gateway, task, VectorIndexStatus.FAILED)


HANDLER = Handler(work=build, abandoned=clear)


def _is_of_collection(run: Run) -> bool:
    return run.job.details["column_id"] is None


async def _task(run: Run) -> _Task | None:
    """What the job is about, as it is now; None when it is done, or not to be done any more. Raises NotFound for a dropped table."""
    found = await table.find(run.gateway, run.actor, run.job.target_id)
    column_id = UUID(run.job.details["column_id"])
    column = next((each for each in found.columns if each.id == column_id), None)
    if column is None or column.index is None or column.index.status is not VectorIndexStatus.BUILDING:
        return None
    return _Task(found, column, column.index.metric)


async def _check_fit(gateway: Gateway, task: _Task) -> int:
    """How many vectors there are. Outside the pool: looking at all of them may take longer than a request's statement may."""
    async with gateway.postgres.region(task.table.region).outside() as connection:
        vectors, count = await vector_index.inspect(connection, task.table, task.column, task.metric)
    if count:
        raise unfit(task.table, task.column, task.metric, count)
    return vectors


async def _build(run: Run, task: _Task) -> None:
    """When this ends, however it ends, nothing is being built any more."""
    async with run.gateway.postgres.region(task.table.region).outside() as connection:
        building = asyncio.create_task(vector_index.build(connection, task.table, task.column, task.metric))
        try:
            while not (await asyncio.wait([building], timeout=LOOK_SECONDS))[0]:
                await run.progress(processed=await run.patiently(lambda: _taken_in(run.gateway, task)))
            await building
        finally:
            building.cancel()
            await asyncio.wait([building])


async def _taken_in(gateway: Gateway, task: _Task) -> int:
    async with gateway.postgres.region(task.table.region).connection() as connection:
        return await vector_index.progress(connection, task.table, task.column)


async def _settle(gateway: Gateway, task: _Task, status: VectorIndexStatus) -> None:
    async with gateway.postgres.catalogue.connection() as connection:
        await vector_index.settle(connection, task.table.organization_id, task.column.id, status)
