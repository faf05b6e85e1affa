"""Filters in SQL, against a plain reading of what they mean."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.errors import InvalidFilter
from app.postgres import Connection
from app.store import document
from app.store.document import Wanted, table
from app.store.filter import MAX_DEPTH, MAX_IN, MAX_TERMS, check_document_filter, document_filter
from app.store.identifier import Arguments
from app.store.record import Collection
from tests.app.store.plain import Json, kind, matches
from tests.app.store.support import BODIES, PATHS, SCALARS, VALUES, make_collection, new, put, undone


async def found(connection: Connection, home: Collection, wanted: Mapping[str, Json]) -> list[str]:
    """The stored keys of what matches, in order."""
    return sorted(each.key for each in await document.page(connection, home, Wanted(), wanted, None, 500))


async def plan(connection: Connection, home: Collection, wanted: Mapping[str, Json]) -> str:
    """How PostgreSQL would find what matches."""
    arguments = Arguments()
    condition = document_filter(wanted, arguments)
    rows = await connection.fetch(f"explain select key from {table(home)} where {condition}", *arguments)  # noqa: S608 - as the store does
    return "\n".join(row[0] for row in rows)


@pytest.fixture(scope="module")
async def home(connection: Connection) -> Collection:
    return await make_collection(connection)


BOOKS: dict[str, dict[str, Json]] = {
    "empty": {},
    "null": {"price": None},
    "zero": {"price": 0},
    "one": {"price": 1, "tags": ["a", "b"], "author": {"name": "Anna", "born": 1970}},
    "one_point": {"price": 1.5, "tags": [], "author": {"name": "Zoë"}},
    "text": {"price": "1", "tags": ["a"], "author": "Anna"},
    "true": {"price": True, "tags": "a"},
    "list": {"price": [1], "tags": [{"name": "a"}, None]},
    "object": {"price": {"amount": 1}, "tags": {"0": "a"}, "author": {}},
}


@pytest.fixture(scope="module")
async def books(connection: Connection) -> Collection:
    made = await make_collection(connection)
    await put(connection, made, *(new(key, body) for key, body in BOOKS.items()))
    return made


@pytest.mark.parametrize(
    ("wanted", "keys"),
    [
        ({}, set(BOOKS)),
        ({"price": 1}, {"one"}),
        ({"price": 1.0}, {"one"}),
        ({"price": "1"}, {"text"}),
        ({"price": True}, {"true"}),
        ({"price": [1]}, {"list"}),
        ({"price": {"amount": 1.0}}, {"object"}),
        ({"price": {}}, set()),
        ({"author": {}}, {"object"}),
        ({"price": None}, {"empty", "null"}),
        ({"price": {"$eq": None}}, {"empty", "null"}),
        ({"price": {"$ne": None}}, set(BOOKS) - {"empty", "null"}),
        ({"price": {"$ne": 1}}, set(BOOKS) - {"one"}),
        ({"price": {"$exists": True}}, set(BOOKS) - {"empty"}),
        ({"price": {"$exists": False}}, {"empty"}),
        ({"price": {"$gt": 0}}, {"one", "one_point"}),
        ({"price": {"$gte": 0}}, {"zero", "one", "one_point"}),
        ({"price": {"$lt": 1.5}}, {"zero", "one"}),
        ({"price": {"$lte": 1.5}}, {"zero", "one", "one_point"}),
        ({"price": {"$gt": ""}}, {"text"}),
        ({"price": {"$gt": 0, "$lt": 1.5}}, {"one"}),
        ({"price": {"$in": [1, "1", True]}}, {"one", "text", "true"}),
        ({"price": {"$in": [None, [1], {"amount": 1}]}}, {"empty", "null", "list", "object"}),
        ({"price": {"$in": []}}, set()),
        ({"price": {"$nin": []}}, set(BOOKS)),
        ({"price": {"$nin": [1, None]}}, set(BOOKS) - {"one", "empty", "null"}),
        ({"price": {"$not": {"$gt": 0}}}, set(BOOKS) - {"one", "one_point"}),
        ({"price": {"$not": {"$not": {"$gt": 0}}}}, {"one", "one_point"}),
        ({"author.name": "Anna"}, {"one"}),
        ({"author.name": {"$gt": "Z"}}, {"one_point"}),
        ({"author.name": {"$exists": True}}, {"one", "one_point"}),
        ({"tags": ["a", "b"]}, {"one"}),
        ({"tags": "a"}, {"true"}),
        ({"tags.0": "a"}, {"one", "text", "object"}),
        ({"tags.1": "b"}, {"one"}),
        ({"tags.1": None}, set(BOOKS) - {"one"}),
        ({"tags.0.name": "a"}, {"list"}),
        ({"tags.-1": {"$exists": True}}, set()),
        ({"tags.+1": {"$exists": True}}, set()),
        ({"tags.01": {"$exists": True}}, set()),
        ({"tags.99999999999999999999": {"$exists": True}}, set()),
        ({"$or": [{"price": 1}, {"tags": "a"}]}, {"one", "true"}),
        ({"$and": [{"price": {"$gt": 0}}, {"tags.0": "a"}]}, {"one"}),
        ({"$not": {"$or": [{"price": {"$exists": True}}, {"tags": None}]}}, set()),
        ({"$and": [{}]}, set(BOOKS)),
        ({"_id": "one"}, {"one"}),
        ({"_id": {"$in": ["one", "zero", "nowhere", 1, None, True, ["one"]]}}, {"one", "zero"}),
        ({"_id": {"$ne": "one"}}, set(BOOKS) - {"one"}),
        ({"_id": None}, set()),
        ({"_id": {"$exists": True}}, set(BOOKS)),
        ({"_id": {"$gte": "true"}}, {"true", "zero"}),
        ({"_id": {"$gt": 0}}, set()),
        ({"price": {"$gt": -(2**63), "$lt": 2**64 - 1}}, {"zero", "one", "one_point"}),
        ({"price": {"$gt": -1e308, "$lt": 1e-300}}, {"zero"}),
    ],
)
async def test_a_filter_means(
    connection: Connection, books: Collection, wanted: Mapping[str, Json], keys: set[str]
) -> None:
    assert {key for key, body in BOOKS.items() if matches({"_id": key, **body}, wanted)} == keys
    assert await found(connection, books, wanted) == sorted(f'"{key}"' for key in keys)


async def test_numbers_and_strings_are_different_keys(connection: Connection) -> None:
    home = await make_collection(connection)
    await put(connection, home, new(1), new("1"), new(2.5), new(10))
    assert await found(connection, home, {"_id": 1.0}) == ["1"]
    assert await found(connection, home, {"_id": "1"}) == ['"1"']
    assert await found(connection, home, {"_id": {"$gt": 2}}) == ["10", "2.5"]


HOSTILE = [
    "'",
    '"',
    "\\",
    "'; drop table x; --",
    "%s",
    "%",
    "x$1",
    "{0}",
    "{a,b}",
    "null",
    "a b",
    " ",
    "\t\n",
    "é",
    "e\u0301",
    "\U0001f600",
    "\u202e",
    "x" * 5000,
    "0x10",
    "1e3",
    "-0",
]


@pytest.mark.parametrize("text", HOSTILE)
async def test_hostile_names_and_values_are_names_and_values(
    connection: Connection, home: Collection, text: str
) -> None:
    async with undone(connection):
        await put(connection, home, new("it", {text: {text: text}}), new("other", {"a": {"a": "a"}}))
        for wanted in (
            {f"{text}.{text}": text},
            {text: {text: text}},
            {f"{text}.{text}": {"$in": [text]}},
            {f"{text}.{text}": {"$gte": text, "$lte": text}},
            {text: {"$exists": True}},
        ):
            assert await found(connection, home, wanted) == ['"it"']


def nested(depth: int, inner: dict[str, Json]) -> dict[str, Json]:
    for _ in range(depth):
        inner = {"$not": inner}
    return inner


def deep(depth: int) -> Json:
    value: Json = 1
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("wanted", "where"),
    [
        ({"$vector": [1]}, "filter.$vector"),
        ({"$vectorize": {"$exists": True}}, "filter.$vectorize"),
        ({"$nor": []}, "filter.$nor"),
        ({"$": 1}, "filter.$"),
        ({"$and": {}}, "filter.$and"),
        ({"$or": []}, "filter.$or"),
        ({"$or": [{}, 1]}, "filter.$or[1]"),
        ({"$or": [{"a": 1}, {"b": {"$regex": "x"}}]}, "filter.$or[1].b.$regex"),
        ({"$not": [1]}, "filter.$not"),
        ({"a": {"$gt": 1, "b": 2}}, "filter.a.b"),
        ({"a": {"$gt": None}}, "filter.a.$gt"),
        ({"a": {"$gt": True}}, "filter.a.$gt"),
        ({"a": {"$lte": [1]}}, "filter.a.$lte"),
        ({"a": {"$in": 1}}, "filter.a.$in"),
        ({"a": {"$in": [0] * (MAX_IN + 1)}}, "filter.a.$in"),
        ({"a": {"$nin": {"b": 1}}}, "filter.a.$nin"),
        ({"a": {"$exists": 1}}, "filter.a.$exists"),
        ({"a": {"$not": 1}}, "filter.a.$not"),
        ({"a": {"$not": {}}}, "filter.a.$not"),
        ({"a": {"$not": {"b": 1}}}, "filter.a.$not"),
        ({"a": {"b": {"$gt": 1}}}, "filter.a"),
        ({"a": [{"$gt": 1}]}, "filter.a"),
        ({"a": {"$eq": {"$gt": 1}}}, "filter.a.$eq"),
        ({"a": {"$in": [1, {"$gt": 1}]}}, "filter.a.$in[1]"),
        ({"": 1}, "filter."),
        ({"a.": 1}, "filter.a."),
        ({"a..b": 1}, "filter.a..b"),
        ({"a.$gt": 1}, "filter.a.$gt"),
        ({"_id.a": 1}, "filter._id.a"),
        ({".".join("a" * 21): 1}, "filter." + ".".join("a" * 21)),
        ({"a\0": 1}, "filter.a\0"),
        ({"a": "\0"}, "filter.a"),
        ({"a": "\ud800"}, "filter.a"),
        ({"\udfff": "a"}, "filter.\udfff"),
        ({"a": {"b\0": 1}}, "filter.a"),
        ({"a": {"$gt": "\0"}}, "filter.a.$gt"),
        ({"a": {"$in": ["\ud800"]}}, "filter.a.$in[0]"),
        ({"a": float("nan")}, "filter.a"),
        ({"a": {"$gt": float("inf")}}, "filter.a.$gt"),
        ({"a": 2**64}, "filter.a"),
        ({"a": 10**400}, "filter.a"),
        ({"a": deep(200)}, "filter.a"),
        ({"_id": "x" * 2000}, "filter._id"),
        ({"_id": 2**60}, "filter._id"),
        ({"_id": {"$in": [10**400]}}, "filter._id.$in[0]"),
        ({"$and": [{"_id": "\0"}]}, "filter.$and[0]._id"),
    ],
)
def test_what_is_no_filter_is_refused_saying_where(wanted: Mapping[str, Json], where: str) -> None:
    with pytest.raises(InvalidFilter) as refused:
        check_document_filter(wanted)
    assert refused.value.facts["path"] == where
    assert where in refused.value.message


def test_filters_have_limits_in_terms_and_depth() -> None:
    check_document_filter({f"f{number}": 1 for number in range(MAX_TERMS)})
    with pytest.raises(InvalidFilter) as too_many:
        check_document_filter({f"f{number}": 1 for number in range(MAX_TERMS + 1)})
    assert too_many.value.facts["limit"] == MAX_TERMS
    with pytest.raises(InvalidFilter):
        check_document_filter({"$or": [{"a": {"$gt": 1, "$lt": 2}}] * 100})

    check_document_filter(nested(MAX_DEPTH, {"a": 1}))
    for too_deep in (nested(MAX_DEPTH + 1, {"a": 1}), {"a": nested(900, {"$gt": 1})}, nested(5000, {})):
        with pytest.raises(InvalidFilter) as refused:
            check_document_filter(too_deep)
        assert refused.value.facts["limit"] == MAX_DEPTH


def test_a_refusal_does_not_repeat_a_name_as_long_as_a_request() -> None:
    with pytest.raises(InvalidFilter) as refused:
        check_document_filter({"x" * 1_000_000: {"$regex": 1}})
    assert len(refused.value.message) < 300
    assert len(str(refused.value.facts["path"])) < 100


async def test_the_largest_filter_can_be_run(connection: Connection, books: Collection) -> None:
    """As many terms as there may be, each with as long a path as there may be, stay below PostgreSQL's bounds."""
    path = ".".join(f"s{number}" for number in range(18))
    largest = {"$or": [{f"{path}.{number}.a": {"$in": [None, number]}} for number in range(MAX_TERMS // 2 - 1)]}
    assert len(await found(connection, books, largest)) == len(BOOKS)


async def test_equality_is_answered_by_the_index(connection: Connection, books: Collection) -> None:
    async with undone(connection):
        await connection.execute("set local enable_seqscan = off")
        assert f"c_{books.id.hex}_body" in await plan(connection, books, {"author.name": "Anna"})
        assert f"c_{books.id.hex}_body" in await plan(connection, books, {"author.name": {"$in": ["Anna", "Zoë", [1]]}})
        assert f"c_{books.id.hex}_body" in await plan(connection, books, {"$or": [{"price": 1}, {"price": "1"}]})
        assert f"c_{books.id.hex}_pkey" in await plan(connection, books, {"_id": {"$in": ["one", "zero"]}})


# --- any filter over any documents ---
RANGES = st.sampled_from(["$gt", "$gte", "$lt", "$lte"])
ORDERED = SCALARS.filter(lambda value: kind(value) in {"number", "string"})
OPERATIONS = st.recursive(
    st.dictionaries(st.sampled_from(["$eq", "$ne"]), VALUES, min_size=1)
    | st.dictionaries(st.sampled_from(["$in", "$nin"]), st.lists(VALUES, max_size=3), min_size=1)
    | st.dictionaries(RANGES, ORDERED, min_size=1)
    | st.fixed_dictionaries({"$exists": st.booleans()}),
    lambda inner: st.fixed_dictionaries({"$not": inner}),
    max_leaves=2,
)
FILTERS = st.recursive(
    st.dictionaries(PATHS | st.just("_id"), VALUES | OPERATIONS, max_size=2),
    lambda inner: (
        st.dictionaries(st.sampled_from(["$and", "$or"]), st.lists(inner, min_size=1, max_size=3), min_size=1)
        | st.fixed_dictionaries({"$not": inner})
    ),
    max_leaves=4,
)
KEYS = st.integers(-3, 3) | st.sampled_from(["", "a", "b", "1", 0.5, 1.5])


def storable(value: Json) -> bool:
    """`_id` is compared with keys only."""
    try:
        check_document_filter(value)
    except InvalidFilter:
        return False
    return True


@given(
    documents=st.dictionaries(KEYS, BODIES, max_size=6),
    wanted=st.lists(FILTERS.filter(storable), min_size=1, max_size=4),
    by_index=st.booleans(),
)
@settings(max_examples=200, deadline=None)
async def test_sql_finds_what_a_filter_means(
    connection: Connection,
    home: Collection,
    documents: dict[Json, dict[str, Json]],
    wanted: list[dict[str, Json]],
    by_index: bool,  # noqa: FBT001 - hypothesis passes by name
) -> None:
    made = {new(key).key: {"_id": key, **body} for key, body in documents.items()}
    async with undone(connection):
        await put(connection, home, *(new(key, body) for key, body in documents.items()))
        if by_index:
            await connection.execute("set local enable_seqscan = off")
        for each in wanted:
            assert await found(connection, home, each) == sorted(
                key for key, body in made.items() if matches(body, each)
            )
