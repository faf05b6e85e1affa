"""Workers for tests: with handlers of the test's own, on a gateway whose own worker rests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

from app.access import Actor
from app.domain import collection, job
from app.domain.job import Handler
from app.domain.worker import Worker
from app.store.record import Job, JobKind, JobStatus
from resolvers.node import local_id
from tests.factory import Running
from tests.patience import until

KIND = JobKind.EMBED_MISSING
LEASE_SECONDS = 0.5


class Resting:
    """In the place of `app.assembly.Worker`: nothing is worked on."""

    def __init__(self, _: object) -> None: ...

    async def forever(self) -> None:
        await asyncio.Event().wait()


@asynccontextmanager
async def working(running: Running, handler: Handler, **options: float) -> AsyncIterator[Worker]:
    """A worker on this gateway that does jobs of KIND; it stops in good order at the block's end."""
    given: Mapping[str, float] = {"lease_seconds": LEASE_SECONDS} | options
    worker = Worker(running.gateway, {KIND: handler}, **given)  # type: ignore[arg-type] # at_once is a whole number
    task = asyncio.create_task(worker.forever())
    try:
        yield worker
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def begun(running: Running, collection_id: str, **details: Any) -> Job:  # noqa: ANN401 - JSON
    """A new job of KIND about a collection."""
    actor = await system(running)
    home = await collection.find(running.gateway, actor, local_id("Collection", collection_id))
    async with running.gateway.postgres.catalogue.transaction() as connection:
        return await job.start(connection, KIND, home, **details)


async def system(running: Running) -> Actor:
    (row,) = await running.sql("select id from vectorgate.organization where name = 'default'")
    return Actor.system(row["id"])


async def now(running: Running, job_id: UUID) -> Job:
    """The job as it is stored."""
    return await job.find(running.gateway, await system(running), job_id)


async def unclean(running: Running, job_id: UUID) -> bool:
    (row,) = await running.sql("select unclean from vectorgate.job where id = $1", job_id)
    return bool(row["unclean"])


async def settled(running: Running, job_id: UUID) -> Job:
    """The job, once it has ended and is cleared away."""

    async def has_settled() -> bool:
        return (await now(running, job_id)).status.ended and not await unclean(running, job_id)

    await until(has_settled)
    return await now(running, job_id)


async def reached(running: Running, job_id: UUID, status: JobStatus) -> Job:
    """The job, once it has this status."""
    found: list[Job] = []

    async def has_reached() -> bool:
        found[:] = [await now(running, job_id)]
        return found[0].status is status

    await until(has_reached)
    return found[0]
