"""Reading and writing documents: what is read, what is written, and in which order rows are locked."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import numpy as np
import pytest

from app.errors import NotFound
from app.postgres import Connection
from app.store import document, neighbour, space, target
from app.store import update as updates
from app.store.document import Touched, Wanted
from app.store.record import Collection
from app.store.update import Change
from tests.app.store.conftest import Connect
from tests.app.store.support import make_collection, new, put
from tests.factory import until_waiting

KEYS = [f"{number:02}" for number in range(20)]


@pytest.fixture
async def home(connection: Connection) -> Collection:
    return await make_collection(connection, 2)


async def remaining(connection: Connection, home: Collection) -> list[str]:
    return sorted(each.key for each in await document.page(connection, home, Wanted(), None, None, 500))


async def test_only_the_wanted_columns_are_read(connection: Connection, home: Collection) -> None:
    vector = np.array([1, 2], np.float32)
    await put(connection, home, new("it", {"a": 1}, "text", vector))
    [bare] = await document.page(connection, home, Wanted(), None, None, 10)
    assert (bare.key, bare.body, bare.text, bare.vector) == ('"it"', None, None, None)
    [whole] = await document.by_keys(connection, home, Wanted(body=True, text=True, vector=True), ['"it"', '"no"'])
    assert (whole.body, whole.text, list(whole.vector if whole.vector is not None else [])) == (
        {"a": 1},
        "text",
        [1, 2],
    )


async def test_a_collection_without_vectors_has_no_vector_to_read(connection: Connection) -> None:
    home = await make_collection(connection)
    await put(connection, home, new("it"))
    [found] = await document.page(connection, home, Wanted(vector=True), None, None, 10)
    assert found.vector is None


async def test_inserting_skips_or_replaces_what_is_there(connection: Connection, home: Collection) -> None:
    assert await document.insert(connection, home, [new("a", {"v": 1})], replace=False) == {'"a"': True}
    again = [new("b", {"v": 2}), new("a", {"v": 2})]
    assert await document.insert(connection, home, again, replace=False) == {'"b"': True}
    assert await document.insert(connection, home, again, replace=True) == {'"a"': False, '"b"': False}
    found = await document.page(connection, home, Wanted(body=True), None, None, 10)
    assert [each.body for each in found] == [{"v": 2}, {"v": 2}]


async def test_replacing_answers_what_is_stored_or_none(connection: Connection, home: Collection) -> None:
    assert await document.replace(connection, home, new("a", {"v": 1}), upsert=False) is None
    inserted = await document.replace(connection, home, new("a", {"v": 1}, "text"), upsert=True)
    replaced = await document.replace(connection, home, new("a", {"v": 2}), upsert=False)
    upserted = await document.replace(connection, home, new("a", {"v": 3}), upsert=True)
    assert inserted is not None
    assert replaced is not None
    assert replaced.created_at == inserted.created_at < replaced.updated_at
    assert [upserted] == await document.page(connection, home, Wanted(body=True, text=True), None, None, 10)


async def test_deleting_counts_everything_and_names_some(connection: Connection, home: Collection) -> None:
    await put(connection, home, *(new(key) for key in KEYS))
    by_keys = await document.delete(connection, home, given=None, keys=['"00"', '"00"', '"no"'], most_keys=10)
    assert by_keys == Touched(1, ['"00"'])
    by_filter = await document.delete(connection, home, given={"_id": {"$gte": "05"}}, keys=None, most_keys=3)
    assert (by_filter.count, len(by_filter.keys)) == (15, 3)
    assert await remaining(connection, home) == ['"01"', '"02"', '"03"', '"04"']
    assert (await document.delete(connection, home, given={}, keys=None, most_keys=10)).count == 4


Write = Callable[[Connection, Collection], Coroutine[Any, Any, object]]


async def replace_forwards(connection: Connection, home: Collection) -> None:
    await put(connection, home, *(new(key, {"by": "forwards"}) for key in KEYS))


async def replace_backwards(connection: Connection, home: Collection) -> None:
    await put(connection, home, *(new(key, {"by": "backwards"}) for key in reversed(KEYS)))


async def update_all(connection: Connection, home: Collection) -> None:
    await updates.update(connection, home, {}, Change({"by": "update"}), limit=100, most_bytes=1000, most_keys=0)


async def update_named(connection: Connection, home: Collection) -> None:
    wanted = {"_id": {"$in": KEYS[::-1]}}
    await updates.update(connection, home, wanted, Change({"by": "named"}), limit=100, most_bytes=1000, most_keys=0)


async def delete_backwards(connection: Connection, home: Collection) -> None:
    keys = [new(key).key for key in reversed(KEYS)]
    await document.delete(connection, home, given=None, keys=keys, most_keys=0)


async def delete_all(connection: Connection, home: Collection) -> None:
    await document.delete(connection, home, given={}, keys=None, most_keys=0)


@pytest.mark.parametrize("one", [replace_forwards, update_all, delete_all])
@pytest.mark.parametrize("other", [replace_backwards, update_named, delete_backwards])
async def test_two_writes_of_many_documents_never_wait_for_each_other(
    others: list[Connection], connection: Connection, home: Collection, one: Write, other: Write
) -> None:
    """Locks taken in different orders would end in a deadlock."""
    for key in reversed(KEYS):
        await put(connection, home, new(key))
    await together(connection, others, home, one, other)


async def test_two_inserts_of_many_documents_never_wait_for_each_other(
    others: list[Connection], connection: Connection, home: Collection
) -> None:
    async def forwards(connection: Connection, home: Collection) -> None:
        await document.insert(connection, home, [new(key) for key in KEYS], replace=False)

    async def backwards(connection: Connection, home: Collection) -> None:
        await document.insert(connection, home, [new(key) for key in reversed(KEYS)], replace=False)

    await together(connection, others, home, forwards, backwards)
    assert len(await remaining(connection, home)) == len(KEYS)


async def together(
    connection: Connection, others: list[Connection], home: Collection, one: Write, other: Write
) -> None:
    """Two writes that both come to a document in the middle while a third transaction holds it."""
    first, second, holder = others
    async with asyncio.TaskGroup() as group, holder.transaction():
        await put(holder, home, new(KEYS[10], {"by": "holder"}))
        group.create_task(one(first, home))
        group.create_task(other(second, home))
        await until_waiting(connection, 2)


@pytest.fixture(scope="module")
async def others(connect: Connect) -> list[Connection]:
    """Three connections beside the module's own."""
    return [await connect() for _ in range(3)]


READS_AND_WRITES: list[Write] = [
    remaining,
    lambda connection, home: document.by_keys(connection, home, Wanted(), ["1"]),
    lambda connection, home: document.existing(connection, home, ["1"]),
    lambda connection, home: document.count(connection, home, None),
    lambda connection, home: document.replace(connection, home, new(1), upsert=True),
    lambda connection, home: updates.matches(connection, home, {}, Change({"a": 1}), 10),
    lambda connection, home: neighbour.nearest(
        connection, space.documents(home, Wanted(), None), np.ones(2, np.float32), after=None, limit=1, keep=None
    ),
    replace_forwards,
    update_all,
    delete_all,
]


@pytest.mark.parametrize("use", READS_AND_WRITES)
async def test_a_table_that_was_dropped_meanwhile_is_not_found(
    connection: Connection, home: Collection, use: Write
) -> None:
    await use(connection, home)
    await target.drop(connection, home.database_id, home.id)
    with pytest.raises(NotFound):
        await use(connection, home)
