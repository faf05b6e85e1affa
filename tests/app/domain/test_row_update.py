"""Updating rows over HTTP: typed values, vectors that follow texts, and everything or nothing."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.factory import UPDATE_ROWS, Api, Running, until_waiting
from tests.resolvers.documents import openai
from tests.resolvers.tables import ID, home, put, vector

BODY = {"name": "body", "type": "TEXT"}
KIND = {"name": "kind", "type": "TEXT"}
SMALL, OTHER = openai(dimension=4), openai(dimension=8)


async def refused(api: Api, table_id: str, given: Any, **set: Any) -> tuple[str, dict[str, Any]]:  # noqa: ANN401 - JSON
    """Code and facts of an update that is refused as a whole."""
    refusal = await api.refusal(UPDATE_ROWS, input={"tableId": table_id, "filter": given, "set": set})
    [code] = refusal.codes
    return code, refusal.facts


@pytest.fixture
async def films(api: Api) -> str:
    """Films by id: a text that `v` and, in another size, `w` follow; `own` embeds strings; `must` has to have a value."""
    database_id = await api.database()
    await api.credential(databases=(database_id,))
    columns: tuple[dict[str, Any], ...] = (
        ID,
        BODY,
        KIND,
        {"name": "n", "type": "INT"},
        {"name": "meta", "type": "JSON"},
        {"name": "must", "type": "TEXT", "nullable": False},
        vector("v", 4, embedding=SMALL, sourceColumn="body"),
        vector("w", 8, embedding=OTHER, sourceColumn="body"),
        vector("own", 4, embedding=SMALL),
        vector("bare", 2, index={"metric": "COSINE"}),
    )
    return await api.table(database_id, columns=columns)


async def fill(running: Running, table_id: str, *texts: str | None, **more: Any) -> None:  # noqa: ANN401 - JSON
    """Rows from id 0 with these texts; what was asked for them is forgotten."""
    rows = [{"id": number, "body": text, "must": "", **more} for number, text in enumerate(texts)]
    await running.api.insert_rows(table_id, *rows)
    running.openai.received.clear()


# --- values ---
async def test_values_are_set_whole_and_what_is_the_same_is_matched_and_not_modified(
    running: Running, films: str
) -> None:
    api = running.api
    await fill(running, films, "a", "b", "c", n=1, meta={"x": [1]})
    updated = await api.update_rows(films, {"id": {"$gt": 0}}, n=1.0, meta={"x": [1]}, kind=None)
    assert (updated["matchedCount"], updated["modifiedCount"], updated["modifiedIds"]) == (2, 0, [])
    updated = await api.update_rows(films, {"id": {"$gt": 0}}, n=2, meta=[[1], [2]], must="x")
    assert (updated["matchedCount"], updated["modifiedCount"], len(updated["modifiedIds"])) == (2, 2, 2)
    assert (updated["usage"], updated["table"]) == (None, {"name": "films"})
    changed = {"n": 2, "meta": [[1], [2]], "must": "x", "kind": None}
    assert await api.rows(films) == [
        {"id": 0, "body": "a", "kind": None, "n": 1, "meta": {"x": [1]}, "must": ""},
        {"id": 1, "body": "b", **changed},
        {"id": 2, "body": "c", **changed},
    ]
    assert (await api.update_rows(films, {}, n=None, meta=None))["modifiedCount"] == 3
    assert [(each["n"], each["meta"]) for each in await api.rows(films)] == [(None, None)] * 3
    assert running.openai.received == []


@pytest.mark.parametrize(
    ("set", "code"),
    [
        ({}, "BAD_INPUT"),
        ({"nobody": 1}, "COLUMN_UNKNOWN"),
        ({"n": 1, "\ud800": 1}, "COLUMN_UNKNOWN"),
        ({"meta.x": 1}, "COLUMN_UNKNOWN"),
        ({"id": 1}, "BAD_INPUT"),
        ({"n": "1"}, "BAD_INPUT"),
        ({"n": 2**31}, "BAD_INPUT"),
        ({"must": None}, "BAD_INPUT"),
        ({"body": "a\0"}, "BAD_INPUT"),
        ({"meta": {"a": "\udfff"}}, "BAD_INPUT"),
        ({"kind": "x" * 4_000_000}, "LIMIT_EXCEEDED"),
        ({"v": "text"}, "VECTORIZE_AND_VECTOR"),
        ({"v": [1, 2, 3, 4]}, "VECTORIZE_AND_VECTOR"),
        ({"body": "new", "w": "new"}, "VECTORIZE_AND_VECTOR"),
        ({"own": [1, 2]}, "INVALID_VECTOR_LENGTH"),
        ({"own": {"a": 1}}, "INVALID_VECTOR"),
        ({"own": "\ud800"}, "BAD_INPUT"),
        ({"bare": "text"}, "EMBEDDING_NOT_CONFIGURED"),
        ({"bare": [0, 0]}, "INVALID_VECTOR"),
        ({"body": "forbidden"}, "EMBEDDING_PROVIDER_CLIENT_ERROR"),
        ({"own": "forbidden", "n": 5}, "EMBEDDING_PROVIDER_CLIENT_ERROR"),
    ],
)
async def test_what_cannot_be_done_is_refused_and_nothing_is_changed(
    running: Running, films: str, set: dict[str, Any], code: str
) -> None:
    await fill(running, films, "a")
    before = await running.api.rows(films), await running.api.vectors(films)
    running.openai.refused_texts = {"forbidden"}
    assert (await refused(running.api, films, {}, **set))[0] == code
    assert (await running.api.rows(films), await running.api.vectors(films)) == before
    if not code.startswith("EMBEDDING_PROVIDER"):
        assert running.openai.received == []


async def test_a_filter_that_cannot_be_used_is_refused_before_anybody_is_asked(running: Running, films: str) -> None:
    await fill(running, films, "a")
    for given, path in (({"n": "x"}, "filter.n"), ({"v": None}, "filter.v"), ({"no": 1}, "filter.no")):
        code, facts = await refused(running.api, films, given, body="new")
        assert (code, facts["path"]) == ("INVALID_FILTER", path)
    assert running.openai.received == []


async def test_more_than_10_000_matches_and_rows_that_grow_too_large_are_refused(running: Running, films: str) -> None:
    api = running.api
    await fill(running, films, None, kind="x" * 3_900_000)
    for more in ({"must": "y" * 110_000}, {"must": "y" * 60_000, "meta": "z" * 110_000}):
        code, facts = await refused(api, films, {}, **more)
        assert (code, facts["limit"]) == ("LIMIT_EXCEEDED", 4_000_000)
    assert (await api.update_rows(films, {}, must="y" * 90_000))["modifiedCount"] == 1
    await api.delete_rows(films, filter={})
    await put(running, films, range(1), must="")
    await running.sql(await insert_many(running, films, 10_000))
    code, facts = await refused(api, films, {}, n=1, body="new")
    assert (code, facts["limit"], facts["actual"]) == ("LIMIT_EXCEEDED", 10_000, 10_001)
    assert running.openai.received == []
    updated = await api.update_rows(films, {"id": {"$gt": 0}}, n=1, body="new")
    assert (updated["matchedCount"], updated["modifiedCount"], updated["modifiedIds"]) == (10_000, 10_000, None)
    assert sorted(running.openai.texts) == [["new"], ["new"]]


async def insert_many(running: Running, table_id: str, count: int) -> str:
    """A statement that inserts rows with the ids from 1."""
    into, names = await home(running, table_id)
    return f"insert into {into} ({names['id']}, {names['must']}) select n, '' from generate_series(1, {count}) as n"  # noqa: S608 - past every rule


# --- vectors ---
async def test_a_text_is_embedded_once_a_configuration_and_where_it_is_new(running: Running, films: str) -> None:
    api = running.api
    await fill(running, films, *(f"text {number}" for number in range(20)), None)
    before = await api.vectors(films)
    updated = await api.update_rows(films, {}, body="text 7")
    assert (updated["matchedCount"], updated["modifiedCount"]) == (21, 20)
    assert running.openai.texts == [["text 7"], ["text 7"]]
    assert updated["usage"]["totalTokens"] > 0
    after = await api.vectors(films)
    assert all(each == before[7] for each in after.values())
    assert {len(each) for each in (await api.vectors(films, "w")).values()} == {8}

    running.openai.received.clear()
    again = await api.update_rows(films, {}, body="text 7", n=1)
    assert (again["modifiedCount"], again["usage"]) == (21, None)
    assert (await api.update_rows(films, {"id": 99}, body="another", own="another"))["matchedCount"] == 0
    assert running.openai.received == []
    assert await api.vectors(films) == after


@pytest.mark.parametrize("text", [None, "", " \n"])
async def test_a_text_that_goes_takes_its_vectors_along(running: Running, films: str, text: str | None) -> None:
    await fill(running, films, "a", "b")
    assert (await running.api.update_rows(films, {"id": 0}, body=text))["modifiedCount"] == 1
    for column in ("v", "w"):
        vectors = await running.api.vectors(films, column)
        assert vectors[0] is None
        assert vectors[1] is not None
    assert (await running.api.rows(films))[0]["body"] == text
    assert running.openai.received == []


async def test_a_vector_is_set_by_text_by_list_or_to_null(running: Running, films: str) -> None:
    api = running.api
    await fill(running, films, "a", "b")
    by_text = await api.update_rows(films, {}, own="a", bare=[3, 4])
    assert (by_text["modifiedCount"], running.openai.texts) == (2, [["a"]])
    assert set(map(tuple, (await api.vectors(films, "own")).values())) == {tuple((await api.vectors(films))[0])}
    assert await api.vectors(films, "bare") == {0: [3, 4], 1: [3, 4]}
    by_list = await api.update_rows(films, {"id": 0}, own=[1, 0, 0, 0.5])
    assert (by_list["modifiedCount"], by_list["usage"]) == (1, None)
    assert (await api.update_rows(films, {}, own=[1, 0, 0, 0.5], bare=[3, 4]))["modifiedCount"] == 1
    assert (await api.update_rows(films, {"id": 1}, own=" ", bare=None))["modifiedCount"] == 1
    assert await api.vectors(films, "own") == {0: [1, 0, 0, 0.5], 1: None}


async def test_a_vector_that_follows_a_text_can_be_taken_away_and_not_given(running: Running, films: str) -> None:
    api = running.api
    await fill(running, films, "a", "b")
    assert (await api.update_rows(films, {"id": 0}, v=None))["modifiedCount"] == 1
    assert (await api.vectors(films))[0] is None
    assert (await api.update_rows(films, {}, body="new", v=None))["modifiedCount"] == 2
    assert None not in (await api.vectors(films)).values()


async def test_one_text_for_several_columns_of_one_configuration_is_embedded_once(running: Running, films: str) -> None:
    await fill(running, films, "a")
    await running.api.update_rows(films, {}, body="new", own="new")
    assert sorted(map(len, running.openai.texts)) == [1, 1]
    assert await running.api.vectors(films, "own") == await running.api.vectors(films, "v")


# --- what changes meanwhile ---
async def test_rows_that_change_while_the_text_is_embedded_are_matched_again(running: Running, films: str) -> None:
    api = running.api
    await fill(running, films, "old", "old", "old", kind="x")
    running.openai.gate.clear()
    async with asyncio.TaskGroup() as group:
        call = group.create_task(api.update_rows(films, {"kind": "x"}, body="new"))
        await running.openai.until_in_flight(2)
        await api.update_rows(films, {"id": 0}, body=None)
        await api.update_rows(films, {"id": 1}, kind="y")
        await api.delete_rows(films, keys=[2])
        await api.insert_rows(films, {"id": 3, "kind": "x", "must": ""})
        running.openai.gate.set()
    assert (call.result()["matchedCount"], call.result()["modifiedCount"]) == (2, 2)
    assert {each["id"]: each["body"] for each in await api.rows(films)} == {0: "new", 1: "old", 3: "new"}
    vectors = await api.vectors(films)
    assert vectors[0] == vectors[3] != vectors[1]


@pytest.mark.parametrize(("set", "texts"), [({"body": "same"}, [["same"]] * 2), ({"own": "same"}, [["same"]])])
async def test_what_comes_to_match_after_the_look_is_embedded_after_all(
    running: Running, films: str, set: dict[str, str], texts: list[list[str]]
) -> None:
    """The look finds nothing to embed; then another transaction, which the update has to wait for, changes that."""
    api = running.api
    await fill(running, films, "same", "same", kind="x")
    into, names = await home(running, films)
    cluster = running.gateway.postgres.catalogue
    given = {"kind": "x"} if "body" in set else {"kind": {"$in": ["y"]}}
    async with asyncio.TaskGroup() as group, cluster.transaction() as holder:
        await holder.execute(f"lock table {into} in exclusive mode")
        await holder.execute(f"update {into} set {names['body']} = 'other', {names['kind']} = {names['kind']}")  # noqa: S608 - past every rule
        if "own" in set:
            await holder.execute(f"update {into} set {names['kind']} = 'y'")  # noqa: S608 - past every rule
        call = group.create_task(api.update_rows(films, given, **set))
        async with cluster.connection() as watcher:
            await until_waiting(watcher, 1)
    assert (call.result()["matchedCount"], call.result()["modifiedCount"]) == (2, 2)
    assert running.openai.texts == texts
    assert None not in (await api.vectors(films, "own" if "own" in set else "v")).values()


async def test_who_may_not_write_is_told_before_what_is_wrong(api: Api, films: str) -> None:
    async with await api.with_token("Read-Only User") as reader:
        code, facts = await refused(reader, films, {"$nonsense": 1}, nobody=1)
        assert (code, facts["permission"]) == ("PERMISSION_DENIED", "WRITE_DATA")
        assert (await refused(reader, films[:-1], {}, n=1))[0] == "NOT_FOUND"


async def test_the_audit_log_says_how_many_and_never_what(running: Running, films: str) -> None:
    await fill(running, films, "a", "b")
    await running.api.update_rows(films, {"body": "canary"}, kind="canary")
    await running.api.update_rows(films, {}, kind="canary")
    events = await running.sql("select * from vectorgate.audit_event where action = 'update_rows' order by number")
    assert [each["details"] for each in events] == [{"matched": 0, "modified": 0}, {"matched": 2, "modified": 2}]
    assert "canary" not in str([dict(each) for each in events])
