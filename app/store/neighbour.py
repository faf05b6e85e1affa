"""SQL of vector search: one statement that answers the nearest records, approximately where that is as good, exactly where it is not.

The approximate part (HNSW, iterative scan) runs only when the table, or what the filter leaves of it, is large; when it comes up
short, the exact part of the same statement runs instead, so that no filter ever costs a record (rules 32 and 34).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias, TypeVar
from uuid import UUID

from app.postgres import EF_SEARCH, Connection
from app.store import measured, vector
from app.store.changed import changed_is_told
from app.store.filter import EVERYTHING
from app.store.identifier import REGION_SCHEMA, Arguments, Statement
from app.store.record import Neighbour, Neighbours, Vector
from app.store.space import Space

R = TypeVar("R")

Behind: TypeAlias = tuple[float, str]
"""A place in a ranking: a distance and a stored key."""

SMALL_TABLE_BYTES = 2 * 1024 * 1024
"""Below this, comparing every vector is as fast as the index."""

FEW_MATCHES = 2_000
"""A filter that leaves no more than this is answered exactly: faster than scanning the index past what it rejects.

The index is scanned past about 20 * rows / matches, the exact part compares the matches: they meet at the root of 20 * rows.
"""

WIDER = 4
"""Candidates for each record asked for, where the index is scanned in several goes: what is found late may be nearer.

Measured on sentences of documentation (README of `bench`): with as many as were asked for, recall was .95 at a selectivity of 10 %
and for 100 hits, with four times as many .985. A single go finds as much where no more than a third of it is asked for.
"""

SPARE = 10
"""Candidates beyond those asked for: among them a farther one must be, to know that the others are all that are as near."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A query vector to be kept for the next page."""

    id: UUID
    organization_id: UUID
    model: str
    seconds: int


@changed_is_told
async def nearest(
    connection: Connection, space: Space[R], query: Vector, *, after: Behind | None, limit: int, keep: Kept | None
) -> Neighbours[R]:
    """At most `limit` records in order of distance, then key, behind the place `after`."""
    arguments = Arguments()
    statement = _statement(space, query, after, limit, arguments)
    rows = await connection.fetch(_keeping(keep, query, arguments) + statement, *arguments)
    measured.spend(rows)
    found = [Neighbour(space.record(row), row["distance"]) for row in rows]
    return Neighbours(found, exact=all(row["exact"] for row in rows))


async def kept(connection: Connection, organization_id: UUID, query_id: UUID) -> tuple[bytes, str] | None:
    """A query vector that was kept, as little-endian float32, and its model; None when its time is over."""
    row = await connection.fetchrow(
        f"select vector, model from {REGION_SCHEMA}.query_vector where organization_id = $1 and id = $2 and expires_at > now()",
        organization_id,
        query_id,
    )
    return (row["vector"], row["model"]) if row else None


async def forget_expired(connection: Connection) -> None:
    """Delete query vectors whose time is over."""
    await connection.execute(f"delete from {REGION_SCHEMA}.query_vector where expires_at <= now()")


def _statement(space: Space[R], query: Vector, after: Behind | None, limit: int, arguments: Arguments) -> str:
    """Common table expressions and the select, without the word `with`."""
    asked = arguments.put(query)
    distance = vector.distance(space.vector, asked, space.metric)
    ranked = vector.index_order(space.vector, asked, space.dimension, space.metric)
    condition = space.condition(arguments)
    home, columns, key = space.home, space.columns, ", ".join(space.key)
    rows = f"{space.vector} is not null and {condition} {_behind(space, distance, after, arguments)}"
    candidates = _candidates(limit, filtered=condition != EVERYTHING or after is not None, reranked=ranked != distance)
    large = _is_large(home, condition) if vector.indexed_type(space.dimension) else "false"
    # "offset 0" keeps the planner from answering the exact part with the index, too
    nearest = Statement(f"""
        (select {columns}, distance, false as exact from approximate where (select complete from found)
         union all
         (select * from (
            select {columns}, {distance} as distance, true as exact
            from {home} where {rows} and not (select complete from found) offset 0
          ) as every_one order by distance, {key} limit {limit:d}))
        order by distance, {key} limit {limit:d}""")
    return f"""
        approximate as materialized (
            select {columns}, {distance} as distance, {ranked} as ranked from {home}
            where {large} and {_by_index(rows, space.key[0])} order by ranked limit {candidates:d}
        ), found as materialized ({_complete(space, candidates, limit)})
        {measured.bounded(nearest, space.sizes, arguments)}"""


def _candidates(limit: int, *, filtered: bool, reranked: bool) -> int:
    """How many records the index is asked for. `reranked`: it orders by half precision."""
    if filtered or 3 * limit > EF_SEARCH:
        return WIDER * limit + SPARE
    return (2 * limit if reranked else limit) + SPARE


def _behind(space: Space[R], distance: str, after: Behind | None, arguments: Arguments) -> str:
    """The condition that leaves what is ranked behind a place."""
    if after is None:
        return ""
    far, key = after
    place = [f"{arguments.put(far)}::float8", *space.place(key, arguments)]
    return f"and ({', '.join([distance, *space.key])}) > ({', '.join(place)})"


def _by_index(condition: str, column: str) -> str:
    """The condition in a form that leaves the planner the index alone.

    It takes conditions on JSON for rare, and vectors for cheap to read, not counting that they lie elsewhere (in TOAST): it would
    rather compare all of them, though there are many. Here it sees no condition that it knows, and a branch that is dear, which
    is hardly ever taken and never true. Dear, but not so much that it would have the statement compiled (jit_above_cost).
    """
    dear = f"(select count(*) > 0 from generate_series(1, 1000) as number where number::text = {column}::text)"
    return f"case when {condition} then true when {column}::text = '' then {dear} else false end"


def _complete(space: Space[R], candidates: int, limit: int) -> str:
    """Whether the index found enough: as many as were asked of it, the last of which are farther than any that is answered.

    Among equally distant records the index picks any, and pages go by key: one that it left out would never be seen. Distances
    that are infinite or no numbers (pgvector adds up in 32 bits, and NaN counts as the largest) lead it astray.
    """
    key = ", ".join(space.key)
    return f"""
        select count(*) = {candidates:d} and max(ranked) > (
            select max(ranked) from (select ranked from approximate order by distance, {key} limit {limit:d}) as answered
        ) and max(ranked) < 'infinity' and min(ranked) > '-infinity' as complete from approximate"""


def _is_large(home: str, condition: str) -> str:
    """Whether the index is worth its approximation; both forms are evaluated once, before any row is read."""
    if condition == EVERYTHING:
        return f"(select pg_table_size('{home}'::regclass) > {SMALL_TABLE_BYTES:d})"
    return f"(select count(*) > {FEW_MATCHES:d} from (select from {home} where {condition} limit {FEW_MATCHES + 1:d}) as few)"


def _keeping(keep: Kept | None, query: Vector, arguments: Arguments) -> str:
    """Keeping the query vector rides on the same statement, so that paging costs no round trip of its own."""
    if keep is None:
        return "with "
    kept_as = (keep.id, keep.organization_id, query.astype("<f4").tobytes(), keep.model, keep.seconds)
    values = [arguments.put(value) for value in kept_as]
    return f"""
        with kept as (
            insert into {REGION_SCHEMA}.query_vector (id, organization_id, vector, model, expires_at)
            values ({values[0]}, {values[1]}, {values[2]}, {values[3]}, now() + make_interval(secs => {values[4]}))
            on conflict (id) do update set expires_at = excluded.expires_at where query_vector.organization_id = excluded.organization_id
        ), """
