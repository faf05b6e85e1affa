"""SQL of credentials. Their secrets leave here sealed, and only where they are about to be used or re-sealed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from app.postgres import Connection, Row
from app.secret import Sealed
from app.shape import Shape
from app.store import scoped_database
from app.store.identifier import Arguments, Statement
from app.store.record import Credential, SealedSecret, record, records
from app.store.written import Inner, Writer, identifier, listed, moment, number, text

# A previous secret whose time is over does not exist, also before the sweep has erased it.
_COLUMNS = """
    c.id, c.organization_id, c.integration_id, i.provider, c.name, c.hint, c.version, c.created_at, c.rotated_at, c.last_used_at,
    case when c.previous_expires_at > now() then c.previous_version end as previous_version,
    case when c.previous_expires_at > now() then c.previous_hint end as previous_hint,
    case when c.previous_expires_at > now() then c.previous_created_at end as previous_created_at,
    case when c.previous_expires_at > now() then c.previous_expires_at end as previous_expires_at"""
_FROM = "from vectorgate.credential c join vectorgate.integration i on i.id = c.integration_id"

_INSERT = """
    insert into vectorgate.credential (id, organization_id, integration_id, name, sealed, hint) values ($1, $2, $3, $4, $5, $6)
    on conflict on constraint credential_name_is_unique do nothing"""
_BY_ID = f"select {_COLUMNS} {_FROM} where c.organization_id = $1 and c.id = any($2)"
_OF_INTEGRATIONS = (
    f"select {_COLUMNS} {_FROM} where c.organization_id = $1 and c.integration_id = any($2) order by c.id"
)
_BY_NAME = f"""
    select {_COLUMNS} {_FROM}
    where c.organization_id = $1 and (c.integration_id, c.name) in (select * from unnest($2::uuid[], $3::text[]))"""
_LOCK = f"select {_COLUMNS} {_FROM} where c.organization_id = $1 and c.id = $2 for update of c"
_HOLD = f"select {_COLUMNS} {_FROM} where c.organization_id = $1 and c.id = any($2) order by c.id for key share of c"
_SECRET = "select id as credential_id, organization_id, version, sealed from vectorgate.credential where organization_id = $1 and id = $2"
_ROTATE = """
    update vectorgate.credential set
        sealed = $3, hint = $4, version = version + 1, rotated_at = now(),
        previous_sealed = case when keep then sealed end,
        previous_hint = case when keep then hint end,
        previous_version = case when keep then version end,
        previous_created_at = case when keep then coalesce(rotated_at, created_at) end,
        previous_expires_at = case when keep then now() + make_interval(secs => $5) end
    from (select $5::int > 0 as keep) as answer
    where organization_id = $1 and id = $2"""
_ROLL_BACK = """
    update vectorgate.credential set
        sealed = previous_sealed, hint = previous_hint, version = version + 1, rotated_at = now(),
        previous_sealed = null, previous_hint = null, previous_version = null, previous_created_at = null, previous_expires_at = null
    where organization_id = $1 and id = $2 and previous_expires_at > now()
    returning id"""
_DELETE = "delete from vectorgate.credential where organization_id = $1 and id = $2"
_FORGET = """
    update vectorgate.credential set
        previous_sealed = null, previous_hint = null, previous_version = null, previous_created_at = null, previous_expires_at = null
    where previous_expires_at <= now()"""
_USED = """
    update vectorgate.credential c set last_used_at = greatest(c.last_used_at, used.at)
    from unnest($1::uuid[], $2::timestamptz[]) as used (id, at) where c.id = used.id"""
_EVERY_SECRET = (
    "select id, organization_id, sealed, previous_sealed from vectorgate.credential where id > $1 order by id limit $2"
)
_KEY_IDS = """
    select distinct split_part(text, '.', 2) as key_id from vectorgate.credential
    cross join unnest(array[sealed, previous_sealed]) as secret (text) where text is not null"""
_RESEAL = """
    update vectorgate.credential set sealed = $3, previous_sealed = $5
    where id = $1 and sealed = $2 and previous_sealed is not distinct from $4 returning name"""


def _scope(item: Statement) -> Statement:
    scope, joined = listed(item, "s.id"), scoped_database.JOINED
    return Statement(f"""(
        select {scope} from {joined} where s.organization_id = $1 and s.credential_id = c.id
            and ((select databases from seen) is null or s.database_id = any((select databases from seen)::uuid[])))""")


WRITER = Writer(
    {
        "id": identifier("Credential", "c.id"),
        "name": text("c.name"),
        "hint": text("c.hint"),
        "version": number("c.version"),
        "created_at": moment("c.created_at"),
        "rotated_at": moment("c.rotated_at"),
        "last_used_at": moment("c.last_used_at"),
    },
    {"scoped_databases": Inner(scoped_database.WRITER, _scope)},
)
"""Of a `vectorgate.credential c`."""


async def insert(
    connection: Connection,
    organization_id: UUID,
    integration_id: UUID,
    credential_id: UUID,
    name: str,
    sealed: Sealed,
    hint: str,
) -> bool:
    """Whether the credential was added; False when the name is taken in its integration."""
    done: str = await connection.execute(
        _INSERT, credential_id, organization_id, integration_id, name, sealed.text, hint
    )
    return done.endswith(" 1")


async def by_ids(connection: Connection, organization_id: UUID, ids: Sequence[UUID]) -> list[Credential]:
    return records(Credential, await connection.fetch(_BY_ID, organization_id, ids))


async def of_integrations(
    connection: Connection, organization_id: UUID, integration_ids: Sequence[UUID]
) -> list[Credential]:
    """The credentials of several integrations, oldest first."""
    return records(Credential, await connection.fetch(_OF_INTEGRATIONS, organization_id, integration_ids))


async def written_of_integrations(
    connection: Connection,
    organization_id: UUID,
    integration_ids: Sequence[UUID],
    databases: Sequence[UUID] | None,
    shape: Shape,
) -> Mapping[UUID, str]:
    """As `of_integrations`, as JSON, scopes as far as a token limited to `databases` sees them; integrations without any are left out."""
    arguments = Arguments(organization_id, integration_ids, databases)
    found = listed(WRITER.object(shape, arguments), "c.id")
    rows = await connection.fetch(
        f"""with seen as (select $3::uuid[] as databases)
            select c.integration_id, {found} as written from vectorgate.credential c
            where c.organization_id = $1 and c.integration_id = any($2) group by c.integration_id""",
        *arguments,
    )
    return {row["integration_id"]: row["written"] for row in rows}


async def by_names(
    connection: Connection, organization_id: UUID, names: Sequence[tuple[UUID, str]]
) -> list[Credential]:
    """The credentials of these (integration id, name) pairs that exist now."""
    integration_ids, wanted = [integration_id for integration_id, _ in names], [name for _, name in names]
    return records(Credential, await connection.fetch(_BY_NAME, organization_id, integration_ids, wanted))


async def lock(connection: Connection, organization_id: UUID, credential_id: UUID) -> Credential | None:
    """The credential, locked until the transaction ends."""
    row = await connection.fetchrow(_LOCK, organization_id, credential_id)
    return record(Credential, row) if row else None


async def hold(connection: Connection, organization_id: UUID, ids: Sequence[UUID]) -> list[Credential]:
    """Those of these credentials that are there; none of them is removed until the transaction ends."""
    return records(Credential, await connection.fetch(_HOLD, organization_id, ids))


async def secret(connection: Connection, organization_id: UUID, credential_id: UUID) -> SealedSecret | None:
    """The secret in force, sealed."""
    row = await connection.fetchrow(_SECRET, organization_id, credential_id)
    return sealed_secret(row) if row else None


async def rotate(
    connection: Connection, organization_id: UUID, credential_id: UUID, sealed: Sealed, hint: str, keep_seconds: int
) -> None:
    """Put a new secret in force; the old one is kept for `keep_seconds`, or forgotten at once when that is 0."""
    await connection.execute(_ROTATE, organization_id, credential_id, sealed.text, hint, keep_seconds)


async def roll_back(connection: Connection, organization_id: UUID, credential_id: UUID) -> bool:
    """Put the kept secret in force again and forget the other; False when none is kept any more."""
    return await connection.fetchval(_ROLL_BACK, organization_id, credential_id) is not None


async def delete(connection: Connection, organization_id: UUID, credential_id: UUID) -> None:
    await connection.execute(_DELETE, organization_id, credential_id)


async def forget_expired(connection: Connection) -> None:
    """Erase every kept secret whose time is over (rule 15); housekeeping over all organizations."""
    await connection.execute(_FORGET)


async def note_use(connection: Connection, used: Mapping[UUID, datetime]) -> None:
    """Record when credentials were last used; housekeeping over all organizations."""
    await connection.execute(_USED, list(used), list(used.values()))


async def every_secret(
    connection: Connection, after: UUID, limit: int
) -> list[tuple[UUID, UUID, Sealed, Sealed | None]]:
    """A page of (credential id, organization id, secret, kept secret) of all organizations, for the operator's keys commands."""
    rows = await connection.fetch(_EVERY_SECRET, after, limit)
    return [
        (row["id"], row["organization_id"], Sealed(row["sealed"]), _maybe_sealed(row["previous_sealed"]))
        for row in rows
    ]


async def key_ids(connection: Connection) -> set[str]:
    """The ids of the keys that seal anything, of all organizations."""
    return {row["key_id"] for row in await connection.fetch(_KEY_IDS)}


async def reseal(
    connection: Connection, credential_id: UUID, old: Sequence[Sealed | None], new: Sequence[Sealed | None]
) -> str | None:
    """Replace the sealed forms, in force and kept, if they are still the old ones.

    The credential's name; None when a rotation came between.
    """
    texts = [side.text if side else None for pair in zip(old, new, strict=True) for side in pair]
    name: str | None = await connection.fetchval(_RESEAL, credential_id, *texts)
    return name


def sealed_secret(row: Row) -> SealedSecret:
    """A row's credential_id, organization_id, version and sealed."""
    return SealedSecret(row["credential_id"], row["organization_id"], row["version"], Sealed(row["sealed"]))


def _maybe_sealed(text: str | None) -> Sealed | None:
    return Sealed(text) if text is not None else None
