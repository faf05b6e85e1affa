"""SQL of scopes: which databases each credential may serve."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from app.postgres import Connection
from app.shape import Shape
from app.store import database
from app.store.identifier import Arguments, Statement
from app.store.record import ScopedDatabase, new_id, records
from app.store.written import Inner, Writer, identifier, listed, moment

_COLUMNS = "s.id, s.organization_id, s.credential_id, s.database_id, s.added_at"
_SEEN = "($3::uuid[] is null or s.database_id = any($3))"
_ADD = """
    insert into vectorgate.scoped_database (id, organization_id, credential_id, database_id)
    select * from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[])
    on conflict on constraint database_is_in_scope_once do nothing"""
_PAIRS = f"""
    select {_COLUMNS} from vectorgate.scoped_database s
    where s.organization_id = $1 and s.credential_id = $2 and s.database_id = any($3) order by s.id"""
_BY_ID = (
    f"select {_COLUMNS} from vectorgate.scoped_database s where s.organization_id = $1 and s.id = any($2) and {_SEEN}"
)
_OF_CREDENTIALS = f"""
    select {_COLUMNS} from vectorgate.scoped_database s
    where s.organization_id = $1 and s.credential_id = any($2) and {_SEEN} order by s.id"""
_OF_DATABASES = f"""
    select {_COLUMNS} from vectorgate.scoped_database s
    where s.organization_id = $1 and s.database_id = any($2) order by s.id"""
_REMOVE = "delete from vectorgate.scoped_database where organization_id = $1 and credential_id = $2 and database_id = $3 returning id"

WRITER = Writer(
    {"id": identifier("ScopedDatabase", "s.id"), "added_at": moment("s.added_at")},
    {"database": Inner(database.WRITER, lambda joined: joined)},
)
"""Of what `JOINED` joins."""
JOINED = Statement("vectorgate.scoped_database s join vectorgate.database d on d.id = s.database_id")


async def add(
    connection: Connection, organization_id: UUID, credential_ids: Sequence[UUID], database_ids: Sequence[UUID]
) -> None:
    """Put every database in the scope of every credential; what is there already stays as it is."""
    pairs = [(credential_id, database_id) for credential_id in credential_ids for database_id in database_ids]
    owners = [organization_id] * len(pairs)
    await connection.execute(
        _ADD, [new_id() for _ in pairs], owners, [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    )


async def pairs(
    connection: Connection, organization_id: UUID, credential_id: UUID, database_ids: Sequence[UUID]
) -> list[ScopedDatabase]:
    """The part of a credential's scope that lies among these databases."""
    return records(ScopedDatabase, await connection.fetch(_PAIRS, organization_id, credential_id, database_ids))


async def by_ids(
    connection: Connection, organization_id: UUID, ids: Sequence[UUID], databases: Sequence[UUID] | None
) -> list[ScopedDatabase]:
    return records(ScopedDatabase, await connection.fetch(_BY_ID, organization_id, ids, databases))


async def of_credentials(
    connection: Connection, organization_id: UUID, credential_ids: Sequence[UUID], databases: Sequence[UUID] | None
) -> list[ScopedDatabase]:
    """The scopes of several credentials, as far as a token limited to `databases` sees them."""
    return records(ScopedDatabase, await connection.fetch(_OF_CREDENTIALS, organization_id, credential_ids, databases))


async def written_of_credentials(
    connection: Connection,
    organization_id: UUID,
    credential_ids: Sequence[UUID],
    databases: Sequence[UUID] | None,
    shape: Shape,
) -> Mapping[UUID, str]:
    """As `of_credentials`, each scope as JSON; those of credentials without one are left out."""
    arguments = Arguments(organization_id, credential_ids, databases)
    scope, joined, seen = listed(WRITER.object(shape, arguments), "s.id"), JOINED, Statement(_SEEN)
    rows = await connection.fetch(
        f"""select s.credential_id, {scope} as written from {joined}
            where s.organization_id = $1 and s.credential_id = any($2) and {seen} group by s.credential_id""",
        *arguments,
    )
    return {row["credential_id"]: row["written"] for row in rows}


async def of_databases(
    connection: Connection, organization_id: UUID, database_ids: Sequence[UUID]
) -> list[ScopedDatabase]:
    """All scopes that hold these databases."""
    return records(ScopedDatabase, await connection.fetch(_OF_DATABASES, organization_id, database_ids))


async def remove(connection: Connection, organization_id: UUID, credential_id: UUID, database_id: UUID) -> UUID | None:
    """The id of what was taken out of the scope; None when it was not in it."""
    removed: UUID | None = await connection.fetchval(_REMOVE, organization_id, credential_id, database_id)
    return removed
