"""Vector search in SQL, against comparing everything with numpy: what it finds, pages through, and says of itself."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from uuid import uuid4

import numpy as np
import pytest
from numpy.typing import NDArray
from pgvector import Vector as Wire

from app.postgres import Connection
from app.store import collection as collections
from app.store import neighbour, space
from app.store.document import Wanted, table
from app.store.identifier import Arguments
from app.store.key import encode_key
from app.store.neighbour import Behind, Kept, nearest
from app.store.record import Collection, Document, Metric, Neighbours, Vector
from tests.app.store.plain import Json
from tests.app.store.support import make_collection, new, put, undone

Matrix = NDArray[np.float32]

ROWS, DIMENSION = 20_000, 64
PARTS = 100
"""Every row says in `n` which of so many parts it is in."""
EQUAL = range(ROWS - 1000, ROWS)
"""These rows have one and the same vector, far from all others. They come last: what begins with equal ones becomes a bad graph."""
GOOD_RECALL = 0.98


def meaningful(rows: int, dimension: int, seed: int) -> Matrix:
    """Vectors as of texts: many numbers that say a few things, so that some are near each other."""
    generator = np.random.default_rng(seed)
    spread = np.random.default_rng(0).standard_normal((8, dimension))
    noise = generator.standard_normal((rows, dimension)) / 20
    return (generator.standard_normal((rows, 8)) @ spread + noise).astype(np.float32)


async def fill(connection: Connection, home: Collection, vectors: Matrix) -> None:
    """Copy rows in, numbered from 0, and index them afterwards, which is faster."""
    schema, name = table(home).replace('"', "").split(".")
    await connection.execute(f'drop index if exists "{schema}".c_{home.id.hex}_vector')
    rows = [(encode_key(row), {"n": row % PARTS}, Wire(each)) for row, each in enumerate(vectors)]
    await connection.copy_records_to_table(name, schema_name=schema, columns=["key", "body", "vector"], records=rows)
    async with connection.transaction():
        await collections.create_table(connection, home)
    await connection.execute(f"analyze {table(home)}")


async def made(connection: Connection, vectors: Matrix, metric: Metric = Metric.COSINE) -> Collection:
    home = await make_collection(connection, vectors.shape[1], metric)
    await fill(connection, home, vectors)
    return home


@pytest.fixture(scope="module")
def vectors() -> Matrix:
    rows = meaningful(ROWS, DIMENSION, seed=1)
    rows[EQUAL] = np.random.default_rng(9).standard_normal(DIMENSION)
    return rows


@pytest.fixture(scope="module")
def queries() -> Matrix:
    return meaningful(40, DIMENSION, seed=2)


@pytest.fixture(scope="module")
async def large(connection: Connection, vectors: Matrix) -> Collection:
    return await made(connection, vectors)


@pytest.fixture
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the index be used for as few rows as these tests have."""
    monkeypatch.setattr(neighbour, "SMALL_TABLE_BYTES", 0)
    monkeypatch.setattr(neighbour, "FEW_MATCHES", 20)


async def search(
    connection: Connection,
    home: Collection,
    query: Vector,
    limit: int = 10,
    given: Mapping[str, Json] | None = None,
    after: Behind | None = None,
) -> Neighbours[Document]:
    place = space.documents(home, Wanted(), given)
    return await nearest(connection, place, query, after=after, limit=limit, keep=None)


def rows_of(found: Neighbours[Document]) -> list[int]:
    return [int(each.record.key) for each in found.nearest]


def distances(vectors: Matrix, query: Vector, metric: Metric = Metric.COSINE) -> NDArray[np.float64]:
    rows, asked = vectors.astype(np.float64), query.astype(np.float64)
    match metric:
        case Metric.COSINE:
            found = 1 - rows @ asked / np.linalg.norm(rows, axis=1) / np.linalg.norm(asked)
        case Metric.DOT_PRODUCT:
            found = -(rows @ asked)
        case Metric.EUCLIDEAN:
            found = np.linalg.norm(rows - asked, axis=1)
    return np.asarray(found, np.float64)


def best(vectors: Matrix, query: Vector, count: int, part: int = PARTS, metric: Metric = Metric.COSINE) -> list[int]:
    """The rows that are nearest, of the first parts."""
    ranked = np.argsort(distances(vectors, query, metric), kind="stable")
    return [int(row) for row in ranked if row % PARTS < part][:count]


def recall(found: Neighbours[Document], wanted: list[int]) -> float:
    return len(set(rows_of(found)) & set(wanted)) / len(wanted)


async def pages(
    connection: Connection,
    home: Collection,
    query: Vector,
    size: int,
    count: int,
    given: Mapping[str, Json] | None = None,
) -> AsyncIterator[Neighbours[Document]]:
    """One page behind the other."""
    after: Behind | None = None
    for _ in range(count):
        found = await search(connection, home, query, size, given, after)
        yield found
        after = (found.nearest[-1].distance, found.nearest[-1].record.key)


# --- what is found ---
async def test_a_large_table_is_searched_by_the_index_with_good_recall(
    connection: Connection, large: Collection, vectors: Matrix, queries: Matrix
) -> None:
    found = [await search(connection, large, query) for query in queries]
    assert not any(each.exact for each in found)
    assert all(len(each.nearest) == 10 for each in found)
    recalls = [recall(each, best(vectors, query, 10)) for each, query in zip(found, queries, strict=True)]
    assert np.mean(recalls) >= GOOD_RECALL


@pytest.mark.parametrize("part", [1, 10])
async def test_a_filter_that_leaves_few_rows_is_answered_exactly(
    connection: Connection, large: Collection, vectors: Matrix, queries: Matrix, part: int
) -> None:
    for query in queries[:10]:
        found = await search(connection, large, query, given={"n": {"$lt": part}})
        assert found.exact
        assert rows_of(found) == best(vectors, query, 10, part)


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize("part", [1, 10, 50])
async def test_a_filter_that_leaves_more_rows_is_answered_by_the_index_in_full(
    connection: Connection, large: Collection, vectors: Matrix, queries: Matrix, part: int
) -> None:
    found = [await search(connection, large, query, given={"n": {"$lt": part}}) for query in queries]
    assert not any(each.exact for each in found)
    assert all(len(each.nearest) == 10 for each in found)
    recalls = [recall(each, best(vectors, query, 10, part)) for each, query in zip(found, queries, strict=True)]
    assert np.mean(recalls) >= GOOD_RECALL


@pytest.mark.usefixtures("eager")
async def test_a_scan_of_the_index_that_comes_up_short_is_replaced_by_an_exact_one(
    connection: Connection, large: Collection, vectors: Matrix, queries: Matrix
) -> None:
    async with undone(connection):
        await connection.execute("set local hnsw.max_scan_tuples = 200")
        for given, part in (({"n": 0}, 1), ({"n": {"$lt": 3}}, 3)):
            found = await search(connection, large, queries[0], 100, given)
            assert found.exact
            assert rows_of(found) == best(vectors, queries[0], 100, part)


async def test_fewer_matches_than_asked_for_are_all_answered(
    connection: Connection, large: Collection, queries: Matrix
) -> None:
    found = await search(connection, large, queries[0], 500, {"n": 7})
    assert sorted(rows_of(found)) == list(range(7, ROWS, PARTS))
    nothing = await search(connection, large, queries[0], 500, {"n": "7"})
    assert (nothing.nearest, nothing.exact) == ([], True)


@pytest.mark.parametrize("metric", list(Metric))
@pytest.mark.parametrize("small_table_bytes", [2**40, 0])
async def test_every_metric_orders_as_it_is_defined(
    connection: Connection, monkeypatch: pytest.MonkeyPatch, metric: Metric, small_table_bytes: int
) -> None:
    monkeypatch.setattr(neighbour, "SMALL_TABLE_BYTES", small_table_bytes)
    vectors, query = meaningful(300, 8, seed=3), meaningful(1, 8, seed=4)[0]
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    found = await search(connection, await made(connection, vectors, metric), query)
    assert found.exact is (small_table_bytes > 0)
    assert rows_of(found) == best(vectors, query, 10, metric=metric)
    expected = distances(vectors, query, metric)[rows_of(found)]
    assert [each.distance for each in found.nearest] == pytest.approx(expected, abs=1e-5)


@pytest.mark.usefixtures("eager")
async def test_between_2001_and_4000_dimensions_neighbours_are_ranked_anew_on_the_full_vector(
    connection: Connection,
) -> None:
    vectors = meaningful(400, 2500, seed=5)
    vectors[1:50] = vectors[0]
    vectors[1:50, 0] += np.arange(1, 50, dtype=np.float32) / 10_000  # differ by less than half precision tells
    home = await made(connection, vectors)
    query = meaningful(1, 2500, seed=6)[0]
    found = await search(connection, home, query)
    assert not found.exact
    assert rows_of(found) == best(vectors, query, 10)
    assert [each.distance for each in found.nearest] == pytest.approx(
        distances(vectors, query)[rows_of(found)], abs=1e-6
    )
    approximate, _ = await plans(connection, home, query, None, None, generic=False)
    assert f"c_{home.id.hex}_vector" in approximate
    near = await search(connection, home, vectors[0], 20)
    assert near.exact, "among so many that are equal in half precision the index picks any"
    assert set(rows_of(near)) <= set(range(50))


@pytest.mark.usefixtures("eager")
async def test_beyond_4000_dimensions_every_vector_is_compared(connection: Connection) -> None:
    vectors, query = meaningful(40, 4001, seed=7), meaningful(1, 4001, seed=8)[0]
    found = await search(connection, await made(connection, vectors), query)
    assert found.exact
    assert rows_of(found) == best(vectors, query, 10)


async def test_a_small_or_empty_collection_is_searched_exactly(connection: Connection) -> None:
    home = await make_collection(connection, 2)
    query = np.array([1, 0], np.float32)
    assert await search(connection, home, query) == Neighbours([], exact=True)
    await put(connection, home, new("far", vector=-query), new("near", vector=query), new("no vector"))
    found = await search(connection, home, query)
    assert found.exact
    assert [(each.record.key, each.distance) for each in found.nearest] == [('"near"', 0), ('"far"', 2)]


# --- paging ---
async def test_pages_of_the_index_double_nothing_and_lose_as_little_as_one_page(
    connection: Connection, large: Collection, vectors: Matrix, queries: Matrix
) -> None:
    seen = [row async for page in pages(connection, large, queries[0], 100, 10) for row in rows_of(page)]
    assert len(set(seen)) == len(seen) == 1000
    assert len(set(seen) & set(best(vectors, queries[0], 1000))) >= 1000 * GOOD_RECALL
    found = distances(vectors, queries[0])[seen]
    assert np.all(np.diff(found) > -1e-6)


@pytest.mark.parametrize("size", [10, 170])
async def test_pages_through_equal_vectors_lose_and_double_nothing(
    connection: Connection, large: Collection, vectors: Matrix, size: int
) -> None:
    """Ranked by key, which is text: any that the index left out of a page would never be seen."""
    count = 170 // size * 3
    found = [page async for page in pages(connection, large, vectors[EQUAL[0]], size, count)]
    seen = [row for page in found for row in rows_of(page)]
    assert seen == sorted(EQUAL, key=str)[: count * size]
    assert all(page.exact for page in found)


@pytest.mark.usefixtures("eager")
async def test_pages_reach_the_end_of_a_ranking(connection: Connection, large: Collection, queries: Matrix) -> None:
    wanted = {row for row in range(EQUAL[0]) if row % PARTS in (3, 4)}
    given = {"n": {"$in": [3, 4]}, "_id": {"$lt": EQUAL[0]}}
    found = [page async for page in pages(connection, large, queries[1], 80, 5, given)]
    seen = [row for page in found for row in rows_of(page)]
    assert len(set(seen)) == len(seen)
    assert len(wanted & set(seen)) >= len(wanted) * GOOD_RECALL
    assert [page.exact for page in found] == [False] + [True] * 4, "fewer are left than the index is asked for"


@pytest.mark.parametrize("small_table_bytes", [2**40, 0])
@pytest.mark.parametrize("metric", [Metric.EUCLIDEAN, Metric.DOT_PRODUCT])
async def test_vectors_beyond_what_can_be_measured_are_paged_through_too(
    connection: Connection, monkeypatch: pytest.MonkeyPatch, metric: Metric, small_table_bytes: int
) -> None:
    """pgvector adds up in 32 bits: distances to huge vectors are infinite, or no numbers."""
    monkeypatch.setattr(neighbour, "SMALL_TABLE_BYTES", small_table_bytes)
    huge = np.float32(3e38)
    vectors = np.array([[1, 1], [huge, huge], [huge, -huge], [-huge, -huge], [0, 0]] * 8, np.float32)
    home = await made(connection, vectors, metric)
    query = np.array([huge, huge], np.float32)
    found = [page async for page in pages(connection, home, query, 8, 5)]
    assert sorted(row for page in found for row in rows_of(page)) == list(range(40))
    assert all(page.exact for page in found), "what cannot be measured leads the index astray"


# --- how it is done ---
@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize("given", [None, {"n": 1}, {"n": {"$gt": 50}}, {"$not": {"n": 1}}])
@pytest.mark.parametrize("after", [None, (0.25, "1")])
@pytest.mark.parametrize("generic", [True, False])
async def test_the_index_serves_the_approximate_part_and_never_the_exact_one(
    connection: Connection,
    large: Collection,
    queries: Matrix,
    given: Mapping[str, Json] | None,
    after: Behind | None,
    generic: bool,  # noqa: FBT001 - pytest passes by name
) -> None:
    """Also when PostgreSQL plans the statement once for all arguments, as it does for a prepared one."""
    approximate, exact = await plans(connection, large, queries[0], given, after, generic=generic)
    index = f"c_{large.id.hex}_vector"
    assert index in approximate
    assert index not in exact


async def plans(
    connection: Connection,
    home: Collection,
    query: Vector,
    given: Mapping[str, Json] | None,
    after: Behind | None,
    *,
    generic: bool,
) -> tuple[str, str]:
    """The plan of the approximate part, and the plan of the rest, as JSON."""
    arguments = Arguments()
    place = space.documents(home, Wanted(body=True), given)
    statement = "with " + neighbour._statement(place, query, after, 11, arguments)
    rows = await connection.fetch(f"explain (format json, generic_plan {generic}) {statement}", *arguments)
    [whole] = json.loads(rows[0][0])
    parts = whole["Plan"]["Plans"]
    approximate = [each for each in parts if each.get("Subplan Name") == "CTE approximate"]
    return json.dumps(approximate), json.dumps([each for each in parts if each not in approximate])


async def test_only_the_wanted_columns_are_read(connection: Connection) -> None:
    home = await make_collection(connection, 2)
    query = np.array([1, 0], np.float32)
    await put(connection, home, new("it", {"a": 1}, "text", query))
    [bare] = (await search(connection, home, query)).nearest
    assert (bare.record.body, bare.record.text, bare.record.vector) == (None, None, None)
    place = space.documents(home, Wanted(body=True, text=True, vector=True), None)
    found = await nearest(connection, place, query, after=None, limit=1, keep=None)
    [whole] = found.nearest
    assert (whole.record.body, whole.record.text) == ({"a": 1}, "text")
    assert whole.record.vector is not None


# --- kept query vectors ---
async def test_a_query_vector_is_kept_with_the_search_until_its_time_is_over(connection: Connection) -> None:
    home = await make_collection(connection, 2)
    query = np.array([1, 0.1], np.float32)
    place, keep = space.documents(home, Wanted(), None), Kept(uuid4(), home.organization_id, "a-model", 600)
    await nearest(connection, place, query, after=None, limit=1, keep=keep)
    assert await neighbour.kept(connection, home.organization_id, keep.id) == (query.tobytes(), "a-model")
    assert await neighbour.kept(connection, uuid4(), keep.id) is None
    assert await neighbour.kept(connection, home.organization_id, uuid4()) is None

    await connection.execute("update vectorgate_region.query_vector set expires_at = now()")
    assert await neighbour.kept(connection, home.organization_id, keep.id) is None
    await nearest(connection, place, query, after=None, limit=1, keep=keep)
    assert await neighbour.kept(connection, home.organization_id, keep.id) is not None

    await connection.execute("update vectorgate_region.query_vector set expires_at = now()")
    await neighbour.forget_expired(connection)
    assert await connection.fetchval("select count(*) from vectorgate_region.query_vector") == 0
