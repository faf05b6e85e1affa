"""The lock for making and dropping physical things: PostgreSQL's `if not exists` alone lets two who make the same thing collide."""

from __future__ import annotations

import asyncio
from uuid import UUID

from app.errors import DatabaseUnavailable
from app.postgres import Connection

LOOKS = 50
LOOK_SECONDS = 0.1
"""Between looks whether an index is still being built; so many, and whoever wants to change its table gives up."""

_ALONE = "select pg_advisory_xact_lock($1)"
_BRIEFLY = "set local lock_timeout = '5s'"
# Within a transaction the first look is what all others see; and what was looked with last, the build waits for.
_LOOK_NO_MORE = "select pg_stat_clear_snapshot()"
_IS_BUILDING = """
    select exists (
        select from pg_stat_progress_create_index where datname = current_database() and relid = to_regclass($1))"""


async def alone(connection: Connection, identifier: UUID) -> None:
    """Wait until nobody else makes or drops what this id names; nobody else begins until the transaction ends."""
    await connection.execute(_ALONE, key(identifier))


async def briefly(connection: Connection) -> None:
    """Let no statement of the transaction wait long for a lock on a table: whoever comes after it waits behind it."""
    await connection.execute(_BRIEFLY)


async def for_change(connection: Connection, table: str) -> None:
    """Let nobody else change a table until the transaction ends. Waits not for long, and for an index that is being built without a lock.

    Who waited for the build with one would be waited for by whoever reads and writes, and in the end by the build itself: a deadlock.
    """
    await briefly(connection)
    for _ in range(LOOKS):
        building = await connection.fetchval(_IS_BUILDING, table)
        await connection.execute(_LOOK_NO_MORE)
        if not building:
            break
        await asyncio.sleep(LOOK_SECONDS)
    else:
        raise DatabaseUnavailable("A vector index of the table is being built: try again when that has ended.")
    await connection.execute(f"lock table {table} in share update exclusive mode")


def key(identifier: UUID) -> int:
    """What PostgreSQL's advisory locks know an id by: its random half."""
    return int.from_bytes(identifier.bytes[8:], signed=True)
