"""SQL of HNSW indexes, of whichever table: made empty with it, dropped before it is filled, built while others read and write."""

from __future__ import annotations

from dataclasses import dataclass

from app.postgres import Connection
from app.store.identifier import Statement, quoted
from app.store.lock import for_change

# The server ends a build whose client is gone; otherwise it would notice at its end, and the next build would wait for it.
_GIVE_UP = "set client_connection_check_interval = '1s'"
_IS_BUILT = "select exists (select from pg_index where indexrelid = to_regclass($1) and indisvalid)"
_PROGRESS = "select tuples_done from pg_stat_progress_create_index where index_relid = to_regclass($1)"


@dataclass(frozen=True, slots=True)
class Index:
    """Where it is, or will be: names as `identifier` makes them, quoted; without an expression every vector is compared."""

    home: str
    schema: str
    name: str
    expression: str | None = None

    def path(self) -> str:
        """Its name with its schema."""
        return f"{self.schema}.{quoted(self.name)}"

    def definition(self, expression: str) -> Statement:
        """What stands behind the words that create it."""
        return Statement(f"{quoted(self.name)} on {self.home} using hnsw ({expression})")


async def create(connection: Connection, index: Index) -> None:
    """In a transaction, for a table that holds no vectors there yet. Does nothing when it is there."""
    if index.expression is not None:
        await connection.execute(f"create index if not exists {index.definition(index.expression)}")


async def build(connection: Connection, index: Index) -> None:
    """Outside a transaction, in the place of one that is there, while others read and write.

    Broken off, it leaves an index that takes time and is of no use: `discard` it.
    """
    await connection.execute(_GIVE_UP)
    await discard(connection, index)
    if index.expression is not None:
        await connection.execute(f"create index concurrently {index.definition(index.expression)}")


async def discard(connection: Connection, index: Index) -> None:
    """Outside a transaction, for as long as it takes: nobody waits for it. Does nothing when there is none."""
    await connection.execute(f"drop index concurrently if exists {index.path()}")


async def is_built(connection: Connection, index: Index) -> bool:
    """Whether it is there, and was built to its end."""
    built: bool = await connection.fetchval(_IS_BUILT, index.path())
    return built


async def progress(connection: Connection, index: Index) -> int:
    """How many vectors a build has taken in; 0 when none is going on."""
    taken_in: int | None = await connection.fetchval(_PROGRESS, index.path())
    return taken_in or 0


async def drop(connection: Connection, index: Index) -> None:
    """In a transaction; does nothing when there is none. Does not wait for long."""
    await for_change(connection, index.home)
    await connection.execute(f"drop index if exists {index.path()}")
