"""Adding columns to tables and dropping them, over HTTP: all of a call or nothing, whatever happens in between."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from app.access import BUILT_IN, Permission, Role
from app.domain import column, sweep
from app.errors import DatabaseUnavailable
from tests.factory import Api, Running, until_waiting
from tests.patience import until
from tests.resolvers.documents import NODE, openai
from tests.resolvers.tables import (
    ADD_COLUMNS,
    DROP_COLUMNS,
    ID,
    LOCAL,
    TITLE,
    home,
    put,
    table,
    vector,
    version,
)

STORED = """
select attname from pg_attribute where attnum > 0 and not attisdropped
and attrelid = (select oid from pg_class where relname like 't\\_%' and relkind = 'r')"""
YEAR = {"name": "year", "type": "INT"}


async def names(api: Api, identifier: str) -> list[str]:
    return list((await table(api, identifier))["columns"])


async def stored(running: Running) -> int:
    """How many columns the one table has in its region, without the time of creation."""
    return len(await running.sql(STORED)) - 1


# --- adding ---
async def test_columns_are_added_behind_the_others_empty_tables_or_full_ones(running: Running) -> None:
    api, home = running.api, await running.api.database()
    await api.credential(databases=(home,))
    films = await api.table(home)
    await put(running, films, range(2), title="Jaws")
    added = await api(
        ADD_COLUMNS, id=films, columns=[YEAR, vector("v", None, embedding=openai(), sourceColumn="title", index={})]
    )
    assert [each["name"] for each in added["addColumns"]["table"]["columns"]] == ["id", "title", "year", "v"]
    found = (await table(api, films))["columns"]
    assert (found["year"]["type"], found["year"]["nullable"]) == ("INT", True)
    assert (found["v"]["dimension"], found["v"]["sourceColumn"]) == (64, "title")
    assert found["v"]["index"] == {"name": "v_index", "metric": "COSINE", "status": "READY"}
    assert found["v"]["embedding"]["status"] == {"available": True, "reason": None}
    assert await stored(running) == 4
    assert await running.sql("select from vectorgate.debris") == []
    assert running.openai.received == [], "vectors come with embedMissing"
    more = [vector("w", None, embedding=LOCAL, sourceColumn="plot"), {"name": "plot", "type": "TEXT"}]
    await api(ADD_COLUMNS, id=films, columns=more)
    assert await names(api, films) == ["id", "title", "year", "v", "w", "plot"]
    assert (await table(api, films))["columns"]["w"]["sourceColumn"] == "plot"


async def test_a_column_that_needs_a_value_is_for_empty_tables_only(running: Running) -> None:
    api = running.api
    films = await api.table(await api.database())
    await api(ADD_COLUMNS, id=films, columns=[{**YEAR, "nullable": False}])
    assert not (await table(api, films))["columns"]["year"]["nullable"]
    await put(running, films, range(1), year=1975)
    before = await version(running, films)
    refused = await api.refusal(
        ADD_COLUMNS, id=films, columns=[vector("v", 3), {**TITLE, "name": "plot", "nullable": False}]
    )
    assert (refused.codes, refused.facts["table"]) == (["BAD_INPUT"], "films")
    assert (await names(api, films), await stored(running)) == (["id", "title", "year"], 3)
    assert await version(running, films) == before
    assert await running.sql("select from vectorgate.debris") == []


ADDED_WRONGLY: list[tuple[list[dict[str, Any]], str, dict[str, Any]]] = [
    ([], "BAD_INPUT", {"limit": 1, "actual": 0}),
    ([YEAR, YEAR], "BAD_INPUT", {"column": "year"}),
    ([YEAR, TITLE], "ALREADY_EXISTS", {"column": "title"}),
    ([{"name": "a; drop table x", "type": "INT"}], "BAD_INPUT", {"limit": 48, "actual": 15}),
    ([{**YEAR, "dimension": 3}], "COLUMN_NOT_VECTOR", {"column": "year"}),
    ([vector("w", None)], "BAD_INPUT", {"column": "w"}),
    ([vector("w", None, embedding=LOCAL, sourceColumn="nobody")], "COLUMN_UNKNOWN", {"column": "w"}),
    ([vector("w", None, embedding=openai())], "INTEGRATION_NOT_ENABLED", {"provider": "openai"}),
    ([vector("w", index={"name": "v_index"})], "ALREADY_EXISTS", {"column": "w"}),
    ([{"name": f"c{number}", "type": "INT"} for number in range(198)], "LIMIT_EXCEEDED", {"limit": 200, "actual": 201}),
]


async def test_what_cannot_be_added_is_refused_and_leaves_the_table_as_it_is(running: Running) -> None:
    api = running.api
    films = await api.table(await api.database(), columns=(ID, TITLE, vector(index={})))
    before = await table(api, films)
    for columns, code, facts in ADDED_WRONGLY:
        refused = await api.refusal(ADD_COLUMNS, id=films, columns=columns)
        assert (refused.codes, {name: refused.facts.get(name) for name in facts}) == ([code], facts), columns
    assert await table(api, films) == before
    assert (await version(running, films), await stored(running)) == ((1, None), 3)
    assert await running.sql("select from vectorgate.debris") == []


async def test_an_index_of_an_added_column_needs_its_permission(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(
        BUILT_IN, "Designer", Role("Designer", frozenset({Permission.ALTER_TABLE}), "Tables without indexes.")
    )
    films = await running.api.table(await running.api.database())
    async with await running.api.with_token("Designer") as designer:
        refused = await designer.refusal(ADD_COLUMNS, id=films, columns=[vector(index={})])
        assert (refused.codes, refused.facts["permission"]) == (["PERMISSION_DENIED"], "CREATE_INDEX")
        await designer(ADD_COLUMNS, id=films, columns=[vector()])


async def test_columns_added_at_the_same_time_are_all_there(running: Running) -> None:
    api = running.api
    films = await api.table(await api.database())
    added = [{"name": f"c{number}", "type": "INT"} for number in range(4)]
    answers = await asyncio.gather(*(running.api.post(ADD_COLUMNS, {"id": films, "columns": [each]}) for each in added))
    assert [answer.json().get("errors") for answer in answers] == [None] * 4
    assert sorted(await names(api, films)) == ["c0", "c1", "c2", "c3", "id", "title"]
    assert await stored(running) == 6
    positions = await running.sql("select position from vectorgate.table_column order by position")
    assert [row["position"] for row in positions] == list(range(1, 7))


async def test_a_table_that_is_read_for_long_is_not_waited_for_behind_everybody_s_back(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The change gives up; nothing of it stays, and what can be tried again says so."""
    monkeypatch.setattr("app.store.lock._BRIEFLY", "set local lock_timeout = '50ms'")
    films = await running.api.table(await running.api.database())
    async with running.gateway.postgres.catalogue.transaction() as reading:
        [row] = await reading.fetch("select schemaname, tablename from pg_tables where tablename like 't\\_%'")
        await reading.fetch(f"select from {row['schemaname']}.{row['tablename']}")
        refused = await running.api.refusal(ADD_COLUMNS, id=films, columns=[YEAR])
        assert (refused.codes, refused.facts["retryable"]) == (["DATABASE_UNAVAILABLE"], True)
    assert (await names(running.api, films), await stored(running)) == (["id", "title"], 2)
    await sweep.once(running.gateway)
    assert await running.sql("select from vectorgate.debris") == []
    await running.api(ADD_COLUMNS, id=films, columns=[YEAR])


async def test_what_a_process_left_behind_when_it_died_adding_columns_is_removed_by_the_sweep(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def die(*_: object) -> None:
        raise asyncio.CancelledError

    films = await running.api.table(await running.api.database())
    with monkeypatch.context() as patched:
        patched.setattr(column, "_enter", die)
        await running.api.post(ADD_COLUMNS, {"id": films, "columns": [YEAR]})
    assert (await names(running.api, films), await stored(running)) == (["id", "title"], 3)
    await sweep.once(running.gateway)
    assert await stored(running) == 3, "it might still be entered"
    await running.sql("update vectorgate.debris set created_at = now() - interval '61 seconds'")
    await sweep.once(running.gateway)
    assert await stored(running) == 2
    await running.api(ADD_COLUMNS, id=films, columns=[YEAR])


@pytest.mark.parametrize("made", [True, False], ids=["after they were made", "before"])
async def test_columns_that_the_sweep_has_removed_meanwhile_are_not_entered_and_nothing_of_them_stays(
    running: Running, monkeypatch: pytest.MonkeyPatch, *, made: bool
) -> None:
    make = column.make

    async def slowly(*args: Any) -> None:  # noqa: ANN401 - handed on as they came
        if made:
            await make(*args)
        await running.sql("update vectorgate.debris set created_at = now() - interval '61 seconds'")
        await sweep.once(running.gateway)
        if not made:
            await make(*args)

    films = await running.api.table(await running.api.database())
    with monkeypatch.context() as patched:
        patched.setattr(column, "make", slowly)
        refused = await running.api.refusal(ADD_COLUMNS, id=films, columns=[YEAR])
    assert (refused.codes, refused.facts["retryable"]) == (["DATABASE_UNAVAILABLE"], True)
    assert (await names(running.api, films), await stored(running)) == (["id", "title"], 2)
    assert await running.sql("select from vectorgate.debris") == []


async def test_a_change_that_cannot_be_announced_takes_nothing_back_that_is_seen(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> None:
        raise DatabaseUnavailable("away")

    films = await running.api.table(await running.api.database())
    with monkeypatch.context() as patched:
        patched.setattr("app.domain.table_version.announce", fail)
        refused = await running.api.refusal(ADD_COLUMNS, id=films, columns=[YEAR])
    assert refused.codes == ["DATABASE_UNAVAILABLE"]
    await sweep.once(running.gateway)
    assert (await names(running.api, films), await stored(running)) == (["id", "title", "year"], 3)


# --- dropping ---
async def test_columns_are_dropped_with_what_is_in_them(running: Running) -> None:
    api, home = running.api, await running.api.database()
    await api.credential(databases=(home,))
    columns = (ID, TITLE, {**YEAR, "nullable": False}, vector("v", None, embedding=openai(), sourceColumn="title"))
    films = await api.table(home, columns=columns)
    column_id = (await table(api, films))["columns"]["v"]["id"]
    await put(running, films, range(1), year=1975)
    dropped = (await api(DROP_COLUMNS, id=films, columns=["v", "title", "year", "v"]))["dropColumns"]["table"]
    assert dropped["columns"] == [{"name": "id"}]
    assert (await stored(running), await version(running, films)) == (1, (2, 2))
    assert (await api(NODE, id=column_id))["node"] is None
    assert await running.sql("select from vectorgate.attachment") == []
    assert await running.sql("select from vectorgate.debris") == []
    await api(ADD_COLUMNS, id=films, columns=[YEAR])
    assert await names(api, films) == ["id", "year"]


async def test_what_must_stay_is_not_dropped_and_nothing_else_of_the_call_is(running: Running) -> None:
    api = running.api
    columns = (ID, TITLE, YEAR, vector("v", None, embedding=LOCAL, sourceColumn="title"), vector("w", index={}))
    films = await api.table(await api.database(), columns=columns)
    before = await table(api, films)
    for given, code, facts, word in (
        ([], "BAD_INPUT", {"limit": 1, "actual": 0}, "one"),
        (["nobody"], "COLUMN_UNKNOWN", {"column": "nobody"}, "id, title, year, v, w"),
        (["Year"], "COLUMN_UNKNOWN", {"column": "Year"}, "year"),
        (["id"], "BAD_INPUT", {"column": "id"}, "primary key"),
        (["w"], "BAD_INPUT", {"column": "w"}, "dropVectorIndex"),
        (["title"], "BAD_INPUT", {"column": "title"}, "'v'"),
    ):
        refused = await api.refusal(DROP_COLUMNS, id=films, columns=["year", *given] if given else [])
        assert (refused.codes, {name: refused.facts[name] for name in facts}) == ([code], facts), given
        assert word in refused.errors[0]["message"]
    assert await table(api, films) == before
    assert (await stored(running), await version(running, films)) == (5, (1, None))


async def test_a_column_that_its_region_still_has_keeps_no_row_out(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The region is busy: the column is gone for its users, writes go on without it, and the sweep comes later."""
    api = running.api
    films = await api.table(await api.database(), columns=(ID, {**YEAR, "nullable": False}))
    busy = DatabaseUnavailable("in use")

    async def fail(*_: object) -> None:
        raise busy

    with monkeypatch.context() as patched:
        patched.setattr("app.store.column.drop", fail)
        await api(DROP_COLUMNS, id=films, columns=["year"])
    assert (await names(api, films), await stored(running)) == (["id"], 2)
    await put(running, films, range(1))
    await sweep.once(running.gateway)
    assert await stored(running) == 1


async def test_dropping_waits_for_writes_in_flight_and_keeps_no_other_waiting(running: Running) -> None:
    api = running.api
    films = await api.table(await api.database(), columns=(ID, TITLE, YEAR))

    async def told() -> bool:
        return await version(running, films) == (2, 2)

    async with running.gateway.postgres.catalogue.transaction() as writing:
        [row] = await writing.fetch("select schemaname, tablename from pg_tables where tablename like 't\\_%'")
        await writing.execute(f"lock table {row['schemaname']}.{row['tablename']} in row exclusive mode")
        dropping = asyncio.create_task(api(DROP_COLUMNS, id=films, columns=["year"]))
        await until(told)
        await put(running, films, range(1), title="Jaws")
        assert not dropping.done()
    assert [each["name"] for each in (await dropping)["dropColumns"]["table"]["columns"]] == ["id", "title"]


async def test_a_column_that_a_job_is_replacing_is_left_alone(running: Running) -> None:
    api = running.api
    films = await api.table(
        await api.database(), columns=(ID, TITLE, vector("v", None, embedding=LOCAL, sourceColumn="title"))
    )
    await api(ADD_COLUMNS, id=films, columns=[vector("v_previous", 3)])
    source = "(select id from vectorgate.table_column where name = 'title')"
    await running.sql(
        f"update vectorgate.table_column set migrating = true, source_column_id = {source} where name = 'v_previous'"  # noqa: S608 - a constant
    )
    assert await names(api, films) == ["id", "title", "v"], "nobody sees what the job fills"
    for given in (["v"], ["title", "v"]):
        refused = await api.refusal(DROP_COLUMNS, id=films, columns=given)
        assert (refused.codes, "cancelJob" in refused.errors[0]["message"]) == (["BAD_INPUT"], True)
    refused = await api.refusal(DROP_COLUMNS, id=films, columns=["v_previous"])
    assert (refused.codes, refused.facts["column"]) == (["COLUMN_UNKNOWN"], "v_previous")
    assert await names(api, films) == ["id", "title", "v"]


async def test_while_an_index_is_built_nobody_who_reads_or_writes_waits_behind_who_changes_columns(
    running: Running,
) -> None:
    api = running.api
    films = await api.table(await api.database())
    await put(running, films, [1], title="Jaws")
    into, columns = await home(running, films)
    async with (
        running.gateway.postgres.catalogue.outside() as builder,
        running.gateway.postgres.catalogue.outside() as writer,
    ):
        writing = writer.transaction()
        await writing.start()
        await writer.execute(f"insert into {into} ({columns['id']}) values (2)")  # noqa: S608 - past every rule
        build = asyncio.create_task(builder.execute(f"create index concurrently on {into} ({columns['title']})"))
        await until_waits(running)
        adding = asyncio.create_task(api(ADD_COLUMNS, id=films, columns=[YEAR]))
        await until(lambda: looks(running))
        assert await api.rows(films) == [{"id": 1, "title": "Jaws"}]
        assert (await api.insert_rows(films, {"id": 3, "title": "Alien"}))["insertedCount"] == 1
        assert not adding.done()
        await writing.rollback()
        await build
        await adding
    assert await names(api, films) == ["id", "title", "year"]


async def until_waits(running: Running) -> None:
    async with running.gateway.postgres.catalogue.connection() as connection:
        await until_waiting(connection, 1)


async def looks(running: Running) -> bool:
    """Whether the gateway has asked if an index is being built."""
    return any("pg_stat_progress_create_index" in each for each in running.statements.seen)
