"""Documents over HTTP: reading them in pages and alone, and what of them is read."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from app.page import encode_cursor
from tests.factory import DELETE, DOCUMENTS, REPLACE, Api, Running, read_columns

ONE = (
    "query One($id: ID!, $key: JSON!) { node(id: $id) { ... on Collection { document(key: $key) { id key fields } } } }"
)
NODE = "query Node($id: ID!) { node(id: $id) { id __typename ... on Document { key fields vectorize collection { name } } } }"
PAGE = """
query Page($id: ID!, $first: Int!, $after: String, $filter: JSONObject) {
  node(id: $id) { ... on Collection { documents(first: $first, after: $after, filter: $filter) {
    totalCount nodes { key } edges { cursor node { key } } pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
  } } }
}"""


@pytest.fixture
async def bare(api: Api) -> str:
    """A collection without vectors, with three documents."""
    collection_id = await api.collection(await api.database())
    await api.insert(collection_id, {"_id": "b", "n": 2}, {"_id": "a", "n": 1})
    await api.insert(collection_id, {"_id": "A", "n": 3, "nested": {"x": [1, None]}})
    return collection_id


async def page(api: Api, collection_id: str, first: int = 2, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    found: dict[str, Any] = (await api(PAGE, id=collection_id, first=first, **more))["node"]["documents"]
    return found


async def refused(api: Api, document: str, **variables: Any) -> tuple[str, dict[str, Any]]:  # noqa: ANN401 - JSON
    """Code and facts of an operation that is refused for one reason."""
    refusal = await api.refusal(document, **variables)
    [code] = refusal.codes
    return code, refusal.facts


def document_id(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


# --- pages ---
async def test_documents_come_in_order_of_creation_then_key(api: Api, bare: str) -> None:
    first = await page(api, bare)
    assert [each["key"] for each in first["nodes"]] == ["a", "b"]
    assert first["nodes"] == [edge["node"] for edge in first["edges"]]
    assert first["pageInfo"] == {
        "hasNextPage": True,
        "hasPreviousPage": False,
        "startCursor": first["edges"][0]["cursor"],
        "endCursor": first["edges"][1]["cursor"],
    }
    last = await page(api, bare, after=first["pageInfo"]["endCursor"])
    assert [each["key"] for each in last["nodes"]] == ["A"]
    assert (last["pageInfo"]["hasNextPage"], last["pageInfo"]["hasPreviousPage"]) == (False, True)
    assert last["totalCount"] == 3
    beyond = await page(api, bare, after=last["pageInfo"]["endCursor"])
    assert (beyond["nodes"], beyond["pageInfo"]["endCursor"]) == ([], None)


async def test_pages_follow_a_filter_and_lose_and_double_nothing(api: Api) -> None:
    collection_id = await api.collection(await api.database())
    await api.insert(collection_id, *({"_id": number, "n": number} for number in range(100)))
    seen: list[int] = []
    after = None
    while True:
        found = await page(api, collection_id, 7, after=after, filter={"n": {"$gte": 50}})
        assert found["totalCount"] == 50
        seen += [each["key"] for each in found["nodes"]]
        after = found["pageInfo"]["endCursor"]
        if not found["pageInfo"]["hasNextPage"]:
            break
    assert seen == list(range(50, 100))


@pytest.mark.parametrize("first", [0, -1, 501, 2**31 - 1])
async def test_a_page_has_1_to_500_documents(api: Api, bare: str, first: int) -> None:
    code, facts = await refused(api, PAGE, id=bare, first=first)
    assert (code, facts["limit"], facts["actual"]) == ("BAD_INPUT", 500, first)
    assert len((await page(api, bare, 500))["nodes"]) == 3


@pytest.mark.parametrize(
    "after",
    [
        "",
        "x",
        "é",
        encode_cursor("2026-01-01T00:00:00+00:00"),
        encode_cursor("yesterday", "1"),
        encode_cursor("2026-01-01T00:00:00", "1"),
        encode_cursor("0001-01-01T00:00:00+23:59", "1"),
        encode_cursor("2026-01-01T00:00:00+00:00", '"\0"'),
        encode_cursor("2026-01-01T00:00:00+00:00", "no JSON"),
        encode_cursor("2026-01-01T00:00:00+00:00", 1),
        encode_cursor(None, None),
    ],
)
async def test_what_is_no_cursor_is_refused(api: Api, bare: str, after: str) -> None:
    code, _ = await refused(api, PAGE, id=bare, first=2, after=after)
    assert code == "BAD_INPUT"


async def test_a_filter_that_cannot_be_used_says_where(api: Api, bare: str) -> None:
    code, facts = await refused(api, DOCUMENTS, id=bare, filter={"n": {"$regex": "x"}})
    assert (code, facts["path"]) == ("INVALID_FILTER", "filter.n.$regex")
    for wrong in ({"$vector": [1]}, {"a\0": 1}, {"\ud800": 1}, {"_id": "\0"}, {"n": 10**400}, "[]", "{", "5"):
        code, _ = await refused(api, DOCUMENTS, id=bare, filter=wrong)
        assert code == ("BAD_INPUT" if isinstance(wrong, str) else "INVALID_FILTER")
    by_text = await api.documents(bare, filter='{"nested.x.0": 1}')
    assert list(by_text) == ["A"]


# --- what is read ---
async def test_columns_and_counts_are_read_only_where_they_are_selected(running: Running) -> None:
    collection_id = await running.api.local_collection()
    await running.api.insert(collection_id, {"_id": 1, "a": 1, "$vectorize": "a whale"})

    async def read(selection: str) -> list[str]:
        query = f"query Q($id: ID!) {{ node(id: $id) {{ ... on Collection {{ documents {{ {selection} }} }} }} }}"
        statements = await running.statements_of(query, id=collection_id)
        return [read_columns(each) for each in statements if '."c_' in each]

    key = "key, created_at, updated_at"
    assert await read("nodes { key createdAt }") == [key]
    assert await read("nodes { id collection { name } }") == [key]
    assert await read("nodes { fields }") == [f"{key}, body"]
    assert await read("edges { node { mine: vectorize } }") == [f"{key}, text"]
    assert await read("edges { node { ... on VectorRecord { fields } ... on Document { vector } } }") == [
        f"{key}, body, vector"
    ]
    assert await read("nodes { key } totalCount") == [key, "count(*)"]
    assert await read("totalCount") == [key, "count(*)"]


async def test_columns_are_read_where_a_fragment_selects_them(running: Running) -> None:
    collection_id = await running.api.local_collection()
    [result] = (await running.api.insert(collection_id, {"_id": 1, "$vectorize": "a whale"}))["results"]
    query = """
    query Q($id: ID!) { node(id: $id) { ...Some } }
    fragment Some on Document { fields ...Rest }
    fragment Rest on Document { vectorize vector }"""
    [_, read] = await running.statements_of(query, id=result["id"])
    assert "created_at, updated_at, body, text, vector from" in read


async def test_fields_hold_the_id_and_the_caller_s_own(api: Api) -> None:
    collection_id = await api.local_collection()
    await api.insert(collection_id, {"_id": 1, "a": {"b": [1, {"c": None}]}, "$vectorize": "a whale"})
    [document] = (await api.documents(collection_id)).values()
    assert document["fields"] == {"_id": 1, "a": {"b": [1, {"c": None}]}}
    assert document["vectorize"] == "a whale"
    assert len(document["vector"]) == 256


# --- one document ---
async def test_a_document_is_found_by_its_key(api: Api, bare: str) -> None:
    await api.insert(bare, {"_id": 1, "is": "number"}, {"_id": "1", "is": "text"})
    for key, kind in ((1, "number"), (1.0, "number"), ("1", "text")):
        found = (await api(ONE, id=bare, key=key))["node"]["document"]
        assert found["fields"]["is"] == kind
        assert (await api(NODE, id=found["id"]))["node"]["fields"] == found["fields"]
    for key in ("nowhere", 7, ""):
        assert (await api(ONE, id=bare, key=key))["node"]["document"] is None
    wrong: list[object] = [True, [], {}, 2**53, "\0", "\ud800", "x" * 2000, 10**400]
    for each in wrong:
        code, _ = await refused(api, ONE, id=bare, key=each)
        assert code == "BAD_INPUT"


async def test_a_document_s_id_is_refetched_and_any_other_id_is_null(running: Running) -> None:
    api = running.api
    collection_id = await api.local_collection()
    inserted = await api.insert(collection_id, {"_id": "a/b:c", "$vectorize": "a whale"})
    identifier = inserted["results"][0]["id"]
    assert (await api(NODE, id=identifier))["node"] == {
        "id": identifier,
        "__typename": "Document",
        "key": "a/b:c",
        "fields": {"_id": "a/b:c"},
        "vectorize": "a whale",
        "collection": {"name": "books"},
    }
    home = base64.urlsafe_b64decode(identifier + "==").decode().partition("/")[0]
    unknown = home.replace(home[-4:], "0000")
    for wrong in (
        f'{home}/"a"',
        f"{home}/a",
        f'{home}/"\0"',
        f"{home}/1.0",
        f"{home}/",
        home,
        f'{unknown}/"a/b:c"',
        "Document:x/1",
    ):
        assert (await api(NODE, id=document_id(wrong)))["node"] is None


async def test_another_organization_s_document_does_not_exist(running: Running) -> None:
    api = running.api
    collection_id = await api.collection(await api.database())
    [result] = (await api.insert(collection_id, {"_id": 1}))["results"]
    await running.sql("insert into vectorgate.organization (id, name) values (gen_random_uuid(), 'other')")
    async with await api.with_token("Organization Administrator") as stranger:
        other = "(select id from vectorgate.organization where name = 'other')"
        await running.sql(f"update vectorgate.access_token set organization_id = {other} where not bootstrap")  # noqa: S608 - a constant
        assert (await stranger(NODE, id=result["id"]))["node"] is None
        assert (await stranger(DOCUMENTS, id=collection_id))["node"] is None
        for mutation, more in (
            (DELETE, {"keys": [1]}),
            (DELETE, {"ids": [result["id"]]}),
            (REPLACE, {"key": 1, "document": {}}),
        ):
            code, _ = await refused(stranger, mutation, input={"collectionId": collection_id, **more})
            assert code == "NOT_FOUND"
    assert list(await api.documents(collection_id)) == [1]


async def test_without_read_data_the_collection_is_seen_and_its_documents_are_not(running: Running) -> None:
    api = running.api
    collection_id = await api.local_collection()
    [result] = (await api.insert(collection_id, {"_id": 1}))["results"]
    query = """
    query Q($id: ID!) { node(id: $id) { ... on Collection {
      name documentCount documents(first: 0) { nodes { key } } document(key: true) { key } vectorSearch(first: 0) { exact }
    } } }"""
    async with await api.with_token("Read-Only User") as nobody:
        await running.sql("update vectorgate.access_token set roles = '{}' where not bootstrap")
        body = (await nobody.post(query, {"id": collection_id})).json()
        nothing = dict.fromkeys(["documentCount", "documents", "document", "vectorSearch"])
        assert body["data"]["node"] == {"name": "books", **nothing}
        assert [each["extensions"]["code"] for each in body["errors"]] == ["PERMISSION_DENIED"] * 4
        assert {each["extensions"]["permission"] for each in body["errors"]} == {"READ_DATA"}
        assert (await refused(nobody, NODE, id=result["id"]))[0] == "PERMISSION_DENIED"
