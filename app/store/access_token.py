"""SQL of access tokens. Only their hashes are stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from app.postgres import Connection, Row
from app.store.record import AccessToken, Organization, new_id, record, records

_COLUMNS = "id, organization_id, name, hint, roles, database_ids, created_at, expires_at, last_used_at, revoked_at"
_INSERT = f"""
    insert into vectorgate.access_token (id, organization_id, name, secret_hash, hint, roles, database_ids, expires_at)
    values ($1, $2, $3, $4, $5, $6, $7, $8)
    on conflict do nothing returning {_COLUMNS}"""
_USABLE = "t.revoked_at is null and (t.expires_at is null or t.expires_at > now())"
_VALID = f"""
    select asked.hash, id, name, roles, database_ids, organization_id, organization_name, organization_created_at as created_at, permissions
    from unnest($1::bytea[]) as asked (hash) cross join lateral vectorgate.token_of(asked.hash) t where {_USABLE}"""
_RETIRE = """
    update vectorgate.access_token set revoked_at = now()
    where organization_id = $1 and name = $2 and revoked_at is null and expires_at <= now()"""
_IN_FORCE = f"select t.secret_hash from vectorgate.access_token t where t.secret_hash = any($1) and {_USABLE}"
_PAGE = f"""
    select {_COLUMNS} from vectorgate.access_token
    where organization_id = $1 and ($2::uuid is null or id > $2) order by id limit $3"""
_COUNT = "select count(*) from vectorgate.access_token where organization_id = $1"
_BY_ID = f"select {_COLUMNS} from vectorgate.access_token where organization_id = $1 and id = any($2)"
_REVOKE = f"""
    update vectorgate.access_token set revoked_at = coalesce(revoked_at, now())
    where organization_id = $1 and id = $2 returning {_COLUMNS}"""
_TAKE_ROLE = f"""
    update vectorgate.access_token t set roles = array_remove(t.roles, $2)
    where t.organization_id = $1 and $2 = any(t.roles) and {_USABLE} returning t.name"""
_BOOTSTRAP = "select secret_hash from vectorgate.access_token where bootstrap"
_PUT_BOOTSTRAP = """
    insert into vectorgate.access_token (id, organization_id, name, secret_hash, hint, roles, bootstrap)
    values ($1, $2, $3, $4, $5, $6, true)
    on conflict (bootstrap) where bootstrap do update set
        organization_id = excluded.organization_id, secret_hash = excluded.secret_hash, hint = excluded.hint,
        created_at = now(), last_used_at = null, revoked_at = null
    returning id"""
_USED = """
    update vectorgate.access_token t set last_used_at = greatest(t.last_used_at, used.at)
    from unnest($1::uuid[], $2::timestamptz[]) as used (id, at) where t.id = used.id"""


@dataclass(frozen=True, slots=True)
class Valid:
    """A token that may be used now, with its organization: all that a request's start needs, in one read.

    `permissions`: what those of its roles give that the organization has made, by name.
    """

    id: UUID
    name: str
    roles: list[str]
    permissions: list[str]
    database_ids: list[UUID] | None
    organization: Organization


async def insert(
    connection: Connection,
    organization_id: UUID,
    name: str,
    secret_hash: bytes,
    hint: str,
    roles: Sequence[str],
    *,
    database_ids: Sequence[UUID] | None = None,
    expires_at: datetime | None = None,
) -> AccessToken | None:
    """The new token; None when a token of that name is in force. One that has expired leaves its name to it, for good."""
    await connection.execute(_RETIRE, organization_id, name)
    row = await connection.fetchrow(
        _INSERT, new_id(), organization_id, name, secret_hash, hint, roles, database_ids, expires_at
    )
    return record(AccessToken, row) if row else None


async def valid(connection: Connection, hashes: Sequence[bytes]) -> dict[bytes, Valid]:
    """By hash: those tokens that are neither unknown nor revoked nor expired.

    An index look-up by hash leaks no timing about secrets.
    """
    return {row["hash"]: _valid(row) for row in await connection.fetch(_VALID, hashes)}


async def in_force(connection: Connection, hashes: Sequence[bytes]) -> list[bytes]:
    """The hashes that `valid` would find a token for."""
    return [row["secret_hash"] for row in await connection.fetch(_IN_FORCE, hashes)]


async def page(connection: Connection, organization_id: UUID, after: UUID | None, limit: int) -> list[AccessToken]:
    """Tokens in order of creation, revoked ones included."""
    return records(AccessToken, await connection.fetch(_PAGE, organization_id, after, limit))


async def count(connection: Connection, organization_id: UUID) -> int:
    number: int = await connection.fetchval(_COUNT, organization_id)
    return number


async def by_ids(connection: Connection, organization_id: UUID, ids: Sequence[UUID]) -> list[AccessToken]:
    return records(AccessToken, await connection.fetch(_BY_ID, organization_id, ids))


async def revoke(connection: Connection, organization_id: UUID, token_id: UUID) -> AccessToken | None:
    """The token, revoked now or before; None when there is no such token."""
    row = await connection.fetchrow(_REVOKE, organization_id, token_id)
    return record(AccessToken, row) if row else None


async def take_role(connection: Connection, organization_id: UUID, role: str) -> list[str]:
    """Take a role from the tokens in force; answers their names in order."""
    return sorted(row["name"] for row in await connection.fetch(_TAKE_ROLE, organization_id, role))


async def bootstrap_hash(connection: Connection) -> bytes | None:
    """The hash of the bootstrap token, revoked or not; the deployment has one at most."""
    found: bytes | None = await connection.fetchval(_BOOTSTRAP)
    return found


async def put_bootstrap(
    connection: Connection, organization_id: UUID, name: str, secret_hash: bytes, hint: str, roles: Sequence[str]
) -> UUID:
    """Let this be the bootstrap token, in the place of the one before; answers its id, which stays."""
    found: UUID = await connection.fetchval(_PUT_BOOTSTRAP, new_id(), organization_id, name, secret_hash, hint, roles)
    return found


async def note_use(connection: Connection, used: Mapping[UUID, datetime]) -> None:
    """Record when tokens were last used; housekeeping over all organizations."""
    await connection.execute(_USED, list(used), list(used.values()))


def _valid(row: Row) -> Valid:
    organization = Organization(row["organization_id"], row["organization_name"], row["created_at"])
    return Valid(row["id"], row["name"], row["roles"], row["permissions"], row["database_ids"], organization)
