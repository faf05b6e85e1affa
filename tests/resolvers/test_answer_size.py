"""An answer carries so many bytes of documents and rows, however they are asked for."""

from __future__ import annotations

import pytest

from tests.factory import DOCUMENTS, INSERT_ROWS, ROWS, SEARCH, Run, Running

MOST = 100_000
TEXT = "abcdefgh" * 2_400
"""19 kB, which PostgreSQL compresses to a few hundred bytes: what it stores says nothing about the answer."""

PAGE = "query Page($id: ID!, $first: Int!) { node(id: $id) { ... on Collection { documents(first: $first) { %s } } } }"
TWO = """
query Two($id: ID!) {
  a: node(id: $id) { ... on Collection { documents(first: 3) { nodes { fields } } } }
  b: node(id: $id) { ... on Collection { documents(first: 3) { nodes { key } } } }
  c: node(id: $id) { ... on Collection { documents(first: 3) { nodes { %s } } } }
}"""
NODES = "query Nodes($ids: [ID!]!) { nodes(ids: $ids) { ... on Document { key fields } ... on Row { key fields } } }"


@pytest.fixture
async def running(run: Run) -> Running:
    return await run(max_answer_bytes=MOST)


async def refused(running: Running, document: str, **variables: object) -> int:
    """The size that the refusal tells."""
    refusal = await running.api.refusal(document, **variables)
    assert set(refusal.codes) == {"LIMIT_EXCEEDED"}
    assert (refusal.facts["limit"], refusal.facts["retryable"]) == (MOST, False)
    assert "smaller first" in refusal.errors[0]["message"]
    return int(refusal.facts["actual"])


async def test_a_page_of_documents(running: Running) -> None:
    home = await running.api.collection(await running.api.database())
    await running.api.insert(home, *({"_id": number, "text": TEXT} for number in range(8)))
    fields = PAGE % "nodes { fields } pageInfo { hasNextPage endCursor }"
    page = (await running.api(fields, id=home, first=4))["node"]["documents"]
    assert (len(page["nodes"]), page["pageInfo"]["hasNextPage"]) == (4, True)
    assert page["nodes"][0]["fields"] == {"_id": 0, "text": TEXT}
    assert MOST < await refused(running, fields, id=home, first=8) < 8 * 19_300
    assert len((await running.api(PAGE % "nodes { key }", id=home, first=8))["node"]["documents"]["nodes"]) == 8
    following = await running.api(
        DOCUMENTS.replace("vectorize vector", ""), id=home, first=4, after=page["pageInfo"]["endCursor"]
    )
    assert [each["key"] for each in following["node"]["documents"]["nodes"]] == [4, 5, 6, 7]


async def test_all_the_fields_of_an_operation_share_it(running: Running) -> None:
    home = await running.api.collection(await running.api.database())
    await running.api.insert(home, *({"_id": number, "text": TEXT} for number in range(4)))
    assert (await running.api(TWO % "key", id=home))["a"]["documents"]["nodes"][2]["fields"]["text"] == TEXT
    refusal = await running.api.refusal(TWO % "fields", id=home)
    assert refusal.codes == ["LIMIT_EXCEEDED"]
    both = [await running.api(TWO % "key", id=home) for _ in range(2)]
    assert both[0] == both[1], "each request has its own"


async def test_documents_and_rows_by_their_ids(running: Running) -> None:
    database = await running.api.database()
    home, table = await running.api.collection(database), await running.api.table(database)
    made = await running.api.insert(home, *({"_id": number, "text": TEXT} for number in range(8)))
    given = [{"id": number, "title": TEXT} for number in range(8)]
    rows = await running.api(INSERT_ROWS, input={"tableId": table, "rows": given})
    for results in (made["results"], rows["insertRows"]["results"]):
        ids = [each["id"] for each in results]
        assert len((await running.api(NODES, ids=ids[:4]))["nodes"]) == 4
        assert await refused(running, NODES, ids=ids) > MOST


async def test_a_page_of_rows_with_text_json_and_vectors(running: Running) -> None:
    columns = (
        {"name": "id", "type": "INT"},
        {"name": "title", "type": "TEXT"},
        {"name": "data", "type": "JSON"},
        {"name": "v", "type": "VECTOR", "dimension": 1000},
    )
    table = await running.api.table(await running.api.database(), columns=columns)
    rows = [{"id": number, "title": TEXT, "data": {"text": TEXT}, "v": [0.5] * 1000} for number in range(3)]
    await running.api.insert_rows(table, *rows)
    page = await running.api.rows(table, first=1)
    assert (page[0]["title"], page[0]["data"]) == (TEXT, {"text": TEXT})
    assert await refused(running, ROWS, id=table) > 3 * 2 * 19_000
    vectors = 'query V($id: ID!) { node(id: $id) { ... on Table { rows { nodes { vector(column: "v") } } } } }'
    assert len((await running.api(vectors, id=table))["node"]["rows"]["nodes"]) == 3


async def test_a_search(running: Running) -> None:
    home = await running.api.local_collection()
    await running.api.insert(
        home, *({"_id": number, "text": TEXT, "$vectorize": f"text {number}"} for number in range(8))
    )
    found = await running.api.search(home, query="text 3", first=4)
    assert (len(found["edges"]), found["pageInfo"]["hasNextPage"]) == (4, True)
    assert await refused(running, SEARCH, id=home, query="text 3", first=8) > MOST
    after = found["pageInfo"]["endCursor"]
    assert len((await running.api.search(home, query="text 3", first=4, after=after))["edges"]) == 4


async def test_one_that_is_too_large_by_itself_is_refused_as_well_and_found_without_its_fields(
    running: Running,
) -> None:
    home = await running.api.collection(await running.api.database())
    await running.api.insert(home, {"_id": 1, "text": TEXT * 6})
    assert await refused(running, PAGE % "nodes { fields }", id=home, first=1) > 6 * 19_000
    assert await running.api(PAGE % "nodes { key }", id=home, first=1)
