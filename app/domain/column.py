"""Columns of a table that there is: found by name, added and dropped."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from app.access import Actor, Permission
from app.domain import attaching, audit, database, debris, new_column, table
from app.domain.new_column import NewColumn, Planned
from app.domain.table_version import anew, changing
from app.errors import BadInput, ColumnNotVector, ColumnUnknown, DatabaseUnavailable
from app.gateway import Gateway
from app.postgres import Connection
from app.store import column, vector_index
from app.store import debris as debris_store
from app.store.debris import Debris
from app.store.record import Column, Table, VectorIndexStatus

PREVIOUS = "_previous"
"""What the name of a column ends with that another has taken the place of: until then, the name of that other one."""


def named(home: Table, name: str) -> Column:
    """Raises ColumnUnknown, naming the columns there are."""
    found = home.column(name)
    if found is None:
        names = ", ".join(each.name for each in home.shown)
        raise ColumnUnknown(f"{home.name} has no column named {name!r}; it has: {names}.", column=name)
    return found


def vector(home: Table, name: str) -> Column:
    """Raises ColumnUnknown or ColumnNotVector."""
    found = named(home, name)
    if found.dimension is None:
        raise ColumnNotVector(f"{name!r} is {found.type}, and this is about VECTOR columns.", column=name)
    return found


def check_settled(home: Table, found: Column) -> None:
    """Raises BadInput for a column that a job is about to put another in the place of."""
    if any(each.migrating and each.name == found.name + PREVIOUS for each in home.columns):
        message = f"{found.name!r} is being migrated by a migrateVectorColumn job: wait until it has ended, or cancel it with cancelJob."
        raise BadInput(message, retryable=True, column=found.name)


def check_idle(home: Table) -> None:
    """Raises BadInput while a vector index is being built: until then the table keeps its shape, and nobody waits for it."""
    building = next(
        (each for each in home.columns if each.index and each.index.status is VectorIndexStatus.BUILDING), None
    )
    if building is not None and building.index is not None:
        message = f"A job is building the vector index {building.index.name!r}: wait until it has ended, or cancel it with cancelJob."
        raise BadInput(message, retryable=True, column=building.name)


async def add(gateway: Gateway, actor: Actor, table_id: UUID, asked: Sequence[NewColumn]) -> Table:
    """Add columns; answers the table with them. They hold nothing yet: vectors of a sourceColumn come with `embedMissing`."""

    async def work() -> None:
        found = await table.find(gateway, actor, table_id)
        actor.require(Permission.ALTER_TABLE)
        new_column.require_index(actor, asked)
        check_idle(found)
        [home] = await database.find_all(gateway, actor, [found.database_id])
        planned = await new_column.plan(gateway, actor, home, table_id, asked, there=found.columns)
        pending = await noted(gateway, found, planned.columns)
        try:
            await make(gateway, found, planned.columns)
            await _enter(gateway, actor, found, planned, pending)
        except Exception:
            await debris.take_back(gateway, pending)
            raise

    await anew(work)
    return await table.find(gateway, actor, table_id)


async def drop(gateway: Gateway, actor: Actor, table_id: UUID, names: Sequence[str]) -> Table:
    """Drop columns with all that is in them; answers the table without them."""

    async def work() -> list[Debris]:
        found = await table.find(gateway, actor, table_id)
        actor.require(Permission.ALTER_TABLE)
        columns = _droppable(found, names)
        check_idle(found)
        await let_be_null(gateway, found, columns)
        async with changing(gateway, found) as connection:
            await column.delete(connection, actor.organization_id, [each.id for each in columns])
            left = [
                await debris_store.insert(connection, found.region, found.database_id, table_id, each.id)
                for each in columns
            ]
            dropped = [each.name for each in columns]
            await audit.done(connection, actor, "drop_columns", "Table", table_id, found.name, columns=dropped)
        return left

    for each in await anew(work):
        await debris.try_to_remove(gateway, each)
    return await table.find(gateway, actor, table_id)


async def noted(gateway: Gateway, found: Table, columns: Sequence[Column]) -> list[Debris]:
    """Before they are made: a process that dies until they are entered leaves nothing that the sweep would not find."""
    async with gateway.postgres.catalogue.transaction() as connection:
        return [
            await debris_store.insert(connection, found.region, found.database_id, found.id, each.id, pending=True)
            for each in columns
        ]


async def make(gateway: Gateway, found: Table, columns: Sequence[Column]) -> None:
    """In the region. The indexes by themselves: they are built behind a lock that readers pass."""
    region = gateway.postgres.region(found.region)
    async with region.transaction() as connection:
        await column.add(connection, found, columns)
    for each in columns:
        if each.index:
            async with region.transaction() as connection:
                await vector_index.create(connection, found, each, each.index.metric)


async def spare(connection: Connection, pending: Sequence[Debris]) -> None:
    """In the transaction that enters columns in the catalogue: what was noted of them is no debris any more."""
    if not await debris_store.spare(connection, pending):
        raise DatabaseUnavailable("Adding the columns took too long, and was undone: try again shortly.")


async def _enter(gateway: Gateway, actor: Actor, found: Table, planned: Planned, pending: Sequence[Debris]) -> None:
    """In the catalogue, from where they are seen."""
    async with changing(gateway, found) as connection:
        await spare(connection, pending)
        await column.insert(connection, planned.columns)
        for each in planned.attachments:
            await attaching.attach(connection, each, found.id)
        added = [each.name for each in planned.columns]
        models = [f"{each.provider}/{each.model}" for each in planned.attachments]
        await audit.done(connection, actor, "add_columns", "Table", found.id, found.name, columns=added, models=models)


def _droppable(found: Table, names: Sequence[str]) -> list[Column]:
    """These columns, each once. Raises what keeps one of them from being dropped."""
    if not names:
        raise BadInput("columns must name one at least.", limit=1, actual=0)
    columns = [named(found, each) for each in dict.fromkeys(names)]
    dropped = {each.id for each in columns}
    for each in columns:
        _check_droppable(each)
        check_settled(found, each)
        _check_not_followed(each, [other for other in found.columns if other.id not in dropped])
    return columns


def _check_droppable(each: Column) -> None:
    if each.key_position is not None:
        raise BadInput(f"{each.name!r} is in the primary key, and cannot be dropped.", column=each.name)
    if each.index:
        message = f"{each.name!r} has the vector index {each.index.name!r}: drop that first with dropVectorIndex."
        raise BadInput(message, column=each.name)


def _check_not_followed(each: Column, others: Sequence[Column]) -> None:
    follower = next((other for other in others if other.source_column_id == each.id), None)
    if follower is None:
        return
    what = f"is the sourceColumn of {follower.name!r}: drop both, or detach the integration first"
    if follower.migrating:
        what = "is what a migrateVectorColumn job embeds: wait until it has ended, or cancel it with cancelJob"
    raise BadInput(f"{each.name!r} {what}.", column=each.name)


async def let_be_null(gateway: Gateway, found: Table, columns: Sequence[Column]) -> None:
    """First of all: until its region has dropped a column, nobody writes to it any more."""
    if strict := [each for each in columns if not each.nullable]:
        async with gateway.postgres.region(found.region).transaction() as connection:
            await column.let_be_null(connection, found, strict)
