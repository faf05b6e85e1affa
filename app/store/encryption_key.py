"""SQL of the keys that are known by their fingerprints; the keys themselves are never here."""

from __future__ import annotations

from app.postgres import Connection

_ALL = "select id, fingerprint from vectorgate.encryption_key"
_HELD = "select fingerprint from vectorgate.encryption_key where id = $1 for share"
_LOCK = "lock table vectorgate.encryption_key in exclusive mode"
_PUT = """
    insert into vectorgate.encryption_key (id, fingerprint) values ($1, $2)
    on conflict (id) do update set fingerprint = excluded.fingerprint, known_since = now()"""


async def known(connection: Connection) -> dict[str, bytes]:
    """Fingerprints by key id."""
    return {row["id"]: row["fingerprint"] for row in await connection.fetch(_ALL)}


async def hold(connection: Connection, key_id: str) -> bytes | None:
    """The fingerprint of one, which stays what it is until the transaction ends."""
    found: bytes | None = await connection.fetchval(_HELD, key_id)
    return found


async def lock(connection: Connection) -> None:
    """Until the transaction ends, nobody seals anything, and nobody else says which keys are known."""
    await connection.execute(_LOCK)


async def put(connection: Connection, key_id: str, fingerprint: bytes) -> None:
    """From now on this is the key of that id."""
    await connection.execute(_PUT, key_id, fingerprint)
