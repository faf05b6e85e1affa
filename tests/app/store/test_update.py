"""Updates in SQL, against a plain reading of what they mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from app.errors import BadInput
from app.postgres import Connection
from app.store import document
from app.store.document import Touched, Wanted
from app.store.key import encode_key
from app.store.record import Collection, Document, Vector
from app.store.update import Change, Matches, matches, update
from tests.app.store.plain import Json, NoPlaceError, same, updated
from tests.app.store.support import BODIES, PATHS, VALUES, make_collection, new, put, undone

EVERY_COLUMN = Wanted(body=True, text=True, vector=True)
CHANGED = Matches(count=1, other_text=False, obstructed=False, too_large=False)


@pytest.fixture(scope="module")
async def home(connection: Connection) -> Collection:
    return await make_collection(connection, 2)


async def run(
    connection: Connection,
    home: Collection,
    change: Change,
    wanted: Mapping[str, Json] | None = None,
    *,
    limit: int = 100,
    most_bytes: int = 1_000_000,
    most_keys: int = 100,
) -> tuple[Matches, Touched]:
    return await update(connection, home, wanted or {}, change, limit=limit, most_bytes=most_bytes, most_keys=most_keys)


async def stored(connection: Connection, home: Collection, *keys: object) -> list[Document]:
    found = await document.by_keys(connection, home, EVERY_COLUMN, [encode_key(key) for key in keys])
    return sorted(found, key=lambda each: each.key)


def vector(*components: float) -> Vector:
    return np.array(components, np.float32)


@pytest.mark.parametrize(
    ("body", "values", "unset", "expected"),
    [
        ({}, {"a": 1}, [], {"a": 1}),
        ({"a": 1}, {"a": None}, [], {"a": None}),
        ({"a": {"b": 1}}, {"a": {"c": 2}}, [], {"a": {"c": 2}}),
        ({"a": {"b": 1}}, {"a.c": 2}, [], {"a": {"b": 1, "c": 2}}),
        ({}, {"a.b.c": 1, "a.b.d": 2, "a.e": 3}, [], {"a": {"b": {"c": 1, "d": 2}, "e": 3}}),
        ({"a": None}, {"a.b": 1}, [], {"a": {"b": 1}}),
        ({}, {"a.0": 1}, [], {"a": {"0": 1}}),
        ({"a": [1, 2]}, {"a.0": 9}, [], {"a": [9, 2]}),
        ({"a": [1, 2]}, {"a.2": 9}, [], {"a": [1, 2, 9]}),
        ({"a": [{"b": 1}]}, {"a.0.b": 2, "a.0.c": 3}, [], {"a": [{"b": 2, "c": 3}]}),
        ({"a": [None]}, {"a.0.b": 2}, [], {"a": [{"b": 2}]}),
        ({"a": 1, "b": 2}, {}, ["a"], {"b": 2}),
        ({"a": {"b": 1, "c": 2}}, {}, ["a.b", "a.x", "x", "x.y", "a.b.c"], {"a": {"c": 2}}),
        ({"a": [1, 2, 3, 4]}, {}, ["a.0", "a.2"], {"a": [2, 4]}),
        ({"a": [[1, 2], [3, 4]]}, {}, ["a.0", "a.1.0"], {"a": [[4]]}),
        ({"a": [1, 2]}, {}, ["a.x", "a.-1", "a.5", "a.01"], {"a": [1, 2]}),
        ({"a": 1}, {}, ["a.b"], {"a": 1}),
        ({"a": [1, 2]}, {"a.1": 9}, ["a.0"], {"a": [9]}),
        ({"a": {"b": 1}}, {"a.c": 2}, ["a.b"], {"a": {"c": 2}}),
        ({"a'b": {'"c': 1}}, {"a'b.\"c": "$1 {} \\"}, [], {"a'b": {'"c': "$1 {} \\"}}),
    ],
)
async def test_an_update_makes(
    connection: Connection,
    home: Collection,
    body: dict[str, Json],
    values: dict[str, Json],
    unset: list[str],
    expected: Json,
) -> None:
    assert updated(body, values, unset) == expected
    async with undone(connection):
        await put(connection, home, new("it", body))
        met, _ = await run(connection, home, Change(values, unset))
        assert met == CHANGED
        [after] = await stored(connection, home, "it")
        assert after.body == expected


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"a": 1}, "a.b"),
        ({"a": "text"}, "a.0"),
        ({"a": True}, "a.b.c"),
        ({"a": [1]}, "a.b"),
        ({"a": [1]}, "a.-1"),
        ({"a": [1]}, "a.01"),
        ({"a": [1]}, "a.2"),
        ({"a": [1]}, "a.999999999"),
        ({"a": [1]}, "a.99999999999999999999"),
        ({"a": [1]}, "a.0.b"),
        ({"a": {"b": [[]]}}, "a.b.0.x"),
    ],
)
async def test_a_path_that_leads_nowhere_changes_nothing_anywhere(
    connection: Connection, home: Collection, body: dict[str, Json], path: str
) -> None:
    async with undone(connection):
        await put(connection, home, new("bad", body), new("good", {}))
        change = Change({path: 1})
        assert (await matches(connection, home, {"_id": "good"}, change, 10)).obstructed is False
        assert (await matches(connection, home, {}, change, 10)).obstructed is True
        met, touched = await run(connection, home, change, {"_id": "bad"})
        assert (met.obstructed, touched) == (True, Touched(0, []))
        [after] = await stored(connection, home, "bad")
        assert after.body == body


@given(body=BODIES, values=st.dictionaries(PATHS, VALUES, max_size=4), unset=st.lists(PATHS, max_size=4, unique=True))
@settings(max_examples=200, deadline=None)
async def test_sql_makes_what_an_update_means(
    connection: Connection, home: Collection, body: dict[str, Json], values: dict[str, Json], unset: list[str]
) -> None:
    change = Change(values, unset)
    assume(values or unset)
    assume(not overlaps(change))
    async with undone(connection):
        await put(connection, home, new("it", body))
        met, touched = await run(connection, home, change)
        [after] = await stored(connection, home, "it")
        try:
            expected = updated(body, values, unset)
        except NoPlaceError:
            assert (met.obstructed, touched.count) == (True, 0)
            assert same(after.body, body)
        else:
            assert not met.obstructed
            assert same(after.body, expected)
            assert touched.count == (not same(body, expected))


def overlaps(change: Change) -> bool:
    try:
        change.tree()
    except BadInput:
        return True
    return False


@pytest.mark.parametrize(
    ("values", "unset"),
    [
        (["a", "a.b"], []),
        (["a.b", "a"], []),
        (["a.b.c", "a.b"], []),
        (["a"], ["a"]),
        (["a"], ["a.b.c"]),
        (["a.b.c"], ["a"]),
        (["a.b", "c"], ["x", "a.b"]),
    ],
)
def test_paths_that_overlap_are_refused(values: Sequence[str], unset: Sequence[str]) -> None:
    with pytest.raises(BadInput, match="overlaps"):
        Change(dict.fromkeys(values), unset).tree()


def test_paths_side_by_side_do_not_overlap() -> None:
    assert not overlaps(Change(dict.fromkeys(["a.b", "a.c", "ab", "b.a"]), ["a.d", "a.d.e", "c", "ax"]))


async def test_a_new_text_brings_its_vector_and_the_same_text_keeps_the_old_one(
    connection: Connection, home: Collection
) -> None:
    async with undone(connection):
        await put(
            connection,
            home,
            new("a same", text="wine", vector=vector(1, 0)),
            new("b other", text="beer", vector=vector(0, 1)),
            new("c vector only", vector=vector(1, 1)),
            new("d bare"),
        )
        change = Change(sets_vector=True, text="wine", vector=vector(3, 4))
        met, touched = await run(connection, home, change)
        assert (met.count, met.other_text) == (4, True)
        assert (touched.count, sorted(touched.keys)) == (3, ['"b other"', '"c vector only"', '"d bare"'])
        after = await stored(connection, home, "a same", "b other", "c vector only", "d bare")
        assert [each.text for each in after] == ["wine"] * 4
        assert [list(each.vector) for each in after if each.vector is not None] == [[1, 0], [3, 4], [3, 4], [3, 4]]

        met, touched = await run(connection, home, replace(change, vector=None))
        assert (met.other_text, touched.count) == (False, 0)


async def test_a_vector_alone_and_unsetting_drop_the_text(connection: Connection, home: Collection) -> None:
    async with undone(connection):
        await put(connection, home, new("it", text="wine", vector=vector(1, 0)))
        for change, expected in (
            (Change(sets_vector=True, vector=vector(0, 1)), (None, [0, 1])),
            (Change(sets_vector=True), (None, None)),
        ):
            _, touched = await run(connection, home, change)
            [after] = await stored(connection, home, "it")
            assert (after.text, None if after.vector is None else list(after.vector)) == expected
            assert touched.count == 1
            _, again = await run(connection, home, change)
            assert again == Touched(0, [])


async def test_what_is_the_same_afterwards_is_not_touched(connection: Connection, home: Collection) -> None:
    await put(connection, home, new("it", {"a": 1, "b": [1.0]}), new("other", {"a": 2}))
    before = await stored(connection, home, "it", "other")
    met, touched = await run(connection, home, Change({"a": 1.0}, ["c"]))
    assert (met.count, touched) == (2, Touched(1, ['"other"']))
    same, changed = await stored(connection, home, "it", "other")
    assert same == before[0]
    assert changed.updated_at > before[1].updated_at
    assert changed.created_at == before[1].created_at
    await document.delete(connection, home, given={}, keys=None, most_keys=0)


async def test_matches_are_counted_up_to_the_limit_and_keys_named_up_to_theirs(
    connection: Connection, home: Collection
) -> None:
    async with undone(connection):
        await put(connection, home, *(new(number) for number in range(20)))
        change = Change({"a": 1})
        assert (await matches(connection, home, {}, change, 11)).count == 11
        assert (await matches(connection, home, {"_id": {"$lt": 5}}, change, 11)).count == 5
        met, touched = await run(connection, home, change, limit=11, most_keys=3)
        assert (met.count, touched.count, len(touched.keys)) == (11, 11, 3)
        nothing = await run(connection, home, change, {"_id": "nowhere"})
        assert nothing == (Matches(0, other_text=False, obstructed=False, too_large=False), Touched(0, []))


async def test_a_document_that_would_grow_too_large_is_reported(connection: Connection, home: Collection) -> None:
    async with undone(connection):
        await put(connection, home, new("it", {"a": "x" * 500}))
        met, _ = await run(connection, home, Change({"b": "x" * 400}), most_bytes=1000)
        assert not met.too_large
        met, _ = await run(connection, home, Change({"c": "x" * 400}), most_bytes=1000)
        assert met.too_large


async def test_the_largest_update_can_be_run(connection: Connection, home: Collection) -> None:
    """A hundred paths of twenty segments, all apart."""
    paths = [".".join([f"f{number}", *(f"s{number}_{depth}" for depth in range(19))]) for number in range(100)]
    async with undone(connection):
        await put(connection, home, new("it"))
        met, touched = await run(connection, home, Change(dict.fromkeys(paths, 1)))
        assert (met, touched.count) == (CHANGED, 1)
        await run(connection, home, Change({}, paths))
        [after] = await stored(connection, home, "it")
        assert after.body is not None
        assert len(after.body) == 100


async def test_a_collection_without_vectors_can_be_updated(connection: Connection) -> None:
    home = await make_collection(connection)
    await put(connection, home, new("it"))
    met, touched = await run(connection, home, Change({"a": 1}))
    assert (met, touched) == (CHANGED, Touched(1, ['"it"']))
