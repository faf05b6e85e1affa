"""The fence between changes of a table and writes: no write is committed that was prepared before a change that it must know of.

A change raises the version in the catalogue, then here, then waits for the writes in flight; a write looks here before it is committed.
"""

from __future__ import annotations

from uuid import UUID

from app.postgres import Connection
from app.store.identifier import row_table
from app.store.record import Table

_RAISE = """
    insert into vectorgate_region.table_version as known (table_id, version) values ($1, $2)
    on conflict (table_id) do update set version = excluded.version where known.version < excluded.version"""
_WRITING = """
    select virtualtransaction from pg_locks
    where relation = to_regclass($1) and mode = 'RowExclusiveLock' and granted
    and database = (select oid from pg_database where datname = current_database())"""
_VERSION = "select version from vectorgate_region.table_version where table_id = $1"


class TableChangedError(Exception):
    """The table is not any more as it was when the work on it was prepared: what was done is to be undone, and begun anew."""

    def __init__(self, table_id: UUID) -> None:
        super().__init__(f"table {table_id} was changed meanwhile")


async def check(connection: Connection, table: Table) -> None:
    """In a write's transaction, after all that it writes. Raises TableChangedError when the table has changed since it was read."""
    version = await connection.fetchval(_VERSION, table.id)
    if version is not None and version > table.version:
        raise TableChangedError(table.id)


async def write(connection: Connection, table: Table) -> None:
    """Let every write that is checked from now on know of the table's version; an older one changes nothing."""
    await connection.execute(_RAISE, table.id, table.version)


async def writing(connection: Connection, table: Table) -> set[str]:
    """The transactions that write to the table now, as far as they have begun to. A lock on the table would stop all others, too."""
    found = await connection.fetch(_WRITING, row_table(table.database_id, table.id))
    return {row["virtualtransaction"] for row in found}
