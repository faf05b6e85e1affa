"""Vector search among the rows of a table in SQL: each vector column by its own index, and pages in the order of composite keys."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any
from uuid import UUID

import numpy as np
import pytest

from app.errors import NotFound
from app.postgres import Connection
from app.store import neighbour, row, row_key, space
from app.store.identifier import Arguments, column
from app.store.neighbour import Behind, nearest
from app.store.record import (
    Column,
    ColumnType,
    Metric,
    Neighbours,
    Table,
    TableRow,
    Vector,
    VectorIndex,
    VectorIndexStatus,
)
from app.store.row import Wanted
from app.store.table_version import TableChangedError
from tests.app.store.plain import Json
from tests.app.store.rows import made, make_table, put
from tests.app.store.support import undone
from tests.app.store.test_neighbour import distances, meaningful

BEGIN = datetime(2030, 1, 1, tzinfo=UTC)


READY = VectorIndex("an_index", Metric.COSINE, VectorIndexStatus.READY)


async def make(connection: Connection, key: Sequence[ColumnType], **dimensions: int) -> Table:
    """A table with key columns `k1`, `k2` and so on, a whole number `part`, a JSON column `more`, and vector columns."""
    keys = [made(f"k{position}", kind, position) for position, kind in enumerate(key, 1)]
    others = [made("part", ColumnType.INT), made("more", ColumnType.JSON)]
    vectors = [
        made(name, ColumnType.VECTOR, dimension=dimension, index=READY) for name, dimension in dimensions.items()
    ]
    return await make_table(connection, *keys, *others, *vectors)


def named(table: Table, name: str) -> Column:
    found = table.column(name)
    assert found is not None
    return found


async def fill(connection: Connection, table: Table, values: Sequence[Mapping[str, Any]]) -> None:
    """Store rows and let the planner know of them."""
    await put(connection, table, *values)
    await connection.execute(f"analyze {row.home(table)}")


def names(table: Table) -> list[str]:
    return [each.name for each in table.key]


def rows_by(
    table: Table, name: str, given: Mapping[str, Json] | None = None, wanted: Wanted | None = None
) -> space.Space[TableRow]:
    return space.rows(table, named(table, name), Metric.COSINE, wanted or Wanted(), given)


async def search(
    connection: Connection, place: space.Space[TableRow], query: Vector, limit: int = 10, after: Behind | None = None
) -> Neighbours[TableRow]:
    return await nearest(connection, place, query, after=after, limit=limit, keep=None)


async def keys_of_pages(
    connection: Connection, place: space.Space[TableRow], query: Vector, size: int
) -> list[list[Json]]:
    """The keys of all pages, one behind the other."""
    seen: list[list[Json]] = []
    after: Behind | None = None
    while found := (await search(connection, place, query, size, after)).nearest:
        assert place.is_key(found[-1].record.key)
        seen += [json.loads(each.record.key) for each in found]
        after = (found[-1].distance, found[-1].record.key)
    return seen


@pytest.fixture
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the index be used for as few rows as these tests have."""
    monkeypatch.setattr(neighbour, "SMALL_TABLE_BYTES", 0)
    monkeypatch.setattr(neighbour, "FEW_MATCHES", 20)


ROWS = 1500
TEXTS, PICTURES = meaningful(ROWS, 16, seed=1), meaningful(ROWS, 6, seed=2)


@pytest.fixture(scope="module")
async def shelves(connection: Connection) -> Table:
    """Rows ("a", 0), ("b", 1), ("a", 2)… with two vectors each, every third of them without the second."""
    table = await make(connection, [ColumnType.TEXT, ColumnType.INT], text=16, picture=6)
    rows = [
        {
            "k1": "ab"[number % 2],
            "k2": number,
            "part": number % 100,
            "more": {"n": number},
            "text": TEXTS[number],
            "picture": PICTURES[number] if number % 3 else None,
        }
        for number in range(ROWS)
    ]
    await fill(connection, table, rows)
    return table


def numbers(found: Neighbours[TableRow]) -> list[int]:
    return [json.loads(each.record.key)[1] for each in found.nearest]


@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize("name", ["text", "picture"])
@pytest.mark.parametrize(
    ("given", "matches"),
    [
        (None, lambda _: True),
        ({"part": {"$lt": 30}}, lambda number: number % 100 < 30),
        ({"k1": "b", "more.n": {"$gt": 100}}, lambda number: number % 2 and number > 100),
    ],
)
async def test_each_vector_column_is_searched_for_itself_and_no_filter_costs_a_row(
    connection: Connection,
    request: pytest.FixtureRequest,
    shelves: Table,
    large: bool,  # noqa: FBT001 - pytest passes by name
    name: str,
    given: Mapping[str, Json] | None,
    matches: Callable[[int], bool],
) -> None:
    if large:
        request.getfixturevalue("eager")
    vectors = TEXTS if name == "text" else PICTURES
    kept = {number for number in range(ROWS) if (name == "text" or number % 3) and matches(number)}
    for query in meaningful(5, vectors.shape[1], seed=3):
        found = await search(connection, rows_by(shelves, name, given), query)
        far = distances(vectors, query)
        best = [number for number in np.argsort(far) if number in kept][:10]
        assert found.exact is not large
        assert len(found.nearest) == 10
        assert len(set(numbers(found)) & set(best)) >= 9
        assert [each.distance for each in found.nearest] == pytest.approx(far[numbers(found)], abs=1e-5)


async def test_more_than_match_are_never_asked_for_in_vain(connection: Connection, shelves: Table) -> None:
    found = await search(connection, rows_by(shelves, "picture", {"part": 7}), PICTURES[0], 500)
    assert sorted(numbers(found)) == [number for number in range(ROWS) if number % 100 == 7 and number % 3]


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize("given", [None, {"part": {"$gt": 10}}, {"more.n": {"$gt": 10}}])
@pytest.mark.parametrize("after", [None, (0.25, '["a",7]')])
@pytest.mark.parametrize("generic", [True, False])
async def test_the_column_s_own_index_serves_the_approximate_part_and_none_the_exact_one(
    connection: Connection,
    shelves: Table,
    given: Mapping[str, Json] | None,
    after: Behind | None,
    generic: bool,  # noqa: FBT001 - pytest passes by name
) -> None:
    arguments = Arguments()
    statement = neighbour._statement(rows_by(shelves, "text", given), TEXTS[0], after, 11, arguments)
    async with undone(connection):
        await connection.execute("set local enable_seqscan = off")  # of so few rows
        rows = await connection.fetch(f"explain (format json, generic_plan {generic}) with {statement}", *arguments)
    parts = json.loads(rows[0][0])[0]["Plan"]["Plans"]
    approximate = [each for each in parts if each.get("Subplan Name") == "CTE approximate"]
    index = f"i_{named(shelves, 'text').id.hex}"
    assert index in json.dumps(approximate)
    assert index not in json.dumps([each for each in parts if each not in approximate])


async def test_equally_near_rows_are_paged_through_in_the_order_of_their_keys_values(connection: Connection) -> None:
    """Numbers as numbers, texts by code point, moments as moments, and nothing is lost or doubled between pages."""
    kinds: dict[ColumnType, list[Any]] = {
        ColumnType.TEXT: ["", "B", "a", "é"],
        ColumnType.BIGINT: [-(2**60), 9, 10],
        ColumnType.DOUBLE: [-1.5, 9.0, 1e300],
        ColumnType.TIMESTAMP: [BEGIN, BEGIN + timedelta(microseconds=1)],
        ColumnType.BOOLEAN: [False, True],
        ColumnType.UUID: [UUID(int=2), UUID(int=2**127)],
    }
    table = await make(connection, list(kinds), v=2)
    keys = [json.loads(row_key.encode(table, key)) for key in product(*kinds.values())]
    same = np.array([1, 2], np.float32)
    await fill(connection, table, [dict(zip(names(table), key, strict=True)) | {"v": same} for key in reversed(keys)])
    assert await keys_of_pages(connection, rows_by(table, "v"), same, 50) == keys


@pytest.mark.usefixtures("eager")
async def test_pages_of_the_index_go_on_behind_ties(connection: Connection) -> None:
    table = await make(connection, [ColumnType.INT, ColumnType.TEXT], v=4)
    few = meaningful(20, 4, seed=4)
    values = [{"k1": number % 7, "k2": str(number), "v": few[number % 20]} for number in range(600)]
    await fill(connection, table, values)
    seen = await keys_of_pages(connection, rows_by(table, "v"), few[0], 45)
    assert sorted(map(str, seen)) == sorted(str([number % 7, str(number)]) for number in range(600))
    assert seen[:30] == sorted(seen[:30])


@pytest.mark.usefixtures("eager")
async def test_beyond_4000_dimensions_every_vector_is_compared(connection: Connection) -> None:
    table = await make(connection, [ColumnType.INT], v=4096)
    vectors = meaningful(30, 4096, seed=5)
    await fill(connection, table, [{"k1": number, "v": each} for number, each in enumerate(vectors)])
    found = await search(connection, rows_by(table, "v"), vectors[17], 5)
    assert found.exact
    assert [json.loads(each.record.key)[0] for each in found.nearest] == list(
        np.argsort(distances(vectors, vectors[17]))[:5]
    )


async def test_only_the_wanted_columns_are_read(connection: Connection, shelves: Table) -> None:
    [bare] = (await search(connection, rows_by(shelves, "text"), TEXTS[4], 1)).nearest
    assert (bare.record.key, bare.record.fields, bare.record.vectors) == ('["a",4]', {"k1": "a", "k2": 4}, {})
    wanted = Wanted(fields=True, vectors=frozenset({"picture"}))
    [whole] = (await search(connection, rows_by(shelves, "text", wanted=wanted), TEXTS[4], 1)).nearest
    assert whole.record.fields == {"k1": "a", "k2": 4, "part": 4, "more": {"n": 4}}
    assert set(whole.record.vectors) == {"picture"}
    assert "c_" not in rows_by(shelves, "text").columns.replace(column(shelves.key[0].id), "").replace(
        column(shelves.key[1].id), ""
    )


async def test_what_is_dropped_meanwhile_is_told(connection: Connection) -> None:
    table = await make(connection, [ColumnType.INT], v=2)
    query = np.array([1, 0], np.float32)
    await connection.execute(f"alter table {row.home(table)} drop column {column(named(table, 'part').id)}")
    assert (await search(connection, rows_by(table, "v"), query)).nearest == []
    for place in (rows_by(table, "v", {"part": 1}), rows_by(table, "v", wanted=Wanted(fields=True))):
        with pytest.raises(TableChangedError):
            await search(connection, place, query)
    await connection.execute(f"drop table {row.home(table)}")
    with pytest.raises(NotFound):
        await search(connection, rows_by(table, "v"), query)
