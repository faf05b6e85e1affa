"""Filters on typed columns in SQL, against a plain reading of what they mean."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.errors import InvalidFilter
from app.postgres import Connection
from app.store import row
from app.store.filter import MAX_TERMS, row_filter
from app.store.identifier import Arguments, column_name
from app.store.record import ColumnType, Table
from app.store.row import Wanted
from tests.app.store.plain import Json, matches
from tests.app.store.rows import described, made, make_table, put
from tests.app.store.support import VALUES, undone

TITLE = made("title", ColumnType.TEXT)
COLUMNS = (
    made("id", ColumnType.INT, 1),
    made("code", ColumnType.TEXT, 2),
    TITLE,
    made("must", ColumnType.TEXT, nullable=False),
    made("small", ColumnType.INT),
    made("large", ColumnType.BIGINT),
    made("real", ColumnType.DOUBLE),
    made("flag", ColumnType.BOOLEAN),
    made("at", ColumnType.TIMESTAMP),
    made("uuid", ColumnType.UUID),
    made("meta", ColumnType.JSON),
    made("v", ColumnType.VECTOR, dimension=2),
    made("hidden", ColumnType.VECTOR, dimension=2, migrating=True, source_column_id=TITLE.id),
)
UUIDS = [f"123e4567-e89b-12d3-a456-42661417400{digit}" for digit in "0af"]
TIMES = ["1969-12-31T23:59:59Z", "2030-01-31T12:00:00Z", "2030-01-31T12:00:01Z"]
ROWS: dict[int, dict[str, Json]] = {
    1: {"code": "a", "title": "B", "must": "", "small": 1, "large": 2**53, "real": 0.5, "flag": True},
    2: {"code": "a", "title": "a", "must": "x", "small": -1, "large": 7, "at": TIMES[1], "uuid": UUIDS[1]},
    3: {"code": "b", "title": "é", "must": "x", "flag": False, "meta": {"city": "Bern", "tags": ["a", 1]}},
    4: {"code": "A", "must": "z", "real": 1.0, "at": TIMES[0], "uuid": UUIDS[0], "meta": [1, {"city": "Rom"}]},
    5: {"code": "\U0001f600", "title": "\uffff", "must": "", "meta": 7},
}


@pytest.fixture(scope="module")
async def home(connection: Connection) -> Table:
    table = await make_table(connection, *COLUMNS)
    await put(connection, table, *({"id": key, **fields} for key, fields in ROWS.items()))
    return table


async def found(connection: Connection, home: Table, wanted: Mapping[str, Json]) -> list[int]:
    """The ids of what matches."""
    rows = await row.page(connection, home, Wanted(), wanted, None, 500)
    return sorted(each.fields["id"] for each in rows)


@pytest.mark.parametrize(
    ("wanted", "ids"),
    [
        ({}, [1, 2, 3, 4, 5]),
        ({"id": 1.0}, [1]),
        ({"id": 2, "code": "a"}, [2]),
        ({"code": {"$in": ["a", "A"]}}, [1, 2, 4]),
        ({"code": {"$gt": "a"}}, [3, 5]),
        ({"title": "B"}, [1]),
        ({"title": {"$gt": "B"}}, [2, 3, 5]),
        ({"title": {"$gte": "\uffff"}}, [5]),
        ({"title": None}, [4]),
        ({"title": {"$ne": "a"}}, [1, 3, 4, 5]),
        ({"title": {"$ne": None}}, [1, 2, 3, 5]),
        ({"title": {"$nin": ["a", None]}}, [1, 3, 5]),
        ({"title": {"$in": [None, "a"]}}, [2, 4]),
        ({"title": {"$in": []}}, []),
        ({"title": {"$exists": False}}, [4]),
        ({"title": {"$not": {"$gt": "B"}}}, [1, 4]),
        ({"must": None}, []),
        ({"must": {"$gte": "x"}}, [2, 3, 4]),
        ({"small": {"$lt": 1}}, [2]),
        ({"small": {"$gte": -1, "$lte": 1}}, [1, 2]),
        ({"large": "9007199254740992"}, [1]),
        ({"large": {"$in": [7, "9007199254740992"]}}, [1, 2]),
        ({"large": {"$gt": "7"}}, [1]),
        ({"real": {"$gt": 0}}, [1, 4]),
        ({"real": 1}, [4]),
        ({"flag": True}, [1]),
        ({"flag": {"$in": [False, None]}}, [2, 3, 4, 5]),
        ({"at": "2030-01-31T13:00:00+01:00"}, [2]),
        ({"at": {"$lt": "2000-01-01T00:00:00Z"}}, [4]),
        ({"uuid": UUIDS[1].upper()}, [2]),
        ({"uuid": {"$gt": UUIDS[0]}}, [2]),
        ({"meta": None}, [1, 2]),
        ({"meta": 7.0}, [5]),
        ({"meta": {"$gt": 6}}, [5]),
        ({"meta": [1, {"city": "Rom"}]}, [4]),
        ({"meta": {"city": "Bern", "tags": ["a", 1]}}, [3]),
        ({"meta": {"$in": [7, None]}}, [1, 2, 5]),
        ({"meta": {"$exists": True}}, [3, 4, 5]),
        ({"meta.city": "Bern"}, [3]),
        ({"meta.city": {"$in": ["Bern"]}}, [3]),
        ({"meta.1.city": "Rom"}, [4]),
        ({"meta.tags.0": "a"}, [3]),
        ({"meta.city": None}, [1, 2, 4, 5]),
        ({"meta.city": {"$gt": "A"}}, [3]),
        ({"meta.tags": {"$exists": False}}, [1, 2, 4, 5]),
        ({"$or": [{"flag": True}, {"meta": 7}]}, [1, 5]),
        ({"$not": {"title": "a"}}, [1, 3, 4, 5]),
    ],
)
async def test_a_filter_means(connection: Connection, home: Table, wanted: Mapping[str, Json], ids: list[int]) -> None:
    assert await found(connection, home, wanted) == ids
    assert await row.count(connection, home, wanted) == len(ids)


@pytest.mark.parametrize(
    ("wanted", "where"),
    [
        ({"nobody": 1}, "filter.nobody"),
        ({"_id": 1}, "filter._id"),
        ({"v": [1, 2]}, "filter.v"),
        ({"$or": [{"v": {"$exists": True}}]}, "filter.$or[0].v"),
        ({"hidden": None}, "filter.hidden"),
        ({"$vector": [1, 2]}, "filter.$vector"),
        ({"title.x": 1}, "filter.title.x"),
        ({"id.0": 1}, "filter.id.0"),
        ({"v.0": 1}, "filter.v.0"),
        ({"title": 1}, "filter.title"),
        ({"title": {"$gt": 1}}, "filter.title"),
        ({"title": {"a": 1}}, "filter.title"),
        ({"title": "\0"}, "filter.title"),
        ({"small": "1"}, "filter.small"),
        ({"small": 1.5}, "filter.small"),
        ({"small": {"$lt": 2**31}}, "filter.small"),
        ({"large": {"$in": [1, "x"]}}, "filter.large"),
        ({"real": {"$in": [1, 10**400]}}, "filter.real.$in[1]"),
        ({"flag": 1}, "filter.flag"),
        ({"flag": {"$gt": "a"}}, "filter.flag"),
        ({"flag": {"$gt": True}}, "filter.flag.$gt"),
        ({"at": "yesterday"}, "filter.at"),
        ({"uuid": {"$not": {"$eq": "1"}}}, "filter.uuid"),
        ({"meta": {"$gt": None}}, "filter.meta.$gt"),
        ({"meta": {"a": {"$gt": 1}}}, "filter.meta"),
        ({"meta..a": 1}, "filter.meta..a"),
        ({"meta.$a": 1}, "filter.meta.$a"),
        ({"title": {"$regex": "x"}}, "filter.title.$regex"),
        ({"": 1}, "filter."),
    ],
)
def test_what_is_no_filter_of_the_table_is_refused_saying_where(wanted: Mapping[str, Json], where: str) -> None:
    with pytest.raises(InvalidFilter) as refused:
        row_filter(described(*COLUMNS), wanted, Arguments())
    assert refused.value.facts["path"] == where
    assert where in refused.value.message


async def plan(connection: Connection, home: Table, wanted: Mapping[str, Json]) -> str:
    """How PostgreSQL would find what matches."""
    arguments = Arguments()
    condition = row_filter(home, wanted, arguments)
    rows = await connection.fetch(f"explain select from {row.home(home)} where {condition}", *arguments)
    return "\n".join(each[0] for each in rows)


async def test_the_primary_key_s_index_answers_what_is_asked_of_its_columns(
    connection: Connection, home: Table
) -> None:
    async with undone(connection):
        await connection.execute("set local enable_seqscan = off")
        key = column_name(home.key[0].id)
        asked: list[dict[str, Any]] = [{"id": 1}, {"id": 1, "code": "a"}, {"id": {"$in": [1, 2]}}, {"id": {"$gt": 3}}]
        for wanted in asked:
            planned = await plan(connection, home, wanted)
            assert f"t_{home.id.hex}_pkey" in planned, planned
            assert f"Index Cond: (({key} " in planned or f"Index Cond: ({key} " in planned, planned
        by_text = await plan(connection, home, {"id": 1, "code": {"$gte": "a", "$lt": "b"}})
        assert by_text.count(column_name(home.key[1].id)) == 2, by_text
        assert "Filter" not in by_text, by_text


async def test_the_largest_filter_can_be_run(connection: Connection, home: Table) -> None:
    largest = {"$or": [{"title": {"$in": ["a", None]}}] * (MAX_TERMS // 2 - 1)}
    assert await found(connection, home, largest) == [2, 4]


# --- any filter over any rows ---
BY_COLUMN: dict[str, st.SearchStrategy[Json]] = {
    "title": st.sampled_from(["", "a", "b", "B", "é", "z", "\U0001f600", "\uffff"]),
    "small": st.integers(-2, 2),
    "large": st.sampled_from([-(2**53) + 1, -1, 0, 2**53 - 1]),
    "real": st.sampled_from([0.0, -1.5, 1.0, 1e300, 5e-324]),
    "at": st.sampled_from(TIMES),
    "uuid": st.sampled_from(UUIDS),
    "flag": st.booleans(),
    "meta": VALUES.filter(lambda value: value is not None),
}


def asked_of(name: str) -> st.SearchStrategy[Json]:
    """Values and operations that a column takes."""
    values = BY_COLUMN[name]
    maybe = values | st.none()
    operations = [
        st.dictionaries(st.sampled_from(["$eq", "$ne"]), maybe, min_size=1),
        st.dictionaries(st.sampled_from(["$in", "$nin"]), st.lists(maybe, max_size=3), min_size=1),
        st.fixed_dictionaries({"$exists": st.booleans()}),
    ]
    if name not in {"flag", "meta"}:
        operations.append(st.dictionaries(st.sampled_from(["$gt", "$gte", "$lt", "$lte"]), values, min_size=1))
    either = st.one_of(operations)
    return maybe | either | st.fixed_dictionaries({"$not": either})


TERMS = st.one_of([st.fixed_dictionaries({name: asked_of(name)}) for name in BY_COLUMN])
FILTERS = st.recursive(
    TERMS,
    lambda inner: (
        st.dictionaries(st.sampled_from(["$and", "$or"]), st.lists(inner, min_size=1, max_size=3), min_size=1)
        | st.fixed_dictionaries({"$not": inner})
    ),
    max_leaves=4,
)
FIELDS = st.fixed_dictionaries({}, optional=BY_COLUMN)


@given(rows=st.lists(FIELDS, max_size=6), wanted=st.lists(FILTERS, min_size=1, max_size=4))
@settings(max_examples=150, deadline=None)
async def test_sql_finds_what_a_filter_means(
    connection: Connection, home: Table, rows: list[dict[str, Json]], wanted: list[dict[str, Json]]
) -> None:
    """A column without a value is, to the plain reading, a field that is missing."""
    async with undone(connection):
        await connection.execute(f"truncate {row.home(home)}")
        if rows:
            await put(connection, home, *({"id": n, "code": "", "must": "", **each} for n, each in enumerate(rows)))
        for each in wanted:
            assert await found(connection, home, each) == [n for n, fields in enumerate(rows) if matches(fields, each)]
