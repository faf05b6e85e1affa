"""Tables: typed columns and a primary key, and any number of vector columns, each with a configuration of its own or none (rule 26)."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from app.access import Actor, Permission
from app.domain import attaching, audit, database, new_column, target
from app.domain.new_column import NewColumn, Planned
from app.errors import BadInput, ColumnUnknown, LimitExceeded, NotFound
from app.gateway import Gateway
from app.postgres import Connection
from app.store import table
from app.store.record import ColumnType, Database, Table, new_id
from app.value import check_identifier

MOST_KEY_COLUMNS = 16


async def find(gateway: Gateway, actor: Actor, table_id: UUID) -> Table:
    """Raises NotFound."""
    async with gateway.postgres.catalogue.connection() as connection:
        found = await table.by_ids(connection, actor.organization_id, actor.databases, [table_id])
    if not found:
        raise NotFound("There is no table with this id.")
    return found[0]


async def create(
    gateway: Gateway, actor: Actor, database_id: UUID, *, name: str, columns: Sequence[NewColumn], key: Sequence[str]
) -> Table:
    """A new table; what its columns are attached to is checked now and stored as resolved. Nobody sees it before it is there."""
    [home] = await database.find_all(gateway, actor, [database_id])
    actor.require(Permission.CREATE_TABLE)
    new_column.require_index(actor, columns)
    check_identifier(name, "A table's name")
    database.check_active(home)
    _check_key(columns, key)
    identifier = new_id()
    planned = await new_column.plan(gateway, actor, home, identifier, columns, key=key)
    created = await _insert(gateway, actor, home, identifier, name, planned)

    async def note(connection: Connection) -> None:
        using = [f"{each.provider}/{each.model}" for each in planned.attachments]
        columns_made = [each.name for each in created.columns]
        await audit.done(
            connection, actor, "create_table", "Table", created.id, name, columns=columns_made, models=using
        )

    await target.create(gateway, created, lambda: make_table(gateway, created, note))
    return created


async def make_table(gateway: Gateway, created: Table, note: audit.Note | None = None) -> None:
    """Make the table in its region if it is not there, then let it be seen; also how the sweep finishes halves."""
    await target.make(gateway, created, lambda connection: table.create_table(connection, created), note)


async def drop(gateway: Gateway, actor: Actor, table_id: UUID, confirm_name: str) -> Database:
    """Drop a table with its rows; answers the database that it was in."""
    found = await find(gateway, actor, table_id)
    actor.require(Permission.DROP_TABLE)
    return await target.drop(gateway, actor, found, confirm_name)


def _check_key(columns: Sequence[NewColumn], key: Sequence[str]) -> None:
    """Raises what keeps these names from being a primary key."""
    if not key:
        raise BadInput("primaryKey must name one column at least.", limit=1, actual=0)
    if len(key) > MOST_KEY_COLUMNS:
        message = f"A primary key can have {MOST_KEY_COLUMNS} columns, and this would have {len(key)}."
        raise LimitExceeded(message, limit=MOST_KEY_COLUMNS, actual=len(key))
    if len(set(key)) < len(key):
        raise BadInput("primaryKey names a column twice.")
    types = {each.name: each.type for each in columns}
    for each in key:
        if each not in types:
            raise ColumnUnknown("primaryKey names a column that is not among columns.")
        if types[each] in (ColumnType.JSON, ColumnType.VECTOR):
            raise BadInput(f"{each!r} is {types[each]}, which cannot be in a primary key.", column=each)


async def _insert(
    gateway: Gateway, actor: Actor, home: Database, identifier: UUID, name: str, planned: Planned
) -> Table:
    async with gateway.postgres.catalogue.transaction() as connection:
        await database.hold_all(connection, actor, [home.id])
        created = await table.insert(connection, actor.organization_id, home, identifier, name, planned.columns)
        if created is None:
            raise target.name_taken(home, name)
        for each in planned.attachments:
            await attaching.attach(connection, each, created.id)
    return created
