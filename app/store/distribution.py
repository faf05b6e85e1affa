"""Spreading new tables over the nodes of a cluster that has Citus: the one place that knows of it. See docs/scaling.md."""

from __future__ import annotations

from app.postgres import Connection

_IS_THERE = "select exists (select from pg_extension where extname = 'citus')"
_DISTRIBUTE = """
    select create_distributed_table($1, $2, colocate_with => 'none')
    where not exists (select from pg_dist_partition where logicalrelid = $1::regclass)"""


async def distribute(connection: Connection, table: str, column: str) -> None:
    """In the transaction that makes a table, before its indexes: its rows are spread by a column of its primary key.

    Does nothing in a cluster without the extension, and to a table that is spread already.
    """
    if await connection.fetchval(_IS_THERE):
        await connection.execute(_DISTRIBUTE, table, column)
