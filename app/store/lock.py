"""The lock for making and dropping physical things: PostgreSQL's `if not exists` alone lets two who make the same thing collide."""

from __future__ import annotations

from uuid import UUID

from app.postgres import Connection

_ALONE = "select pg_advisory_xact_lock($1)"
_BRIEFLY = "set local lock_timeout = '5s'"


async def alone(connection: Connection, identifier: UUID) -> None:
    """Wait until nobody else makes or drops what this id names; nobody else begins until the transaction ends."""
    await connection.execute(_ALONE, key(identifier))


async def briefly(connection: Connection) -> None:
    """Let no statement of the transaction wait long for a lock on a table: whoever comes after it waits behind it."""
    await connection.execute(_BRIEFLY)


async def for_change(connection: Connection, table: str) -> None:
    """Let nobody else change a table until the transaction ends; waits not for long, and then, for an index in the making, alone.

    A lock that readers and writers pass is taken first: what they conflict with would wait for the build, and they behind it.
    """
    await briefly(connection)
    await connection.execute(f"lock table {table} in share update exclusive mode")


def key(identifier: UUID) -> int:
    """What PostgreSQL's advisory locks know an id by: its random half."""
    return int.from_bytes(identifier.bytes[8:], signed=True)
