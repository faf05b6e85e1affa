"""Vector indexes of tables' columns: made at once where there is nothing to build, else by a job; a search needs one (rule 31)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from uuid import UUID

from app.access import Actor, Permission
from app.domain import audit, column, job, new_column, table
from app.domain.new_column import NewIndex
from app.domain.table_version import anew, changing
from app.errors import AlreadyExists, InvalidVector, NotFound
from app.gateway import Gateway
from app.postgres import Connection, transaction
from app.store import vector, vector_index
from app.store.record import Column, Job, JobKind, Metric, Table, VectorIndex, VectorIndexStatus

FIRST_LOOK = 20_000
"""Vectors that are looked at before a job is begun: a common mistake is told at once. The job looks at all."""


@dataclass(frozen=True, slots=True)
class Indexed:
    """The table and the column as they are now, and the job that builds the index; None when it is there already."""

    table: Table
    column: Column
    job: Job | None


async def create(gateway: Gateway, actor: Actor, table_id: UUID, name: str, wanted: NewIndex) -> Indexed:
    """Let a vector column be searched. Raises InvalidVector where it holds vectors that a search could not find."""

    async def work() -> Job | None:
        found = await table.find(gateway, actor, table_id)
        actor.require(Permission.CREATE_INDEX)
        bare = _bare(found, name)
        free = new_column.free_index_name(name, wanted.name, new_column.index_names(found.columns))
        if await _must_be_built(gateway, found, bare):
            await _check_fit(gateway, found, bare, wanted.metric, FIRST_LOOK)
            index = VectorIndex(free, wanted.metric, VectorIndexStatus.BUILDING)
            return await _begin(gateway, actor, found, bare, index)
        index = VectorIndex(free, wanted.metric, VectorIndexStatus.READY)
        await _create_at_once(gateway, actor, found, bare, index)
        return None

    begun = await anew(work)
    changed = await table.find(gateway, actor, table_id)
    return Indexed(changed, column.named(changed, name), begun)


async def drop(gateway: Gateway, actor: Actor, table_id: UUID, name: str) -> Table:
    """Drop a vector index by its name; answers the table. The vectors stay, and cannot be searched."""

    async def work() -> None:
        found = await table.find(gateway, actor, table_id)
        actor.require(Permission.CREATE_INDEX)
        indexed = _indexed(found, name)
        async with changing(gateway, found) as connection:
            await vector_index.put(connection, actor.organization_id, indexed.id, None)
            told = {"column": indexed.name, "index": name}
            await audit.done(connection, actor, "drop_vector_index", "Table", table_id, found.name, **told)
            async with _in_region(gateway, found) as elsewhere:
                await vector_index.drop(elsewhere, found, indexed)

    await anew(work)
    return await table.find(gateway, actor, table_id)


def unfit(home: Table, indexed: Column, metric: Metric, count: int) -> InvalidVector:
    """What is said of vectors that an index could not find."""
    reason = "have no direction that COSINE could compare" if metric is Metric.COSINE else "are beyond half precision"
    if metric is Metric.COSINE and vector.indexed_type(indexed.dimension or 0) == "halfvec":
        reason = "have no direction that COSINE could compare in half precision, or are beyond it"
    return InvalidVector(
        f"{count} of the vectors in {indexed.name!r} {reason}, and no search would find them: change them, or delete their rows.",
        column=indexed.name,
        table=home.name,
        metric=metric.value,
        actual=count,
    )


def _bare(found: Table, name: str) -> Column:
    """The vector column of this name, which must have no index yet."""
    bare = column.vector(found, name)
    column.check_settled(found, bare)
    if bare.index:
        message = f"{name!r} has the vector index {bare.index.name!r} already, and can have one: drop it first with dropVectorIndex."
        raise AlreadyExists(message, column=name)
    return bare


def _indexed(found: Table, name: str) -> Column:
    """The column with the index of this name, which must not be at work."""
    indexed = next((each for each in found.shown if each.index and each.index.name == name), None)
    if indexed is None or indexed.index is None:
        raise NotFound("The table has no vector index of this name.")
    column.check_settled(found, indexed)
    column.check_idle(found)
    return indexed


async def _must_be_built(gateway: Gateway, found: Table, bare: Column) -> bool:
    """Whether there is something to build the index from; beyond 4,000 dimensions there is nothing to build."""
    if vector.indexed_type(bare.dimension or 0) is None:
        return False
    async with gateway.postgres.region(found.region).connection() as connection:
        return await vector_index.has_vectors(connection, found, bare)


async def _begin(gateway: Gateway, actor: Actor, found: Table, bare: Column, index: VectorIndex) -> Job:
    async with changing(gateway, found) as connection:
        await _enter(connection, actor, found, bare, index)
        return await job.start(connection, JobKind.BUILD_INDEX, found, column_name=bare.name, column_id=str(bare.id))


async def _create_at_once(gateway: Gateway, actor: Actor, found: Table, bare: Column, index: VectorIndex) -> None:
    """The region's part last, while nobody else changes the table: what fails there undoes the whole."""
    column.check_idle(found)
    await _check_fit(gateway, found, bare, index.metric, None)
    async with changing(gateway, found) as connection:
        await _enter(connection, actor, found, bare, index)
        async with _in_region(gateway, found) as elsewhere:
            await vector_index.drop(elsewhere, found, bare)
            await vector_index.create(elsewhere, found, bare, index.metric)
    try:
        await _check_fit(gateway, found, bare, index.metric, None)
    except InvalidVector:  # written in the moment before writes knew of the index
        async with gateway.postgres.catalogue.connection() as connection:
            failed = replace(index, status=VectorIndexStatus.FAILED)
            await vector_index.put(connection, actor.organization_id, bare.id, failed)
        raise


@asynccontextmanager
async def _in_region(gateway: Gateway, found: Table) -> AsyncIterator[Connection]:
    """A transaction on a connection of its own: one is held already, and whoever holds one must not wait for another of the pool."""
    async with gateway.postgres.region(found.region).outside() as connection, transaction(connection):
        yield connection


async def _enter(connection: Connection, actor: Actor, found: Table, bare: Column, index: VectorIndex) -> None:
    """In the catalogue: the column has the index from now on, and what is written to it must be fit for it."""
    await vector_index.put(connection, actor.organization_id, bare.id, index)
    told = {"column": bare.name, "index": index.name, "metric": index.metric.value}
    await audit.done(connection, actor, "create_vector_index", "Table", found.id, found.name, **told)


async def _check_fit(gateway: Gateway, found: Table, bare: Column, metric: Metric, most: int | None) -> None:
    async with gateway.postgres.region(found.region).connection() as connection:
        _, count = await vector_index.inspect(connection, found, bare, metric, most)
    if count:
        raise unfit(found, bare, metric, count)
