"""SQL of vector search: one statement that answers the nearest documents, approximately where that is as good, exactly where it is not.

The approximate part (HNSW, iterative scan) runs only when the table, or what the filter leaves of it, is large; when it comes up
short, the exact part of the same statement runs instead, so that no filter ever costs a row (rules 32 and 34).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from app.postgres import Connection
from app.store import vector
from app.store.document import Wanted, document, table
from app.store.dropped import dropped_is_not_found
from app.store.filter import EVERYTHING, document_filter
from app.store.identifier import REGION_SCHEMA, Arguments
from app.store.record import Collection, Metric, Neighbour, Neighbours, Vector

SMALL_TABLE_BYTES = 2 * 1024 * 1024
"""Below this, comparing every vector is as fast as the index."""

FEW_MATCHES = 2_000
"""A filter that leaves no more than this is answered exactly: faster than scanning the index past what it rejects.

The index is scanned past about 20 * rows / matches, the exact part compares the matches: they meet at the root of 20 * rows.
"""

SPARE = 10
"""Candidates beyond those asked for: among them a farther one must be, to know that the others are all that are as near."""

DEAR = "(select count(*) > 0 from generate_series(1, 1000) as number where number::text = key)"
"""A condition that the planner takes for expensive. Not so much that it would have the statement compiled (jit_above_cost)."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A query vector to be kept for the next page."""

    id: UUID
    model: str
    seconds: int


@dropped_is_not_found
async def nearest(
    connection: Connection,
    collection: Collection,
    query: Vector,
    *,
    wanted: Wanted,
    given: Mapping[str, object] | None,
    after: tuple[float, str] | None,
    limit: int,
    keep: Kept | None,
) -> Neighbours:
    """At most `limit` documents in order of distance, then key, behind (distance, key) `after`."""
    arguments = Arguments()
    statement = _statement(collection, query, wanted, given, after, limit, arguments)
    rows = await connection.fetch(_keeping(keep, collection, query, arguments) + statement, *arguments)
    found = [Neighbour(document(row), row["distance"]) for row in rows]
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


def _statement(
    collection: Collection,
    query: Vector,
    wanted: Wanted,
    given: Mapping[str, object] | None,
    after: tuple[float, str] | None,
    limit: int,
    arguments: Arguments,
) -> str:
    """Common table expressions and the select, without the word `with`."""
    dimension, metric = collection.dimension or 0, collection.metric or Metric.COSINE
    asked = arguments.put(query)
    distance = vector.distance("vector", asked, metric)
    ranked = vector.index_order("vector", asked, dimension, metric)
    condition = document_filter(given, arguments)
    behind = f"and ({distance}, key) > ({arguments.put(after[0])}::float8, {arguments.put(after[1])})" if after else ""
    columns = wanted.columns(collection)
    home = table(collection)
    rows = f"vector is not null and {condition} {behind}"
    candidates = (limit if ranked == distance else 2 * limit) + SPARE
    large = _is_large(home, condition) if vector.indexed_type(dimension) else "false"
    # "offset 0" keeps the planner from answering the exact part with the index, too
    return f"""
        approximate as materialized (
            select {columns}, {distance} as distance, {ranked} as ranked from {home}
            where {large} and {_by_index(rows)} order by ranked limit {candidates:d}
        ), found as materialized ({_complete(candidates, limit)})
        (select {columns}, distance, false as exact from approximate where (select complete from found)
         union all
         (select * from (
            select {columns}, {distance} as distance, true as exact
            from {home} where {rows} and not (select complete from found) offset 0
          ) as every_one order by distance, key limit {limit:d}))
        order by distance, key limit {limit:d}"""


def _by_index(condition: str) -> str:
    """The condition in a form that leaves the planner the index alone.

    It takes conditions on JSON for rare, and vectors for cheap to read, not counting that they lie elsewhere (in TOAST): it would
    rather compare all of them, though there are many. Here it sees no condition that it knows, and a branch that is dear and never taken.
    """
    return f"case when {condition} then true when key = '' then {DEAR} else false end"


def _complete(candidates: int, limit: int) -> str:
    """Whether the index found enough: as many as were asked of it, the last of which are farther than any that is answered.

    Among equally distant documents the index picks any, and pages go by key: one that it left out would never be seen.
    """
    return f"""
        select count(*) = {candidates:d} and max(ranked) > (
            select max(ranked) from (select ranked from approximate order by distance, key limit {limit:d}) as answered
        ) as complete from approximate"""


def _is_large(home: str, condition: str) -> str:
    """Whether the index is worth its approximation; both forms are evaluated once, before any row is read."""
    if condition == EVERYTHING:
        return f"(select pg_table_size('{home}'::regclass) > {SMALL_TABLE_BYTES:d})"
    return f"(select count(*) > {FEW_MATCHES:d} from (select from {home} where {condition} limit {FEW_MATCHES + 1:d}) as few)"


def _keeping(keep: Kept | None, collection: Collection, query: Vector, arguments: Arguments) -> str:
    """Keeping the query vector rides on the same statement, so that paging costs no round trip of its own."""
    if keep is None:
        return "with "
    values = [
        arguments.put(value)
        for value in (keep.id, collection.organization_id, query.astype("<f4").tobytes(), keep.model, keep.seconds)
    ]
    return f"""
        with kept as (
            insert into {REGION_SCHEMA}.query_vector (id, organization_id, vector, model, expires_at)
            values ({values[0]}, {values[1]}, {values[2]}, {values[3]}, now() + make_interval(secs => {values[4]}))
            on conflict (id) do update set expires_at = excluded.expires_at where query_vector.organization_id = excluded.organization_id
        ), """
