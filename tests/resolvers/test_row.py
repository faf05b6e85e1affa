"""Rows over HTTP: reading them in pages and alone, what of them is read, deleting them."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from app.page import encode_cursor
from tests.factory import DELETE_ROWS, INSERT_ROWS, ROWS, UPDATE_ROWS, VECTORS, Api, Running, read_columns
from tests.resolvers.tables import ID, LOCAL, TITLE, vector

ONE = "query One($id: ID!, $key: JSON!) { node(id: $id) { ... on Table { row(key: $key) { id key fields table { name } } } } }"
NODE = "query Node($id: ID!) { node(id: $id) { id __typename ... on Row { key fields table { name } } } }"
PAGE = """
query Page($id: ID!, $first: Int!, $after: String, $filter: JSONObject) {
  node(id: $id) { ... on Table { rows(first: $first, after: $after, filter: $filter) {
    totalCount nodes { key } edges { cursor node { key } } pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
  } } }
}"""


@pytest.fixture
async def films(api: Api) -> str:
    """Films by id, with a title and two vectors."""
    columns = (ID, TITLE, vector("v", None, embedding=LOCAL), vector("own", 2))
    table_id = await api.table(await api.database(), columns=columns)
    await api.insert_rows(table_id, {"id": 2, "title": "b", "v": "a whale"}, {"id": 1, "title": "a", "own": [1, 0.5]})
    await api.insert_rows(table_id, {"id": 0, "title": "c"})
    return table_id


async def page(api: Api, table_id: str, first: int = 2, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    found: dict[str, Any] = (await api(PAGE, id=table_id, first=first, **more))["node"]["rows"]
    return found


async def refused(api: Api, document: str, **variables: Any) -> tuple[str, dict[str, Any]]:  # noqa: ANN401 - JSON
    """Code and facts of an operation that is refused for one reason."""
    refusal = await api.refusal(document, **variables)
    [code] = refusal.codes
    return code, refusal.facts


def spelled(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


# --- pages ---
async def test_rows_come_in_order_of_creation_then_key(api: Api, films: str) -> None:
    first = await page(api, films)
    assert [each["key"] for each in first["nodes"]] == [1, 2]
    assert first["nodes"] == [edge["node"] for edge in first["edges"]]
    assert first["pageInfo"] == {
        "hasNextPage": True,
        "hasPreviousPage": False,
        "startCursor": first["edges"][0]["cursor"],
        "endCursor": first["edges"][1]["cursor"],
    }
    last = await page(api, films, after=first["pageInfo"]["endCursor"])
    assert ([each["key"] for each in last["nodes"]], last["totalCount"]) == ([0], 3)
    assert (last["pageInfo"]["hasNextPage"], last["pageInfo"]["hasPreviousPage"]) == (False, True)
    filtered = await page(api, films, 1, filter={"title": {"$gt": "a"}})
    assert (filtered["totalCount"], filtered["nodes"], filtered["pageInfo"]["hasNextPage"]) == (2, [{"key": 2}], True)


async def test_pages_by_a_composite_key_lose_and_double_nothing(api: Api) -> None:
    columns = (
        {"name": "at", "type": "TIMESTAMP"},
        {"name": "word", "type": "TEXT"},
        {"name": "real", "type": "DOUBLE"},
    )
    table_id = await api.table(await api.database(), columns=columns, key=("word", "at", "real"))
    times = ["2030-01-31T12:00:00Z", "2030-01-31T12:00:00.000001Z"]
    rows = [
        {"word": word, "at": at, "real": real} for word in ("B", "a", "é") for at in times for real in (-1.5, 0, 1e300)
    ]
    await api.insert_rows(table_id, *reversed(rows))
    seen: list[dict[str, Any]] = []
    after = None
    while True:
        found = await page(api, table_id, 5, after=after)
        seen += [each["key"] for each in found["nodes"]]
        after = found["pageInfo"]["endCursor"]
        if not found["pageInfo"]["hasNextPage"]:
            break
    assert seen == [{"word": each["word"], "at": each["at"], "real": float(each["real"])} for each in rows]


async def test_the_first_and_the_last_moment_come_back_as_they_were_given(api: Api) -> None:
    table_id = await api.table(await api.database(), columns=({"name": "at", "type": "TIMESTAMP"},), key=("at",))
    moments = ["0001-01-01T00:00:00Z", "2030-01-31T12:00:00Z", "9999-12-31T23:59:59.999999Z"]
    await api.insert_rows(table_id, *({"at": each} for each in moments))
    assert [each["key"] for each in (await page(api, table_id, 3))["nodes"]] == moments
    for each in moments:
        assert (await api(ONE, id=table_id, key=each))["node"]["row"]["fields"] == {"at": each}
        assert await api.rows(table_id, filter={"at": each}) == [{"at": each}]


async def test_what_is_no_page_is_refused(api: Api, films: str) -> None:
    for first in (0, 501):
        code, facts = await refused(api, PAGE, id=films, first=first)
        assert (code, facts["limit"], facts["actual"]) == ("BAD_INPUT", 500, first)
    moment = "2026-01-01T00:00:00+00:00"
    cursors = [encode_cursor(moment, key) for key in ("1", "[]", "[1,2]", '["1"]', "[1.0]", "no JSON", None)]
    for after in ("", "é", encode_cursor(moment), encode_cursor("yesterday", "[1]"), *cursors):
        assert (await refused(api, PAGE, id=films, first=2, after=after))[0] == "BAD_INPUT", after
    assert (await page(api, films, after=encode_cursor(moment, "[1]")))["nodes"] == (await page(api, films))["nodes"]
    code, facts = await refused(api, ROWS, id=films, filter={"own": [1, 2]})
    assert (code, facts["path"]) == ("INVALID_FILTER", "filter.own")


# --- what is read ---
async def test_columns_and_counts_are_read_only_where_they_are_selected(running: Running, films: str) -> None:
    names = {"title", "v", "own"}
    columns = await running.sql("select id, name from vectorgate.table_column")
    hexes = {each["name"]: each["id"].hex for each in columns}

    async def read(selection: str, **variables: str) -> list[set[str]]:
        """The columns beside the key that each statement on the rows reads."""
        declared = "".join(f", ${name}: String!" for name in variables)
        query = f"query Q($id: ID!{declared}) {{ node(id: $id) {{ ... on Table {{ rows {{ {selection} }} }} }} }}"
        statements = await running.statements_of(query, id=films, **variables)
        lists = [read_columns(each) for each in statements if '."t_' in each]
        return [{name for name in names if hexes[name] in each} for each in lists]

    assert await read("nodes { key id table { name } }") == [set()]
    assert await read("nodes { fields }") == [{"title"}]
    assert await read('nodes { vector(column: "own") }') == [{"own"}]
    assert await read('nodes { key a: vector(column: "own") b: vector(column: $b) }', b="v") == [{"own", "v"}]
    assert await read('edges { node { ... on VectorRecord { fields ... on Row { vector(column: "v") } } } }') == [
        {"title", "v"}
    ]
    assert await read("nodes { key } totalCount") == [set(), set()]


async def test_a_vector_is_that_of_the_column_that_is_asked_for(api: Api, films: str) -> None:
    assert await api.vectors(films, "own") == {1: [1, 0.5], 2: None, 0: None}
    made = await api.vectors(films, "v")
    assert (len(made[2]), made[0], made[1]) == (256, None, None)
    for column, code in (("title", "COLUMN_NOT_VECTOR"), ("nobody", "COLUMN_UNKNOWN"), ("", "COLUMN_UNKNOWN")):
        refusal = await api.refusal(VECTORS, id=films, column=column)
        assert set(refusal.codes) == {code}


# --- one row ---
async def test_a_row_is_found_by_its_key(api: Api, films: str) -> None:
    for key in (1, 1.0):
        found = (await api(ONE, id=films, key=key))["node"]["row"]
        assert (found["key"], found["fields"], found["table"]) == (1, {"id": 1, "title": "a"}, {"name": "films"})
        assert (await api(NODE, id=found["id"]))["node"]["fields"] == found["fields"]
    assert (await api(ONE, id=films, key=7))["node"]["row"] is None
    wrong: list[object] = ["1", True, [], [1], {"id": 1}, 2**31, 10**400, 1.5]
    for each in wrong:
        assert (await refused(api, ONE, id=films, key=each))[0] == "BAD_INPUT"


async def test_a_row_of_a_composite_key_is_found_by_an_object(api: Api) -> None:
    columns = ({"name": "uuid", "type": "UUID"}, {"name": "n", "type": "BIGINT"}, TITLE)
    table_id = await api.table(await api.database(), columns=columns, key=("n", "uuid"))
    key = {"n": str(2**60), "uuid": "123e4567-e89b-12d3-a456-426614174000"}
    [result] = (await api.insert_rows(table_id, {**key, "n": 2**60, "title": "x"}))["results"]
    assert result["key"] == key
    for given in (key, {"uuid": key["uuid"].upper(), "n": 2**60}):
        found = (await api(ONE, id=table_id, key=given))["node"]["row"]
        assert (found["key"], found["id"], found["fields"]) == (key, result["id"], {**key, "title": "x"})
    for wrong in ({"n": 1}, {**key, "title": "x"}, key["uuid"], None, [2**60, key["uuid"]]):
        assert (await refused(api, ONE, id=table_id, key=wrong))[0] == "BAD_INPUT"


async def test_a_row_s_id_is_refetched_and_any_other_id_is_null(api: Api, films: str) -> None:
    table_id = await api.table(await api.database("more"), columns=(TITLE,), key=("title",))
    [result] = (await api.insert_rows(table_id, {"title": "a/b:c"}))["results"]
    assert (await api(NODE, id=result["id"]))["node"] == {
        "id": result["id"],
        "__typename": "Row",
        "key": "a/b:c",
        "fields": {"title": "a/b:c"},
        "table": {"name": "films"},
    }
    home = base64.urlsafe_b64decode(result["id"] + "==").decode().partition("/")[0]
    other = base64.urlsafe_b64decode(films + "==").decode().replace("Table:", "Row:")
    wrong = [
        f'{home}/["a"]',
        f"{home}/a",
        f"{home}/[1]",
        f"{home}/",
        home,
        "Row:x/[1]",
        f'{other}/["a/b:c"]',
        f'{home}/["\\u0000"]',
    ]
    for each in wrong:
        assert (await api(NODE, id=spelled(each)))["node"] is None


async def test_an_insert_shows_the_stored_rows_in_one_statement(running: Running, films: str) -> None:
    document = """
    mutation I($input: InsertRowsInput!) { insertRows(input: $input) {
      clientMutationId table { rowCount } results { index record { id key fields ... on Row { vector(column: "own") } } }
    } }"""
    rows = [{"id": 7, "title": "x", "own": [1, 2]}, {"id": 1}, {"id": 8}]
    given = {"tableId": films, "rows": rows, "onConflict": "SKIP", "clientMutationId": "mine"}
    running.statements.clear()
    payload = (await running.api(document, input=given))["insertRows"]
    reads = [each for each in running.statements.counted if read_columns(each).startswith("created_at")]
    assert len(reads) == 2, "one for the taken keys, one for all records"
    assert (payload["clientMutationId"], payload["table"]) == ("mine", {"rowCount": 5})
    records = [each["record"] for each in payload["results"]]
    assert [each["fields"] for each in records] == [
        {"id": 7, "title": "x"},
        {"id": 1, "title": "a"},
        {"id": 8, "title": None},
    ]
    assert [each["vector"] for each in records] == [[1, 2], [1, 0.5], None]


# --- who sees what ---
async def test_another_organization_s_row_does_not_exist(running: Running, films: str) -> None:
    api = running.api
    identifier = (await api(ONE, id=films, key=1))["node"]["row"]["id"]
    async with await running.other_organization() as stranger:
        assert (await stranger(NODE, id=identifier))["node"] is None
        assert (await stranger(ONE, id=films, key=1))["node"] is None
        for mutation, more in (
            (DELETE_ROWS, {"ids": [identifier]}),
            (UPDATE_ROWS, {"filter": {}, "set": {"title": "x"}}),
            (INSERT_ROWS, {"rows": [{"id": 9}]}),
        ):
            assert (await refused(stranger, mutation, input={"tableId": films, **more}))[0] == "NOT_FOUND"
    assert [each["title"] for each in await api.rows(films)] == ["a", "b", "c"]


async def test_without_read_data_the_table_is_seen_and_its_rows_are_not(running: Running, films: str) -> None:
    api = running.api
    identifier = (await api(ONE, id=films, key=1))["node"]["row"]["id"]
    query = "query Q($id: ID!) { node(id: $id) { ... on Table { name rowCount rows(first: 0) { nodes { key } } row(key: true) { key } } } }"
    async with await api.with_token("Read-Only User") as nobody:
        await running.sql("update vectorgate.access_token set roles = '{}' where not bootstrap")
        body = (await nobody.post(query, {"id": films})).json()
        assert body["data"]["node"] == {"name": "films", **dict.fromkeys(["rowCount", "rows", "row"])}
        assert [each["extensions"]["code"] for each in body["errors"]] == ["PERMISSION_DENIED"] * 3
        assert (await refused(nobody, NODE, id=identifier))[0] == "PERMISSION_DENIED"


# --- deleting ---
async def test_rows_are_deleted_by_exactly_one_of_filter_keys_and_ids(api: Api) -> None:
    table_id = await api.table(await api.database())
    inserted = await api.insert_rows(table_id, *({"id": number, "title": f"{number % 3}"} for number in range(12)))
    ids = [each["id"] for each in inserted["results"]]
    by_keys = await api.delete_rows(table_id, keys=[0, 1.0, 1, 99])
    assert (by_keys["deletedCount"], sorted(by_keys["deletedIds"])) == (2, sorted(ids[:2]))
    assert by_keys["table"] == {"name": "films", "rowCount": 10}
    by_ids = await api.delete_rows(table_id, ids=[ids[2], ids[2], ids[0], table_id, "é", spelled("Row:x")])
    assert (by_ids["deletedCount"], by_ids["deletedIds"]) == (1, [ids[2]])
    by_filter = await api.delete_rows(table_id, filter={"title": "0"})
    assert (by_filter["deletedCount"], sorted(by_filter["deletedIds"])) == (3, sorted(ids[3::3]))
    assert {each["id"] for each in await api.rows(table_id)} == {4, 5, 7, 8, 10, 11}
    assert (await api.delete_rows(table_id, filter={}))["deletedCount"] == 6
    assert (await api.delete_rows(table_id, filter={}))["deletedIds"] == []


@pytest.mark.parametrize(
    ("which", "code"),
    [
        ({}, "BAD_INPUT"),
        ({"filter": {}, "keys": [1]}, "BAD_INPUT"),
        ({"filter": {}, "ids": []}, "BAD_INPUT"),
        ({"keys": []}, "BAD_INPUT"),
        ({"ids": []}, "BAD_INPUT"),
        ({"keys": [1, None]}, "BAD_INPUT"),
        ({"keys": [1, "1"]}, "BAD_INPUT"),
        ({"keys": [{"id": 1}]}, "BAD_INPUT"),
        ({"keys": [1] * 1001}, "LIMIT_EXCEEDED"),
        ({"ids": ["a"] * 1001}, "LIMIT_EXCEEDED"),
        ({"filter": {"title": {"$regex": "x"}}}, "INVALID_FILTER"),
        ({"filter": {"nobody": 1}}, "INVALID_FILTER"),
    ],
)
async def test_a_deletion_that_says_not_what_deletes_nothing(
    api: Api, films: str, which: dict[str, Any], code: str
) -> None:
    assert (await refused(api, DELETE_ROWS, input={"tableId": films, **which}))[0] == code
    assert len(await api.rows(films)) == 3


async def test_a_row_of_another_table_is_not_deleted_by_its_id(api: Api) -> None:
    database_id = await api.database()
    here, there = await api.table(database_id, "here"), await api.table(database_id, "there")
    [result] = (await api.insert_rows(there, {"id": 1}))["results"]
    await api.insert_rows(here, {"id": 1})
    assert (await api.delete_rows(here, ids=[result["id"]]))["deletedCount"] == 0
    assert [len(await api.rows(each)) for each in (here, there)] == [1, 1]


async def test_more_than_1000_deleted_rows_are_counted_and_not_named(running: Running) -> None:
    api = running.api
    table_id = await api.table(await api.database())
    for part in range(2):
        await api.insert_rows(table_id, *({"id": part * 1000 + number} for number in range(1000)))
    counted = await api.delete_rows(table_id, filter={"id": {"$gt": 998}})
    assert (counted["deletedCount"], counted["deletedIds"]) == (1001, None)
    named = await api.delete_rows(table_id, filter={})
    assert (named["deletedCount"], len(named["deletedIds"])) == (999, 999)
    events = await running.sql(
        "select details from vectorgate.audit_event where action = 'delete_rows' order by number"
    )
    assert [each["details"] for each in events] == [{"count": 1001}, {"count": 999}]
