"""SQL of attachments (integrations in use) and the one read that resolves a target with its configuration, credential and scope."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar
from uuid import UUID

from app.postgres import Connection, Row
from app.secret import Sealed
from app.store.record import (
    Attachment,
    Collection,
    Column,
    DatabaseStatus,
    Metric,
    Resolved,
    ResolvedTable,
    SealedSecret,
    Table,
    records,
)
from app.store.table import TABLE_COLUMNS, TABLE_FROM, tables

_COLUMNS = """
    a.id, a.organization_id, t.database_id, a.target_id, a.column_id, v.name as column_name, a.provider, a.integration_id,
    a.credential_name, a.model, a.dimension, a.parameters"""
_FROM = """
    from vectorgate.attachment a join vectorgate.target t on t.id = a.target_id and t.status = 'ACTIVE'
    left join vectorgate.table_column v on v.id = a.column_id"""
_SEEN = "($2::uuid[] is null or t.database_id = any($2))"
_INSERT = """
    insert into vectorgate.attachment
        (id, organization_id, target_id, column_id, provider, integration_id, credential_name, model, dimension, parameters)
    select $1, $2, $3, $4, $5, $6, $7, $8, $9, $10
    where $6::uuid is null or exists (select from vectorgate.integration where id = $6 for key share)"""
_BY_ID = f"select {_COLUMNS} {_FROM} where a.organization_id = $1 and {_SEEN} and a.id = any($3)"
_OF_COLLECTIONS = f"select {_COLUMNS} {_FROM} where a.organization_id = $1 and {_SEEN} and a.target_id = any($3) and a.column_id is null"
_OF_COLUMNS = f"select {_COLUMNS} {_FROM} where a.organization_id = $1 and {_SEEN} and a.column_id = any($3)"
_DELETE_OF_COLUMN = "delete from vectorgate.attachment where organization_id = $1 and column_id = $2"

T = TypeVar("T", Collection, Table)

# Whether an attachment can embed now, as a condition: what `domain.attachment.refusal` says, for filtering and counting.
_AVAILABLE = """
    (a.model = any($6) and ($7::text[] is null or d.region = any($7)) and (a.integration_id is null or exists (
        select from vectorgate.credential c join vectorgate.scoped_database s on s.credential_id = c.id and s.database_id = t.database_id
        where c.integration_id = a.integration_id and c.name = a.credential_name)))"""
_USES = f"""
    {_FROM} join vectorgate.database d on d.id = t.database_id
    where a.organization_id = $1 and {_SEEN} and v.migrating is not true and a.provider = $3
        and ($4::text is null or a.credential_name = $4) and ($5::uuid is null or t.database_id = $5)
        and ($8::boolean is null or {_AVAILABLE} = $8)"""
_PAGE = f"select {_COLUMNS} {_USES} and ($9::uuid is null or a.id > $9) order by a.id limit $10"
_COUNT = f"select count(*) {_USES}"

# Also of what is being created and not yet seen: an integration must not go while it is about to be used.
_LEFT = """
    select d.name || '.' || t.name || coalesce('.' || v.name, '') as name, count(*) over () as number
    from vectorgate.attachment a join vectorgate.target t on t.id = a.target_id join vectorgate.database d on d.id = t.database_id
    left join vectorgate.table_column v on v.id = a.column_id
    where a.organization_id = $1 and a.integration_id = $2 order by a.id limit $3"""

_STATES = """
    select a.id, c.id is not null as credential_exists, s.id is not null as in_scope
    from vectorgate.attachment a
    join vectorgate.target t on t.id = a.target_id
    left join vectorgate.credential c on c.integration_id = a.integration_id and c.name = a.credential_name
    left join vectorgate.scoped_database s on s.credential_id = c.id and s.database_id = t.database_id
    where a.organization_id = $1 and a.id = any($2)"""
_TARGET_NAMES = """
    select d.name || '.' || t.name || coalesce('.' || v.name, '') as name
    from vectorgate.attachment a join vectorgate.target t on t.id = a.target_id join vectorgate.database d on d.id = t.database_id
    left join vectorgate.table_column v on v.id = a.column_id
    where a.organization_id = $1 and a.id = any($2) order by a.id"""
# Of a collection once, of a table once a column: its database, attachment, credential and scope as they are now.
_STATE = """
    d.name as database_name, d.status as database_status,
    a.id as attachment_id, a.provider, a.integration_id, a.credential_name, a.model, a.dimension as embedding_dimension, a.parameters,
    c.id as credential_id, c.version as credential_version, c.sealed, s.id is not null as in_scope"""
_STATE_FROM = """
    left join vectorgate.credential c on c.integration_id = a.integration_id and c.name = a.credential_name
    left join vectorgate.scoped_database s on s.credential_id = c.id and s.database_id = d.id"""
_RESOLVE = f"""
    select t.id, t.organization_id, t.database_id, t.name, t.dimension, t.metric, d.region, t.created_at, {_STATE}
    from vectorgate.target t
    join vectorgate.database d on d.id = t.database_id
    left join vectorgate.attachment a on a.target_id = t.id and a.column_id is null {_STATE_FROM}
    where t.organization_id = $1 and {_SEEN} and t.id = any($3) and t.kind = 'COLLECTION' and t.status = 'ACTIVE'"""
_RESOLVE_TABLE = f"""
    select {TABLE_COLUMNS}, {_STATE}
    {TABLE_FROM} left join vectorgate.attachment a on a.column_id = v.id {_STATE_FROM}
    where t.organization_id = $1 and {_SEEN} and t.id = $3 and t.kind = 'TABLE' and t.status = 'ACTIVE' order by v.position"""
_SECRET = f"""
    select c.id as credential_id, c.organization_id, c.version as credential_version, c.sealed, s.id is not null as in_scope
    {_FROM} join vectorgate.database d on d.id = t.database_id {_STATE_FROM}
    where a.organization_id = $1 and {_SEEN} and a.id = $3"""


@dataclass(frozen=True, slots=True)
class Uses:
    """Which attachments are meant: a provider's, those of one credential of it, those in one database."""

    provider: str
    models: Sequence[str]
    """The provider's models that embed now."""
    regions: Sequence[str] | None
    """Where the provider can be used now; None: everywhere."""
    credential_name: str | None = None
    database_id: UUID | None = None
    available: bool | None = None
    """Only what can (True) or cannot (False) embed now; None: all."""


async def insert(connection: Connection, wanted: Attachment, target_id: UUID) -> bool:
    """Attach to a target; False when the integration was deactivated meanwhile. A deactivation waits for this transaction."""
    done: str = await connection.execute(
        _INSERT,
        wanted.id,
        wanted.organization_id,
        target_id,
        wanted.column_id,
        wanted.provider,
        wanted.integration_id,
        wanted.credential_name,
        wanted.model,
        wanted.dimension,
        wanted.parameters,
    )
    return done.endswith(" 1")


async def by_ids(
    connection: Connection, organization_id: UUID, databases: Sequence[UUID] | None, ids: Sequence[UUID]
) -> list[Attachment]:
    return records(Attachment, await connection.fetch(_BY_ID, organization_id, databases, ids))


async def of_collections(
    connection: Connection, organization_id: UUID, databases: Sequence[UUID] | None, collection_ids: Sequence[UUID]
) -> list[Attachment]:
    """The attachments of those collections that have one."""
    return records(Attachment, await connection.fetch(_OF_COLLECTIONS, organization_id, databases, collection_ids))


async def of_columns(
    connection: Connection, organization_id: UUID, databases: Sequence[UUID] | None, column_ids: Sequence[UUID]
) -> list[Attachment]:
    """The attachments of those vector columns that have one."""
    return records(Attachment, await connection.fetch(_OF_COLUMNS, organization_id, databases, column_ids))


async def delete_of_column(connection: Connection, organization_id: UUID, column_id: UUID) -> None:
    """Take off what is attached to a vector column, if there is something."""
    await connection.execute(_DELETE_OF_COLUMN, organization_id, column_id)


async def uses(
    connection: Connection,
    organization_id: UUID,
    databases: Sequence[UUID] | None,
    which: Uses,
    *,
    after: UUID | None = None,
    limit: int,
) -> list[Attachment]:
    """What is meant, in order of creation, as far as a token limited to `databases` sees it."""
    rows = await connection.fetch(_PAGE, organization_id, databases, *_given(which), after, limit)
    return records(Attachment, rows)


async def count_uses(
    connection: Connection, organization_id: UUID, databases: Sequence[UUID] | None, which: Uses
) -> int:
    """How many attachments `uses` would page through."""
    number: int = await connection.fetchval(_COUNT, organization_id, databases, *_given(which))
    return number


async def left(
    connection: Connection, organization_id: UUID, integration_id: UUID, limit: int
) -> tuple[list[str], int]:
    """`database.collection` of the first attachments of an integration, and how many there are in all."""
    rows = await connection.fetch(_LEFT, organization_id, integration_id, limit)
    return [row["name"] for row in rows], rows[0]["number"] if rows else 0


async def states(connection: Connection, organization_id: UUID, ids: Sequence[UUID]) -> dict[UUID, tuple[bool, bool]]:
    """Attachment id -> whether its credential exists, and whether its database is in that credential's scope."""
    rows = await connection.fetch(_STATES, organization_id, ids)
    return {row["id"]: (row["credential_exists"], row["in_scope"]) for row in rows}


async def target_names(connection: Connection, organization_id: UUID, ids: Sequence[UUID]) -> list[str]:
    """`database.collection` for each of these attachments."""
    return [row["name"] for row in await connection.fetch(_TARGET_NAMES, organization_id, ids)]


async def resolve(
    connection: Connection, organization_id: UUID, databases: Sequence[UUID] | None, ids: Sequence[UUID]
) -> dict[UUID, Resolved[Collection]]:
    """By id: collections with their database, attachment, credential and scope as they are now, without what is not there to be seen."""
    rows = await connection.fetch(_RESOLVE, organization_id, databases, ids)
    return {row["id"]: _resolved(_collection(row), row, None) for row in rows}


async def resolve_table(
    connection: Connection, organization_id: UUID, databases: Sequence[UUID] | None, table_id: UUID
) -> ResolvedTable | None:
    """A table with its columns, and the same for each of its vector columns."""
    rows = await connection.fetch(_RESOLVE_TABLE, organization_id, databases, table_id)
    if not rows:
        return None
    [home] = tables(rows)
    uses = {each.id: _resolved(home, row, each) for each, row in zip(home.columns, rows, strict=True) if each.dimension}
    return ResolvedTable(home, rows[0]["database_name"], DatabaseStatus(rows[0]["database_status"]), uses)


async def secret(
    connection: Connection, organization_id: UUID, databases: Sequence[UUID] | None, attachment_id: UUID
) -> tuple[SealedSecret | None, bool] | None:
    """The secret that an attachment uses now, if there is one, and whether it may; None when the attachment is gone."""
    row = await connection.fetchrow(_SECRET, organization_id, databases, attachment_id)
    return (_secret(row), row["in_scope"]) if row else None


def _given(which: Uses) -> tuple[object, ...]:
    """In the order of the placeholders."""
    named = which.credential_name, which.database_id
    return which.provider, *named, which.models, which.regions, which.available


def _resolved(target: T, row: Row, column: Column | None) -> Resolved[T]:
    status = DatabaseStatus(row["database_status"])
    use = _attachment(row, target, column) if row["attachment_id"] is not None else None
    return Resolved(target, row["database_name"], status, use, _secret(row), row["in_scope"])


def _secret(row: Row) -> SealedSecret | None:
    if row["credential_id"] is None:
        return None
    return SealedSecret(row["credential_id"], row["organization_id"], row["credential_version"], Sealed(row["sealed"]))


def _collection(row: Row) -> Collection:
    fields = {name: row[name] for name in Collection.__slots__}
    return Collection(**{**fields, "metric": Metric(row["metric"]) if row["metric"] else None})


def _attachment(row: Row, target: Collection | Table, column: Column | None) -> Attachment:
    return Attachment(
        id=row["attachment_id"],
        organization_id=target.organization_id,
        database_id=target.database_id,
        target_id=target.id,
        column_id=column.id if column else None,
        column_name=column.name if column else None,
        provider=row["provider"],
        integration_id=row["integration_id"],
        credential_name=row["credential_name"],
        model=row["model"],
        dimension=row["embedding_dimension"],
        parameters=row["parameters"],
    )
