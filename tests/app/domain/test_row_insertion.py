"""Inserting rows over HTTP: items that fail alone, calls that fail whole, and what is embedded for them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.app.domain.inserting import codes, summary
from tests.factory import INSERT_ROWS, SECOND_KEY, Api, Running
from tests.resolvers.documents import openai
from tests.resolvers.tables import vector

ONCE = "one-call-of-sixteen"
DROP_TABLE = 'mutation D($id: ID!) { dropTable(input: {tableId: $id, confirmName: "films"}) { droppedTableId } }'
USAGE = "{ organization { usage(groupBy: [MODEL, CREDENTIAL]) { model credentialName texts errors requests } } }"
ID = {"name": "id", "type": "INT"}
BODY = {"name": "body", "type": "TEXT"}
SMALL, OTHER = openai(dimension=4), openai(dimension=8)


async def refused(api: Api, table_id: str, rows: list[Any], **more: Any) -> tuple[str, dict[str, Any]]:  # noqa: ANN401 - JSON
    """Code and facts of a call that is refused as a whole."""
    refusal = await api.refusal(INSERT_ROWS, input={"tableId": table_id, "rows": rows, **more})
    [code] = refusal.codes
    return code, refusal.facts


async def embedding_table(api: Api, *columns: dict[str, Any]) -> str:
    """A table whose columns may embed through OpenAI, with the credential `main`, in a new database."""
    database_id = await api.database()
    await api.credential(databases=(database_id,))
    return await api.table(database_id, columns=(ID, *columns))


@pytest.fixture
async def films(api: Api) -> str:
    """A table with columns of every type but VECTOR."""
    kinds = ("TEXT", "INT", "BIGINT", "DOUBLE", "BOOLEAN", "TIMESTAMP", "UUID", "JSON")
    columns = [{"name": kind.lower(), "type": kind} for kind in kinds]
    must = {"name": "must", "type": "TEXT", "nullable": False}
    return await api.table(await api.database(), columns=(ID, *columns, must))


# --- values and keys ---
async def test_values_of_every_type_are_stored_and_answered_in_one_form(api: Api, films: str) -> None:
    given: dict[str, Any] = {
        "text": "Zoë \U0001f600",
        "int": 7.0,
        "bigint": "-9223372036854775808",
        "double": 1e300,
        "boolean": False,
        "timestamp": "2030-01-31T12:00:00.25+01:00",
        "uuid": "123E4567-E89B-12D3-A456-426614174000",
        "json": [[1, None], {"$a.b": "x"}],
        "must": "",
    }
    inserted = await api.insert_rows(films, {"id": 1, **given}, {"id": 2, "must": "x", "json": None, "text": None})
    assert summary(inserted) == [(1, "INSERTED", None), (2, "INSERTED", None)]
    nothing = dict.fromkeys(given)
    assert await api.rows(films) == [
        {
            "id": 1,
            **given,
            "int": 7,
            "timestamp": "2030-01-31T11:00:00.250000Z",
            "uuid": given["uuid"].lower(),
        },
        {"id": 2, **nothing, "must": "x"},
    ]


async def test_what_is_wrong_with_one_row_stops_no_other(api: Api, films: str) -> None:
    inserted = await api.insert_rows(
        films,
        {"id": 1, "must": "good"},
        {"must": "no key"},
        {"id": None, "must": ""},
        {"id": "2", "must": ""},
        {"id": 3},
        {"id": 4, "must": None},
        {"id": 5, "must": "", "nobody": 1},
        {"id": 6, "must": "", "\ud800": 1},
        {"id": 7, "must": "", "text": 7},
        {"id": 8, "must": "", "int": 2**31},
        {"id": 9, "must": "", "timestamp": "now"},
        {"id": 10, "must": "", "text": "a\0"},
        {"id": 11, "must": "", "json": {"a": ["\udfff"]}},
        {"id": 12, "must": "x" * 4_000_000},
        {"id": 13, "must": "", "json": [1e308] * 13_000},
        {"id": 1, "must": "again"},
        {"id": 14, "must": "good"},
    )
    assert codes(inserted) == [
        None,
        *["BAD_INPUT"] * 5,
        *["COLUMN_UNKNOWN"] * 2,
        *["BAD_INPUT"] * 5,
        *["LIMIT_EXCEEDED"] * 2,
        "ALREADY_EXISTS",
        None,
    ]
    keys = [key for key, _, _ in summary(inserted)]
    assert keys == [1, None, None, None, *range(3, 14), 1, 14]
    assert "int is INT and takes a whole number" in inserted["results"][9]["message"]
    assert [each["id"] for each in await api.rows(films)] == [1, 14]


async def test_a_composite_key_is_an_object_and_a_long_one_is_refused(api: Api) -> None:
    columns = ({"name": "title", "type": "TEXT"}, {"name": "part", "type": "BIGINT"})
    table_id = await api.table(await api.database(), columns=columns, key=("title", "part"))
    inserted = await api.insert_rows(
        table_id,
        {"title": "a", "part": 1},
        {"title": "a", "part": "1"},
        {"title": "a", "part": 2**60},
        {"title": "x" * 1019, "part": 1},
        {"title": "x" * 1018, "part": 1},
        {"title": "a"},
    )
    first, large, long = {"title": "a", "part": 1}, {"title": "a", "part": str(2**60)}, {"title": "x" * 1018, "part": 1}
    assert summary(inserted) == [
        (first, "INSERTED", None),
        (first, "FAILED", "ALREADY_EXISTS"),
        (large, "INSERTED", None),
        (None, "FAILED", "BAD_INPUT"),
        (long, "INSERTED", None),
        (None, "FAILED", "BAD_INPUT"),
    ]
    assert "1024 bytes" in inserted["results"][3]["message"]


# --- vectors ---
async def test_a_string_is_embedded_and_a_list_is_stored(running: Running) -> None:
    api = running.api
    table_id = await embedding_table(api, vector("v", 4, embedding=SMALL), vector("own", 2))
    inserted = await api.insert_rows(
        table_id,
        {"id": 1, "v": "a whale", "own": [0.1, -2]},
        {"id": 2, "v": [1, 0.5, 0, 0]},
        {"id": 3, "v": " \n", "own": None},
        {"id": 4},
        {"id": 5, "own": [0, 0]},
    )
    assert codes(inserted) == [None] * 5
    assert inserted["usage"]["totalTokens"] > 0
    made = await api.vectors(table_id, "v")
    assert len(made[1]) == 4
    assert {key: made[key] for key in (2, 3, 4, 5)} == {2: [1, 0.5, 0, 0], 3: None, 4: None, 5: None}
    assert await api.vectors(table_id, "own") == {1: [0.1, -2], 2: None, 3: None, 4: None, 5: [0, 0]}
    assert running.openai.texts == [["a whale"]]


async def test_what_is_wrong_with_a_vector_fails_its_row(running: Running) -> None:
    cosine = vector("indexed", 2, index={"metric": "COSINE"})
    table_id = await embedding_table(
        running.api, vector("v", 4, embedding=SMALL), vector("own", 2, nullable=False), cosine
    )
    good = {"own": [1, 2]}
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"own": None}, "BAD_INPUT"),
        ({"own": [1, 2, 3]}, "INVALID_VECTOR_LENGTH"),
        ({"own": [1, "2"]}, "INVALID_VECTOR"),
        ({"own": [1e39, 1]}, "INVALID_VECTOR"),
        ({"own": 5}, "INVALID_VECTOR"),
        ({"own": {"$vectorize": "x"}}, "INVALID_VECTOR"),
        ({"own": "P4AAAD8AAAA="}, "EMBEDDING_NOT_CONFIGURED"),
        ({"own": " "}, "BAD_INPUT"),
        ({**good, "indexed": [0, 0]}, "INVALID_VECTOR"),
        ({**good, "v": [1]}, "INVALID_VECTOR_LENGTH"),
        ({**good, "v": "a\0"}, "BAD_INPUT"),
        ({**good, "v": "\ud800"}, "BAD_INPUT"),
    ]
    rows = [{"id": position, **given} for position, (given, _) in enumerate(wrong)]
    inserted = await running.api.insert_rows(table_id, *rows, {"id": 99, **good, "indexed": [1, 0]})
    assert codes(inserted) == [*(code for _, code in wrong), None]
    assert inserted["results"][1]["message"].startswith("own: The vector has 3 components")
    assert [each["id"] for each in await running.api.rows(table_id)] == [99]
    assert running.openai.received == []


async def test_a_column_is_kept_in_step_with_its_text(running: Running) -> None:
    api = running.api
    table_id = await embedding_table(api, BODY, vector("v", 4, embedding=SMALL, sourceColumn="body"))
    inserted = await api.insert_rows(
        table_id,
        {"id": 1, "body": "a whale"},
        {"id": 2, "body": " "},
        {"id": 3},
        {"id": 4, "body": "x", "v": None},
        {"id": 5, "body": "y", "v": [1, 2, 3, 4]},
        {"id": 6, "v": "z"},
    )
    assert codes(inserted) == [None] * 4 + ["VECTORIZE_AND_VECTOR"] * 2
    assert "body" in inserted["results"][4]["message"]
    assert {key: each is not None for key, each in (await api.vectors(table_id)).items()} == {
        1: True,
        2: False,
        3: False,
        4: True,
    }
    assert running.openai.texts == [["a whale", "x"]]


async def test_a_replacement_is_embedded_when_and_only_when_its_text_is_new(running: Running) -> None:
    api = running.api
    table_id = await embedding_table(
        api, BODY, vector("v", 4, embedding=SMALL, sourceColumn="body"), vector("w", 4, embedding=SMALL)
    )
    await api.insert_rows(table_id, *({"id": number, "body": f"text {number}"} for number in range(4)))
    before = await api.vectors(table_id)
    running.openai.received.clear()
    replaced = await api.insert_rows(
        table_id,
        {"id": 0, "body": "text 0"},
        {"id": 1, "body": "text 1", "w": "w"},
        {"id": 2, "body": "new"},
        {"id": 3},
        {"id": 4, "body": "text 0"},
        onConflict="REPLACE",
    )
    assert [status for _, status, _ in summary(replaced)] == ["REPLACED"] * 4 + ["INSERTED"]
    assert running.openai.texts == [["w", "new", "text 0"]]
    after = await api.vectors(table_id)
    assert [after[0], after[1], after[3], after[4]] == [before[0], before[1], None, before[0]]
    assert after[2] not in (None, before[2])
    running.openai.received.clear()
    again = await api.insert_rows(table_id, {"id": 0, "body": "text 0"}, onConflict="REPLACE")
    assert (again["usage"], running.openai.received) == (None, [])


async def test_texts_of_all_columns_are_embedded_once_a_configuration_and_side_by_side(running: Running) -> None:
    api = running.api
    small = {"embedding": SMALL}
    table_id = await embedding_table(
        api, vector("a", 4, **small), vector("b", 4, **small), vector("c", 8, embedding=OTHER)
    )
    running.openai.gate.clear()
    rows = [{"id": 1, "a": "x", "b": "y", "c": "x"}, {"id": 2, "a": "y", "b": "x", "c": "z"}]
    call = asyncio.create_task(api.insert_rows(table_id, *rows))
    await running.openai.until_in_flight(2)
    running.openai.gate.set()
    inserted = await call
    assert sorted(map(sorted, running.openai.texts)) == [["x", "y"], ["x", "z"]]
    a, b = await api.vectors(table_id, "a"), await api.vectors(table_id, "b")
    assert (a[1], a[2]) == (b[2], b[1])
    assert len((await api.vectors(table_id, "c"))[1]) == 8
    [used] = (await api(USAGE))["organization"]["usage"]
    assert used == {
        "model": SMALL["model"],
        "credentialName": "main",
        "texts": 4,
        "errors": 0,
        "requests": 2,
    }
    assert inserted["usage"]["totalTokens"] == 4


async def test_a_text_that_the_provider_refuses_fails_the_rows_that_have_it(running: Running) -> None:
    api = running.api
    table_id = await embedding_table(api, BODY, vector("v", 4, embedding=SMALL, sourceColumn="body"))
    running.openai.refused_texts = {"forbidden"}
    rows = [{"id": number, "body": text} for number, text in enumerate(["a", "forbidden", "b", "forbidden"])]
    inserted = await api.insert_rows(table_id, *rows)
    assert codes(inserted) == [None, "EMBEDDING_PROVIDER_CLIENT_ERROR"] * 2
    assert [each["id"] for each in await api.rows(table_id)] == [0, 2]


async def test_a_configuration_that_fails_fails_the_call_and_what_the_others_spent_is_recorded(
    running: Running,
) -> None:
    api = running.api
    database_id = await api.database()
    await api.credential(databases=(database_id,))
    await api.credential("second", key=SECOND_KEY, databases=(database_id,))
    columns = (ID, vector("a", 4, embedding=SMALL), vector("b", 4, embedding=openai("second", dimension=4)))
    table_id = await api.table(database_id, columns=columns)
    running.openai.keys = {SECOND_KEY}
    code, facts = await refused(api, table_id, [{"id": 1, "a": "x", "b": "y"}, {"id": 2}], idempotencyKey=ONCE)
    assert (code, facts["httpStatus"], facts["credentialName"]) == ("EMBEDDING_PROVIDER_CLIENT_ERROR", 401, "main")
    assert await api.rows(table_id) == []
    used = {each["credentialName"]: each for each in (await api(USAGE))["organization"]["usage"]}
    assert (used["main"]["errors"], used["second"]["errors"], used["second"]["texts"]) == (1, 0, 1)
    running.openai.keys = {SECOND_KEY, "sk-first-0123456789"}
    assert (await api.insert_rows(table_id, {"id": 1, "a": "x", "b": "y"}))["insertedCount"] == 1


async def test_nobody_is_asked_where_one_of_the_columns_may_not_embed(running: Running) -> None:
    api = running.api
    database_id = await api.database()
    await api.credential(databases=(database_id,))
    second = await api.credential("second", key=SECOND_KEY, databases=(database_id,))
    columns = (ID, vector("a", 4, embedding=SMALL), vector("b", 4, embedding=openai("second", dimension=4)))
    table_id = await api.table(database_id, columns=columns)
    remove = (
        'mutation R($id: ID!) { removeCredential(input: {credentialId: $id, confirmName: "second"}) { removedName } }'
    )
    await api(remove, id=second)
    code, facts = await refused(api, table_id, [{"id": 1, "a": "x", "b": "y"}])
    assert (code, facts["credentialName"]) == ("CREDENTIAL_NOT_FOUND", "second")
    assert running.openai.received == []
    assert (await api.insert_rows(table_id, {"id": 1, "a": "x", "b": [1, 2, 3, 4]}))["insertedCount"] == 1


# --- keys that are taken, calls that come twice ---
@pytest.mark.parametrize(
    ("on_conflict", "statuses", "titles", "embedded"),
    [
        ("FAIL", ["FAILED", "INSERTED", "INSERTED", "FAILED"], {0: "old", 1: "one", 2: "two"}, ["one", "two"]),
        ("SKIP", ["SKIPPED", "INSERTED", "INSERTED", "SKIPPED"], {0: "old", 1: "one", 2: "two"}, ["one", "two"]),
        (
            "REPLACE",
            ["REPLACED", "INSERTED", "SKIPPED", "INSERTED"],
            {0: "new", 1: "one", 2: "three"},
            ["new", "one", "three"],
        ),
    ],
)
async def test_what_happens_to_a_key_that_is_taken(
    running: Running, on_conflict: str, statuses: list[str], titles: dict[int, str], embedded: list[str]
) -> None:
    api = running.api
    table_id = await embedding_table(api, BODY, vector("v", 4, embedding=SMALL))
    await api.insert_rows(table_id, {"id": 0, "body": "old"})
    given = [(0, "new"), (1, "one"), (2, "two"), (2, "three")]
    rows = [{"id": key, "body": text, "v": text} for key, text in given]
    inserted = await api.insert_rows(table_id, *rows, onConflict=on_conflict)
    assert [status for _, status, _ in summary(inserted)] == statuses
    assert {each["id"]: each["body"] for each in await api.rows(table_id)} == titles
    assert running.openai.texts == [embedded]


async def test_a_repeated_call_is_answered_with_its_first_outcome(running: Running) -> None:
    api = running.api
    table_id = await embedding_table(api, vector("v", 4, embedding=SMALL))
    rows: list[dict[str, Any]] = [{"id": 1, "v": "a"}, {"id": 1}, {"id": 2, "v": [1]}, {"id": True}]
    first = await api.insert_rows(table_id, *rows, idempotencyKey=ONCE)
    assert codes(first) == [None, "ALREADY_EXISTS", "INVALID_VECTOR_LENGTH", "BAD_INPUT"]
    await api.delete_rows(table_id, keys=[1])
    assert await api.insert_rows(table_id, *rows, idempotencyKey=ONCE) == first
    assert (await api.rows(table_id), running.openai.texts) == ([], [["a"]])
    for others, more in ((rows[:1], {}), (rows, {"onConflict": "SKIP"})):
        assert (await refused(api, table_id, others, idempotencyKey=ONCE, **more))[0] == "BAD_INPUT"


# --- the call ---
async def test_a_call_takes_1_to_1000_rows(api: Api) -> None:
    table_id = await api.table(await api.database())
    for count, expected in ((0, ("BAD_INPUT", 1)), (1001, ("LIMIT_EXCEEDED", 1000))):
        code, facts = await refused(api, table_id, [{}] * count)
        assert (code, facts["limit"], facts["actual"]) == (*expected, count)
    assert (await api.insert_rows(table_id, *({"id": n} for n in range(1000))))["insertedCount"] == 1000


async def test_who_may_not_write_is_told_before_what_is_wrong_and_after_what_is_not_there(running: Running) -> None:
    api = running.api
    table_id = await api.table(await api.database())
    async with await api.with_token("Read-Only User") as reader:
        code, facts = await refused(reader, table_id, [])
        assert (code, facts["permission"]) == ("PERMISSION_DENIED", "WRITE_DATA")
        for identifier in ("", "x", table_id[:-2], await api.collection(await api.database("more"))):
            assert (await refused(reader, identifier, []))[0] == "NOT_FOUND"
    async with await running.other_organization() as other:
        assert (await refused(other, table_id, [{"id": 1}]))[0] == "NOT_FOUND"
    assert await api.rows(table_id) == []


async def test_a_table_that_is_dropped_while_its_texts_are_embedded_is_not_found(running: Running) -> None:
    table_id = await embedding_table(running.api, vector("v", 4, embedding=SMALL))
    running.openai.gate.clear()
    async with asyncio.TaskGroup() as group:
        call = group.create_task(refused(running.api, table_id, [{"id": 1, "v": "a"}]))
        await running.openai.until_in_flight(1)
        await running.api(DROP_TABLE, id=table_id)
        running.openai.gate.set()
    assert call.result()[0] == "NOT_FOUND"


async def test_the_audit_log_says_how_many_and_never_what(running: Running) -> None:
    table_id = await running.api.table(await running.api.database())
    await running.api.insert_rows(table_id, {"id": 1, "title": "canary"}, {"id": 1}, {"canary": True})
    [event] = await running.sql("select * from vectorgate.audit_event where action = 'insert_rows'")
    assert (event["outcome"], event["target_name"]) == ("done", "films")
    assert event["details"] == {"inserted": 1, "failed": 2}
    assert "canary" not in str(dict(event))
