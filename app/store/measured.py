"""Reading records whose size nobody knows beforehand: PostgreSQL measures them, and sends none of them if they are too much together."""

from __future__ import annotations

from collections.abc import Sequence

from app import allowance
from app.postgres import Connection, Row
from app.store.identifier import Arguments, Statement

SMALL_BYTES = 2_000
"""JSON that takes less and is not compressed is taken at its stored size, which costs nothing to know."""

COMPONENT_BYTES = 12
"""Of a vector's component as it is answered, in decimals."""


async def fetch(connection: Connection, statement: Statement, sizes: Sequence[str], arguments: Arguments) -> list[Row]:
    """The rows of a statement that begins with `select`, in its order. Raises LimitExceeded beyond what the answer may carry.

    `sizes`: expressions over the statement's columns, by the functions below. One row is always read, be it too large, so that
    the refusal can tell the size of all of them.
    """
    measured = bounded(statement, sizes, arguments)
    rows: list[Row] = await connection.fetch(measured, *arguments)
    spend(rows)
    return rows


def bounded(select: Statement, sizes: Sequence[str], arguments: Arguments) -> Statement:
    """A select that answers its first row alone where all are too much; `spend` has to be told what it answered."""
    left = allowance.current()
    if left is None or not sizes:
        return select
    size = " + ".join(f"coalesce({each}, 0)" for each in sizes)
    return Statement(f"""
        select * from (
            select *, (sum({size}) over ())::bigint as bytes_in_all, row_number() over () as place from ({select}) as read
        ) as measured where bytes_in_all <= {arguments.put(left.left)} or place = 1 order by place""")


def spend(rows: Sequence[Row]) -> None:
    """Take what a bounded select answered from what the answer may carry. Raises LimitExceeded."""
    left = allowance.current()
    if left is not None and rows:
        left.spend(rows[0].get("bytes_in_all") or 0)


def json(column: str) -> str:
    """The size of a jsonb column as text. PostgreSQL knows the stored size only, which compression makes no bound."""
    small = f"pg_column_compression({column}) is null and pg_column_size({column}) < {SMALL_BYTES:d}"
    return f"case when {small} then pg_column_size({column}) else octet_length({column}::text) end"


def text(column: str) -> str:
    """The size of a text column, which PostgreSQL knows without reading it."""
    return f"octet_length({column})"


def vector(column: str, dimension: int) -> str:
    """The size of a vector column as it is answered."""
    return f"case when {column} is not null then {dimension * COMPONENT_BYTES:d} end"
