"""Loading: an empty collection is filled without its vector index, which is built at the end, in a third of the time.

Searches compare every vector meanwhile. Where the process ends before that, the sweep begins a job that builds the index.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

from app.access import Actor
from app.domain import collection as collections
from app.domain import job
from app.domain.job import Run
from app.errors import NotFound
from app.gateway import Gateway
from app.postgres import Connection, transaction
from app.store import job as job_store
from app.store import loading, lock
from app.store.record import Collection, JobKind


@asynccontextmanager
async def into(gateway: Gateway, home: Collection) -> AsyncIterator[None]:
    """Many inserts into a collection. Nothing is put off where vectors are there already, or somebody else is loading it.

    What is raised within leaves the index to the sweep, or to whoever goes on with the load.
    """
    async with _alone(gateway, home) as connection:
        begun = connection is not None and await _begin(connection, home)
        yield
        if connection is not None and begun:
            await loading.end(connection, home)


async def finish(run: Run) -> None:
    """The job of a collection whose load was broken off. Whoever has gone on with the load builds the index himself."""
    home = await collections.find(run.gateway, run.actor, run.job.target_id)
    async with _alone(run.gateway, home) as connection:
        if connection is not None:
            await loading.end(connection, home)


async def take_up(gateway: Gateway, region: str) -> None:
    """Begin the jobs of loads that were broken off in a region."""
    async with gateway.postgres.region(region).connection() as connection:
        left = await loading.left(connection)
    for collection_id, organization_id in left:
        await _take_up(gateway, region, Actor.system(organization_id), collection_id)


async def _take_up(gateway: Gateway, region: str, actor: Actor, collection_id: UUID) -> None:
    try:
        home = await collections.find(gateway, actor, collection_id)
    except NotFound:
        async with gateway.postgres.region(region).connection() as connection:
            await loading.forget(connection, collection_id)
        return
    async with _alone(gateway, home) as free:
        if free is not None:
            await _start(gateway, home)


async def _start(gateway: Gateway, home: Collection) -> None:
    async with gateway.postgres.catalogue.transaction() as connection:
        await lock.alone(connection, home.id)
        under_way = await job_store.under_way(connection, home.organization_id, home.id)
        if not any(each.kind is JobKind.BUILD_INDEX for each in under_way):
            await job.start(connection, JobKind.BUILD_INDEX, home, column_id=None)


async def _begin(connection: Connection, home: Collection) -> bool:
    async with transaction(connection):
        return await loading.begin(connection, home)


@asynccontextmanager
async def _alone(gateway: Gateway, home: Collection) -> AsyncIterator[Connection | None]:
    """A connection of its own whose session loads the collection alone; None where another does."""
    async with gateway.postgres.region(home.region).outside() as connection:
        yield connection if await loading.alone(connection, home.id) else None
