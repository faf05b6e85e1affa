"""Reading and writing rows: what is read, what is written, in which order rows are locked, and what a changed table does to it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import numpy as np
import pytest

from app.errors import NotFound
from app.postgres import Connection
from app.store import row, row_update, table_version, target
from app.store.document import Touched
from app.store.identifier import column
from app.store.record import ColumnType, Table, TableRow, Vector
from app.store.row import Wanted
from app.store.row_update import RowChange
from app.store.table_version import TableChangedError
from tests.app.store.conftest import Connect
from tests.app.store.rows import made, make_table, new, put
from tests.factory import until_waiting

NAMES = [f"{number:02}" for number in range(20)]
EVERYTHING = Wanted(fields=True, vectors=frozenset({"v", "w"}))


@pytest.fixture
async def home(connection: Connection) -> Table:
    """Films by title and part, with a vector of their own, one that follows the text, and one that is about to take its place."""
    text = made("text", ColumnType.TEXT)
    return await make_table(
        connection,
        made("part", ColumnType.INT, 2),
        made("title", ColumnType.TEXT, 1),
        text,
        made("meta", ColumnType.JSON),
        made("v", ColumnType.VECTOR, dimension=2),
        made("w", ColumnType.VECTOR, dimension=2, source_column_id=text.id),
        made("w_next", ColumnType.VECTOR, dimension=2, source_column_id=text.id, migrating=True),
    )


def vector(*components: float) -> Vector:
    return np.array(components, np.float32)


def listed(found: Vector | None) -> list[float] | None:
    return None if found is None else found.tolist()


async def everything(connection: Connection, home: Table) -> dict[str, TableRow]:
    """Stored key -> row."""
    return {each.key: each for each in await row.page(connection, home, EVERYTHING, None, None, 500)}


def change_of(home: Table, **values: Any) -> RowChange:  # noqa: ANN401 - as they are stored
    """New values by column name; vectors that follow a text are left for later."""
    columns = {each.name: each for each in home.columns}
    changed = {columns[name].id: value for name, value in values.items()}
    followers = {each.id: each.source_column_id for each in home.vectors if each.source_column_id in changed}
    return RowChange(
        {**changed, **{each: changed.get(each) for each in followers}},
        {follower: source for follower, source in followers.items() if source is not None},
    )


async def change(connection: Connection, home: Table, given: dict[str, Any], **values: Any) -> Touched:  # noqa: ANN401 - as above
    what = change_of(home, **values)
    _, touched = await row_update.update(connection, home, given, what, limit=100, most_bytes=1000, most_keys=3)
    return touched


# --- reading ---
async def test_only_the_wanted_columns_are_read_and_none_in_migration(connection: Connection, home: Table) -> None:
    await put(connection, home, {"title": "a", "part": 1, "text": "x", "meta": [1], "v": vector(1, 2)})
    [bare] = await row.page(connection, home, Wanted(), None, None, 10)
    assert (bare.key, bare.fields, bare.vectors) == ('["a",1]', {"part": 1, "title": "a"}, {})
    wanted = Wanted(fields=True, vectors=frozenset({"v", "w_next", "title", "no"}))
    [whole] = await row.by_keys(connection, home, wanted, ['["a",1]', '["a",2]'])
    assert whole.fields == {"part": 1, "title": "a", "text": "x", "meta": [1]}
    assert {name: listed(each) for name, each in whole.vectors.items()} == {"v": [1, 2]}


async def test_rows_come_in_order_of_creation_then_key(connection: Connection, home: Table) -> None:
    await put(connection, home, *({"title": title, "part": part} for title in "éBa" for part in (10, 9)))
    await put(connection, home, {"title": "A", "part": 1})
    keys = ['["B",9]', '["B",10]', '["a",9]', '["a",10]', '["é",9]', '["é",10]', '["A",1]']
    assert list(await everything(connection, home)) == keys
    after, seen = None, []
    while found := await row.page(connection, home, Wanted(), None, after, 2):
        seen += [each.key for each in found]
        after = (found[-1].created_at, found[-1].key)
    assert seen == keys


# --- inserting ---
async def test_inserting_skips_or_replaces_the_whole_row(connection: Connection, home: Table) -> None:
    first = new(home, title="a", part=1, text="x", meta={"n": 1}, v=vector(1, 2))
    assert await row.insert(connection, home, [first], replace=False) == {'["a",1]': True}
    again = [new(home, title="b", part=1), new(home, title="a", part=1, meta=[[1], [2]])]
    assert await row.insert(connection, home, again, replace=False) == {'["b",1]': True}
    created = (await everything(connection, home))['["a",1]'].created_at
    assert await row.insert(connection, home, again, replace=True) == {'["a",1]': False, '["b",1]': False}
    replaced = (await everything(connection, home))['["a",1]']
    assert replaced.fields == {"part": 1, "title": "a", "text": None, "meta": [[1], [2]]}
    assert (replaced.vectors["v"], replaced.created_at) == (None, created)


async def test_a_table_of_nothing_but_its_key_takes_replacements_too(connection: Connection) -> None:
    table = await make_table(connection, made("id", ColumnType.UUID, 1))
    only = new(table, id="123e4567-e89b-12d3-a456-426614174000")
    assert await row.insert(connection, table, [only], replace=True) == {only.key: True}
    assert await row.insert(connection, table, [only], replace=True) == {only.key: False}


async def test_it_is_known_which_vectors_are_of_the_very_texts_that_come_again(
    connection: Connection, home: Table
) -> None:
    [w] = [each for each in home.shown if each.name == "w"]
    for title, text in (("same", "x"), ("other", "x"), ("blank", None), ("bare", "x")):
        vectors = {"w": vector(1, 2)} if title != "bare" else {}
        await put(connection, home, {"title": title, "part": 1, "text": text, **vectors})
    again = [
        new(home, title=title, part=1, text="x" if title != "other" else "y")
        for title in ("same", "other", "bare", "no")
    ]
    found = await row.embedded(connection, home, [*again, new(home, title="blank", part=1)])
    assert {
        key: {each: listed(made) for each, made in vectors.items()} for key, vectors in found.items() if vectors
    } == {'["same",1]': {w.id: [1, 2]}}


# --- columns in migration ---
async def in_migration(connection: Connection, home: Table) -> dict[str, list[float] | None]:
    """Title -> the vector that nobody sees yet."""
    title, waiting = home.columns[1], home.columns[-1]
    rows = await connection.fetch(
        f"select {column(title.id)} as title, {column(waiting.id)} as v from {row.home(home)}"  # noqa: S608 - nobody else reads it
    )
    return {each["title"]: listed(each["v"]) for each in rows}


async def test_a_vector_in_migration_stays_where_its_text_stays_and_goes_where_it_changes(
    connection: Connection, home: Table
) -> None:
    for title in ("same", "other", "null", "updated", "touched"):
        await put(connection, home, {"title": title, "part": 1, "text": "x"})
    await connection.execute(f"update {row.home(home)} set {column(home.columns[-1].id)} = '[1,2]'")  # noqa: S608 - as its job would
    again = [("same", "x"), ("other", "y"), ("null", None), ("new", "x")]
    await put(connection, home, *({"title": title, "part": 1, "text": text} for title, text in again))
    await change(connection, home, {"title": "updated"}, text="y")
    await change(connection, home, {"title": "touched"}, text="x", meta=1)
    gone = dict.fromkeys(("other", "null", "new", "updated"))
    assert await in_migration(connection, home) == {"same": [1, 2], "touched": [1, 2], **gone}


# --- updating and deleting ---
async def test_an_update_changes_what_differs_and_vectors_with_their_text_alone(
    connection: Connection, home: Table
) -> None:
    await put(
        connection,
        home,
        {"title": "a", "part": 1, "text": "x", "w": vector(1, 2)},
        {"title": "b", "part": 1, "text": "y", "w": vector(3, 4)},
    )
    what = change_of(home, text="y", w=vector(5, 6))
    looked = await row_update.matches(connection, home, {}, what, 100)
    met, touched = await row_update.update(connection, home, {}, what, limit=100, most_bytes=1000, most_keys=3)
    assert (looked.count, looked.other) == (met.count, met.other) == (2, what.texts)
    assert touched == Touched(1, ['["a",1]'])
    assert [listed(each.vectors["w"]) for each in (await everything(connection, home)).values()] == [[5, 6], [3, 4]]
    met, touched = await row_update.update(connection, home, {}, what, limit=100, most_bytes=1000, most_keys=3)
    assert (met.count, met.other, touched) == (2, frozenset(), Touched(0, []))
    assert (await row_update.matches(connection, home, {"title": "no"}, what, 100)).other == frozenset()


async def test_an_update_says_where_a_row_would_grow_too_large(connection: Connection, home: Table) -> None:
    await put(connection, home, {"title": "a", "part": 1, "text": "x" * 600})
    for meta, too_large in (("y" * 700, False), ("y" * 900, True)):
        what = change_of(home, meta=meta)
        met, _ = await row_update.update(connection, home, {}, what, limit=9, most_bytes=1000, most_keys=0)
        assert met.too_large is too_large


async def test_deleting_counts_everything_and_names_some(connection: Connection, home: Table) -> None:
    await put(connection, home, *({"title": title, "part": 1} for title in NAMES))
    keys = ['["00",1]', '["00",1]', '["00",2]']
    assert await row.delete(connection, home, given=None, keys=keys, most_keys=9) == Touched(1, ['["00",1]'])
    by_filter = await row.delete(connection, home, given={"title": {"$gte": "05"}}, keys=None, most_keys=3)
    assert (by_filter.count, len(by_filter.keys)) == (15, 3)
    assert list(await everything(connection, home)) == [f'["{title}",1]' for title in NAMES[1:5]]


# --- locks ---
Write = Callable[[Connection, Table], Coroutine[Any, Any, object]]


async def replace_backwards(connection: Connection, home: Table) -> None:
    await put(connection, home, *({"title": title, "part": 1, "meta": "backwards"} for title in reversed(NAMES)))


async def insert_backwards(connection: Connection, home: Table) -> None:
    rows = [new(home, title=title, part=1) for title in reversed([*NAMES, *"abc"])]
    await row.insert(connection, home, rows, replace=False)


async def update_all(connection: Connection, home: Table) -> None:
    await change(connection, home, {}, meta="update")


async def delete_named(connection: Connection, home: Table) -> None:
    keys = [f'["{title}",1]' for title in reversed(NAMES)]
    await row.delete(connection, home, given=None, keys=keys, most_keys=0)


async def delete_all(connection: Connection, home: Table) -> None:
    await row.delete(connection, home, given={}, keys=None, most_keys=0)


@pytest.mark.parametrize("one", [update_all, delete_all])
@pytest.mark.parametrize("other", [replace_backwards, insert_backwards, delete_named, update_all])
async def test_two_writes_of_many_rows_never_wait_for_each_other(
    others: list[Connection], connection: Connection, home: Table, one: Write, other: Write
) -> None:
    """Locks taken in different orders would end in a deadlock. A third transaction holds a row in the middle until both have come to it."""
    for title in reversed(NAMES):
        await put(connection, home, {"title": title, "part": 1})
    first, second, holder = others
    async with asyncio.TaskGroup() as group, holder.transaction():
        await put(holder, home, {"title": NAMES[10], "part": 1, "meta": "holder"})
        group.create_task(one(first, home))
        group.create_task(other(second, home))
        await until_waiting(connection, 2)


@pytest.fixture(scope="module")
async def others(connect: Connect) -> list[Connection]:
    """Three connections beside the module's own."""
    return [await connect() for _ in range(3)]


# --- what changes meanwhile ---
async def look(connection: Connection, home: Table) -> object:
    return await row_update.matches(connection, home, {}, change_of(home, text="x"), 10)


USES: list[Write] = [
    everything,
    lambda connection, home: row.count(connection, home, {"text": "x"}),
    lambda connection, home: row.embedded(connection, home, [new(home, title="a", part=1, text="x")]),
    lambda connection, home: row.delete(connection, home, given={"text": "x"}, keys=None, most_keys=0),
    lambda connection, home: change(connection, home, {}, text="x"),
    look,
    replace_backwards,
]


@pytest.mark.parametrize("use", USES)
async def test_a_column_that_was_dropped_meanwhile_lets_work_begin_anew(
    connection: Connection, home: Table, use: Write
) -> None:
    await use(connection, home)
    dropped = next(each for each in home.columns if each.name == "text")
    await connection.execute(f"alter table {row.home(home)} drop column {column(dropped.id)}")
    with pytest.raises(TableChangedError):
        await use(connection, home)


async def test_a_column_that_came_meanwhile_and_needs_a_value_lets_work_begin_anew(
    connection: Connection, home: Table
) -> None:
    await connection.execute(f"alter table {row.home(home)} add column needed integer not null")
    with pytest.raises(TableChangedError):
        await put(connection, home, {"title": "a", "part": 1})


@pytest.mark.parametrize("use", USES)
async def test_a_table_that_was_dropped_meanwhile_is_not_found(connection: Connection, home: Table, use: Write) -> None:
    await use(connection, home)
    await target.drop(connection, home.database_id, home.id)
    with pytest.raises(NotFound):
        await use(connection, home)


async def test_a_write_is_let_through_the_fence_until_the_table_is_changed(connection: Connection, home: Table) -> None:
    await table_version.check(connection, home)
    await table_version.write(connection, home)
    await table_version.check(connection, home)
    await connection.execute(
        "update vectorgate_region.table_version set version = version + 1 where table_id = $1", home.id
    )
    with pytest.raises(TableChangedError):
        await table_version.check(connection, home)
