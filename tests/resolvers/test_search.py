"""Vector search over HTTP: what may be asked, what is answered, and how pages go on, also on another replica."""

from __future__ import annotations

import base64
import math
import struct
from typing import Any

import pytest

from app.page import decode_cursor, encode_cursor
from tests.factory import SEARCH, Api, Run, Running
from tests.fakes.vendor import embed

ON_COLLECTION = """
query Search($id: ID!, $query: String, $vector: Vector, $first: Int! = 10, $after: String, $filter: JSONObject, $min: Float) {
  node(id: $id) { ... on Collection {
    vectorSearch(query: $query, vector: $vector, first: $first, after: $after, filter: $filter, minSimilarity: $min) {
      edges { cursor similarity distance node { id key fields } }
      pageInfo { hasNextPage endCursor }
      exact model usage { promptTokens totalTokens cached }
    }
  } }
}"""
QUERY_VECTOR = """
query Q($id: ID!, $query: String, $vector: Vector) { vectorSearch(targetId: $id, query: $query, vector: $vector) { queryVector } }"""
BOOKS = {
    "whale": "a captain hunts a white whale",
    "island": "a sailor on an island",
    "ball": "a ball in a country house",
}


async def keys(api: Api, collection_id: str, **arguments: Any) -> list[Any]:  # noqa: ANN401 - JSON
    return [edge["node"]["key"] for edge in (await api.search(collection_id, **arguments))["edges"]]


async def refused(api: Api, collection_id: str, document: str = SEARCH, **arguments: Any) -> tuple[str, dict[str, Any]]:  # noqa: ANN401 - JSON
    """Code and facts of a search that is refused."""
    refusal = await api.refusal(document, id=collection_id, **arguments)
    [code] = refusal.codes
    return code, refusal.facts


async def by_hand(api: Api, *vectors: list[float], metric: str = "COSINE") -> str:
    """A collection of vectors of the caller's own, their places the keys."""
    collection_id = await api.collection(await api.database(), dimension=len(vectors[0]), metric=metric)
    inserted = await api.insert(collection_id, *({"_id": n, "$vector": each} for n, each in enumerate(vectors)))
    assert inserted["insertedCount"] == len(vectors)
    return collection_id


async def books(api: Api, dimension: int = 64) -> str:
    """A collection of texts that OpenAI embeds."""
    collection_id = await api.openai_collection(dimension=dimension)
    await api.insert(collection_id, *({"_id": key, "$vectorize": text} for key, text in BOOKS.items()))
    return collection_id


def on_circle(count: int) -> list[list[float]]:
    """Vectors that go ever farther away from [1, 0]."""
    return [[math.cos(step / count), math.sin(step / count)] for step in range(count)]


# --- what is answered ---
async def test_a_text_finds_what_is_near_it_and_a_vector_finds_the_same_without_asking(running: Running) -> None:
    api = running.api
    collection_id = await books(api)
    found = await api.search(collection_id, query="the white whale")
    assert found["edges"][0]["node"]["key"] == "whale"
    assert len(found["edges"]) == 3
    assert (found["model"], found["exact"]) == ("text-embedding-3-small", True)
    assert found["usage"]["totalTokens"] == found["usage"]["promptTokens"] > 0
    assert found["usage"]["cached"] is False
    assert running.openai.texts[1:] == [["the white whale"]]

    [answer] = (await api(QUERY_VECTOR, id=collection_id, query="the white whale")).values()
    assert answer["queryVector"] == pytest.approx(embed("the white whale", 64), abs=1e-6)
    asked = len(running.openai.received)
    by_vector = await api.search(collection_id, vector=answer["queryVector"])
    assert [edge["node"] for edge in by_vector["edges"]] == [edge["node"] for edge in found["edges"]]
    assert [edge["distance"] for edge in by_vector["edges"]] == [edge["distance"] for edge in found["edges"]]
    assert (by_vector["model"], by_vector["usage"]) == (None, None)
    assert len(running.openai.received) == asked


async def test_a_search_on_a_collection_is_the_search_at_the_root(api: Api) -> None:
    collection_id = await by_hand(api, *on_circle(5))
    arguments = {"vector": [1, 0], "first": 2, "filter": {"_id": {"$gt": 0}}, "min": 0.5}
    at_root = await api.search(collection_id, **arguments)
    on_it = (await api(ON_COLLECTION, id=collection_id, **arguments))["node"]["vectorSearch"]
    assert on_it == at_root
    after = at_root["pageInfo"]["endCursor"]
    assert await keys(api, collection_id, **arguments, after=after) == [3, 4]


@pytest.mark.parametrize(
    ("metric", "vectors", "expected"),
    [
        (
            "COSINE",
            [[1, 0], [3, 3], [0, 2], [-1, 0]],
            [(0, 1), (1 - math.sqrt(0.5), (1 + math.sqrt(0.5)) / 2), (1, 0.5), (2, 0)],
        ),
        ("DOT_PRODUCT", [[1, 0], [0.5, 7], [0, 1], [-1, 0]], [(-1, 1), (-0.5, 0.75), (0, 0.5), (1, 0)]),
        ("DOT_PRODUCT", [[3, 0], [-3, 0]], [(-3, 2), (3, -1)]),
        ("EUCLIDEAN", [[1, 0], [1, 1], [1, 2], [4, 4]], [(0, 1), (1, 0.5), (2, 0.2), (5, 1 / 26)]),
    ],
)
async def test_distance_is_raw_and_similarity_is_as_the_metric_has_it(
    api: Api, metric: str, vectors: list[list[float]], expected: list[tuple[float, float]]
) -> None:
    collection_id = await by_hand(api, *vectors, metric=metric)
    edges = (await api.search(collection_id, vector=[1, 0]))["edges"]
    assert [edge["node"]["key"] for edge in edges] == list(range(len(vectors)))
    assert [edge["distance"] for edge in edges] == pytest.approx([distance for distance, _ in expected], abs=1e-6)
    assert [edge["similarity"] for edge in edges] == pytest.approx([each for _, each in expected], abs=1e-6)


@pytest.mark.parametrize("metric", ["EUCLIDEAN", "DOT_PRODUCT"])
async def test_vectors_beyond_what_32_bits_can_measure_are_answered_and_paged_through(api: Api, metric: str) -> None:
    collection_id = await by_hand(api, [3e38, 3e38], [3e38, -3e38], [-3e38, -3e38], [0, 0], metric=metric)
    seen, after = [], None
    for _ in range(4):
        found = await api.search(collection_id, vector=[3e38, 3e38], first=1, after=after)
        [edge] = found["edges"]
        assert all(math.isfinite(edge[name]) for name in ("distance", "similarity"))
        seen.append(edge["node"]["key"])
        after = found["pageInfo"]["endCursor"]
    assert sorted(seen) == [0, 1, 2, 3]
    assert not found["pageInfo"]["hasNextPage"]


async def test_documents_without_a_vector_are_not_found_and_equal_ones_come_in_order_of_their_keys(api: Api) -> None:
    collection_id = await by_hand(api, [1, 0], [1, 0], [1, 0], [1, 0])
    await api.insert(collection_id, {"_id": "no vector"}, {"_id": "a", "$vector": [2, 0]})
    seen = []
    after = None
    for _ in range(5):
        found = await api.search(collection_id, vector=[1, 0], first=1, after=after)
        seen += [edge["node"]["key"] for edge in found["edges"]]
        after = found["pageInfo"]["endCursor"]
    assert seen == ["a", 0, 1, 2, 3]
    assert await keys(api, collection_id, vector=[1, 0], after=after) == []


async def test_only_the_selected_columns_are_read(running: Running) -> None:
    collection_id = await by_hand(running.api, [1, 0])

    async def read(selection: str) -> str:
        query = f"query Q($id: ID!) {{ vectorSearch(targetId: $id, vector: [1, 0]) {{ {selection} }} }}"
        [_, search] = await running.statements_of(query, id=collection_id)
        return search.partition(", (vector")[0].partition("select ")[2]

    assert await read("edges { similarity node { key } }") == "key, created_at, updated_at"
    assert await read("nodes { fields }") == "key, created_at, updated_at, body"
    assert await read("nodes { ... on Document { vectorize vector } }") == "key, created_at, updated_at, text, vector"
    assert await read("exact queryVector") == "key, created_at, updated_at"


# --- what may be asked ---
async def test_exactly_one_of_query_and_vector_is_given(running: Running) -> None:
    collection_id = await books(running.api)
    asked = len(running.openai.received)
    vector = [1.0] * 64
    refusals: list[tuple[dict[str, Any], str]] = [
        ({"query": "whale", "vector": vector}, "VECTORIZE_AND_VECTOR"),
        ({"query": "", "vector": vector}, "VECTORIZE_AND_VECTOR"),
        ({}, "BAD_INPUT"),
        ({"query": None, "vector": None}, "BAD_INPUT"),
        ({"query": ""}, "INVALID_VECTORIZE_VALUE"),
        ({"query": " \n\u2003"}, "INVALID_VECTORIZE_VALUE"),
        ({"query": "whale\0"}, "BAD_INPUT"),
        ({"query": "\ud800"}, "BAD_INPUT"),
        ({"query": 5}, "BAD_INPUT"),
        ({"vector": 5}, "BAD_INPUT"),
        ({"vector": {"a": 1}}, "BAD_INPUT"),
        ({"vector": []}, "INVALID_VECTOR"),
        ({"vector": ""}, "INVALID_VECTOR"),
        ({"vector": "whale"}, "INVALID_VECTOR"),
        ({"vector": ["1"] * 64}, "INVALID_VECTOR"),
        ({"vector": [0] * 64}, "INVALID_VECTOR"),
        ({"vector": [1e39] * 64}, "INVALID_VECTOR"),
        ({"vector": [10**400] * 64}, "INVALID_VECTOR"),
        ({"vector": [1e38] * 64}, "INVALID_VECTOR"),
        ({"vector": [1] * 63}, "INVALID_VECTOR_LENGTH"),
        ({"vector": [1] * 65}, "INVALID_VECTOR_LENGTH"),
    ]
    for arguments, code in refusals:
        for document in (SEARCH, ON_COLLECTION):
            assert (await refused(running.api, collection_id, document, **arguments))[0] == code, arguments
    assert len(running.openai.received) == asked
    assert await keys(running.api, collection_id, vector=[10**19] + [0] * 63) != []


async def test_a_vector_may_be_base64_of_big_endian_floats(api: Api) -> None:
    collection_id = await by_hand(api, [1, 0], [0, 1])
    encoded = base64.b64encode(struct.pack(">2f", 0.1, 1)).decode()
    assert await keys(api, collection_id, vector=encoded) == [1, 0]
    [answer] = (await api(QUERY_VECTOR, id=collection_id, vector=encoded)).values()
    assert answer["queryVector"] == [0.1, 1]
    page = await api.search(collection_id, vector=encoded, first=1)
    assert await keys(api, collection_id, vector=[0.1, 1], first=1, after=page["pageInfo"]["endCursor"]) == [0]


@pytest.mark.parametrize("first", [0, -1, 501])
async def test_a_page_has_1_to_500_hits(api: Api, first: int) -> None:
    collection_id = await by_hand(api, [1, 0])
    code, facts = await refused(api, collection_id, vector=[1, 0], first=first)
    assert (code, facts["limit"], facts["actual"]) == ("BAD_INPUT", 500, first)
    assert await keys(api, collection_id, vector=[1, 0], first=500) == [0]


@pytest.mark.parametrize("metric", ["COSINE", "EUCLIDEAN"])
async def test_a_least_similarity_is_0_to_1_and_loses_nothing_that_reaches_it(api: Api, metric: str) -> None:
    vectors = on_circle(9)
    collection_id = await by_hand(api, *vectors, metric=metric)
    for wrong in (-0.01, 1.01, 1e300):
        code, facts = await refused(api, collection_id, vector=[1, 0], min=wrong)
        assert (code, facts["limit"], facts["actual"]) == ("BAD_INPUT", 1, wrong)
    everything = (await api.search(collection_id, vector=[1, 0], min=0))["edges"]
    assert len(everything) == 9
    least = everything[4]["similarity"]
    found = await api.search(collection_id, vector=[1, 0], min=least, first=3)
    assert found["pageInfo"]["hasNextPage"]
    rest = await api.search(collection_id, vector=[1, 0], min=least, first=3, after=found["pageInfo"]["endCursor"])
    assert [edge["node"]["key"] for edge in [*found["edges"], *rest["edges"]]] == [0, 1, 2, 3, 4]
    assert not rest["pageInfo"]["hasNextPage"]
    assert await keys(api, collection_id, vector=[-1, -0.001], min=1) == []


async def test_a_least_similarity_of_dot_products_is_any_number(api: Api) -> None:
    collection_id = await by_hand(api, [5, 0], [1, 0], [-5, 0], metric="DOT_PRODUCT")
    assert await keys(api, collection_id, vector=[1, 0], min=-2) == [0, 1, 2]
    assert await keys(api, collection_id, vector=[1, 0], min=1) == [0, 1]
    assert await keys(api, collection_id, vector=[1, 0], min=3) == [0]
    assert await keys(api, collection_id, vector=[1, 0], min=1e308) == []


async def test_a_filter_is_checked_before_anybody_is_asked_and_leaves_what_matches(running: Running) -> None:
    api = running.api
    collection_id = await books(api)
    asked = len(running.openai.received)
    for wrong in ({"a": {"$near": 1}}, {"$vectorize": "x"}, {"a\0": 1}, {"a": "\ud800"}, {"a": 10**400}, {"_id": "\0"}):
        code, facts = await refused(api, collection_id, query="whale", filter=wrong)
        assert (code, str(facts["path"])[:7]) == ("INVALID_FILTER", "filter.")
        assert (await refused(api, collection_id, query="whale", filter=wrong, after="x"))[0] == "INVALID_FILTER"
    assert len(running.openai.received) == asked
    assert await keys(api, collection_id, query="whale", filter={"_id": {"$ne": "whale"}}) == await keys(
        api, collection_id, query="whale", filter='{"$or": [{"_id": "ball"}, {"_id": "island"}]}'
    )


async def test_what_is_not_there_to_be_searched_says_so(api: Api) -> None:
    database_id = await api.database()
    bare = await api.collection(database_id, "bare")
    own = await api.collection(database_id, "own", dimension=2)
    assert (await refused(api, bare, query="whale"))[0] == "VECTORS_NOT_ENABLED"
    assert (await refused(api, bare, vector=[1]))[0] == "VECTORS_NOT_ENABLED"
    assert (await refused(api, own, query="whale"))[0] == "EMBEDDING_NOT_CONFIGURED"
    for unknown in ("", "x", "é", own[:-2], database_id):
        assert (await refused(api, unknown, query="whale"))[0] == "NOT_FOUND"
    with_column = 'query Q($id: ID!) { vectorSearch(targetId: $id, column: "v", vector: [1, 0]) { exact } }'
    assert (await refused(api, own, with_column))[0] == "BAD_INPUT"


async def test_who_may_not_read_is_told_before_what_is_wrong_and_after_what_is_not_there(running: Running) -> None:
    collection_id = await by_hand(running.api, [1, 0])
    async with await running.api.with_token("Read-Only User") as nobody:
        assert await keys(nobody, collection_id, vector=[1, 0]) == [0]
        await running.sql("update vectorgate.access_token set roles = '{}' where not bootstrap")
        code, facts = await refused(nobody, collection_id, first=0)
        assert (code, facts["permission"]) == ("PERMISSION_DENIED", "READ_DATA")
        assert (await refused(nobody, "x", first=0))[0] == "NOT_FOUND"


async def test_a_provider_s_refusal_of_the_text_is_passed_on(running: Running) -> None:
    collection_id = await books(running.api)
    running.openai.refused_texts = {"forbidden"}
    code, facts = await refused(running.api, collection_id, query="forbidden")
    assert (code, facts["family"], facts["httpStatus"]) == ("EMBEDDING_PROVIDER_CLIENT_ERROR", "PROVIDER", 400)
    assert facts["provider"] == "openai"


# --- pages ---
async def test_a_cursor_belongs_to_the_search_that_it_came_from(running: Running) -> None:
    api = running.api
    collection_id = await by_hand(api, *on_circle(6))
    other = await api.collection(await api.database("more"), dimension=2)
    given: dict[str, Any] = {"vector": [1, 0], "filter": {"_id": {"$lt": 9}}, "min": 0.1}
    after = (await api.search(collection_id, first=2, **given))["pageInfo"]["endCursor"]
    asked = len(running.openai.received)
    changes: list[dict[str, Any]] = [
        {"vector": [1, 0.1]},
        {"vector": None, "query": "whale"},
        {"filter": {"_id": {"$lt": 8}}},
        {"filter": None},
        {"min": 0.2},
        {"min": None},
    ]
    for changed in changes:
        code, _ = await refused(api, collection_id, first=2, after=after, **(given | changed))
        assert code == "BAD_INPUT", changed
    assert (await refused(api, other, first=2, after=after, **given))[0] == "BAD_INPUT"
    assert await keys(api, collection_id, first=3, after=after, **given) == [2, 3, 4]
    assert len(running.openai.received) == asked


async def test_a_cursor_that_nobody_made_is_refused(api: Api) -> None:
    collection_id = await by_hand(api, [1, 0])
    page = await api.search(collection_id, vector=[1, 0])
    made = page["pageInfo"]["endCursor"]
    for after in (
        "",
        "x",
        "é",
        made[:-4],
        made + "AAAA",
        made[::-1],
        encode_cursor(0, "0", 1, None, ""),
        encode_cursor(1, 2),
    ):
        assert (await refused(api, collection_id, vector=[1, 0], after=after))[0] == "BAD_INPUT"


async def test_pages_of_a_text_ask_nobody_again_and_go_on_at_another_replica(running: Running, run: Run) -> None:
    here, there = running.api, (await run()).api
    collection_id = await books(here)
    first = await here.search(collection_id, query="whale", first=1)
    asked = len(running.openai.received)
    running.openai.keys = set()  # whoever asked now would be refused
    arguments = {"query": "whale", "first": 1, "after": first["pageInfo"]["endCursor"]}
    second = await there.search(collection_id, **arguments)
    assert second == await here.search(collection_id, **arguments)
    assert (second["model"], second["usage"]) == ("text-embedding-3-small", None)
    third = await there.search(collection_id, query="whale", first=5, after=second["pageInfo"]["endCursor"])
    pages = [first, second, third]
    assert [edge["node"]["key"] for page in pages for edge in page["edges"]] == await keys(
        here, collection_id, vector=embed("whale", 64)
    )
    assert len(running.openai.received) == asked


async def test_when_the_kept_vector_is_gone_the_text_is_embedded_again_under_the_same_cursor(
    running: Running, run: Run
) -> None:
    collection_id = await books(running.api)
    first = await running.api.search(collection_id, query="whale", first=1)
    await running.sql("update vectorgate_region.query_vector set expires_at = now()")
    asked = len(running.openai.received)
    there = (await run()).api
    second = await there.search(collection_id, query="whale", first=1, after=first["pageInfo"]["endCursor"])
    assert len(second["edges"]) == 1
    assert running.openai.texts[asked:] == [["whale"]]
    [kept] = await running.sql("select count(*) as number from vectorgate_region.query_vector where expires_at > now()")
    assert kept["number"] == 1


async def test_a_query_vector_is_kept_only_where_a_cursor_is_selected(running: Running) -> None:
    collection_id = await books(running.api)

    async def kept() -> int:
        [row] = await running.sql("select count(*) as number from vectorgate_region.query_vector")
        return int(row["number"])

    query = 'query Q($id: ID!) {{ vectorSearch(targetId: $id, query: "whale") {{ {} }} }}'
    await running.api(query.format("edges { node { key } } pageInfo { hasNextPage }"), id=collection_id)
    await running.api.search(collection_id, vector=[1] * 64)
    assert await kept() == 0
    await running.api(query.format("pageInfo { endCursor }"), id=collection_id)
    assert await kept() == 1
    [row] = await running.sql(
        "select extract(epoch from expires_at - now()) as left from vectorgate_region.query_vector"
    )
    assert 590 < row["left"] <= 600


async def test_a_kept_vector_of_another_collection_is_of_no_use(running: Running) -> None:
    """Whoever mixes up cursors gets a search of their own, never a fault."""
    api = running.api
    collection_id = await books(api)
    await api.search(collection_id, query="whale", first=1)
    smaller = await api.collection(await api.database("more"), dimension=2)
    await running.sql("update vectorgate_region.query_vector set vector = $1", struct.pack("<2f", 1, 0))
    first = await api.search(collection_id, query="whale", first=1)
    assert len(first["edges"]) == 1
    await running.sql("update vectorgate_region.query_vector set vector = $1", struct.pack("<2f", 1, 0))
    second = await api.search(collection_id, query="whale", first=1, after=first["pageInfo"]["endCursor"])
    assert len(second["edges"]) == 1
    assert await keys(api, smaller, vector=[1, 0]) == []


async def test_pages_reach_10_000_hits_deep(api: Api) -> None:
    collection_id = await by_hand(api, *on_circle(5))
    page = await api.search(collection_id, vector=[1, 0], first=1)
    distance, key, depth, query_id, ranking = decode_cursor(page["pageInfo"]["endCursor"], 5)
    assert depth == 1
    after = encode_cursor(distance, key, 9_998, query_id, ranking)
    last = await api.search(collection_id, vector=[1, 0], first=2, after=after)
    assert [edge["node"]["key"] for edge in last["edges"]] == [1, 2]
    assert last["pageInfo"]["hasNextPage"]
    code, facts = await refused(api, collection_id, vector=[1, 0], first=3, after=after)
    assert (code, facts["limit"], facts["actual"]) == ("LIMIT_EXCEEDED", 10_000, 10_001)
    beyond = last["pageInfo"]["endCursor"]
    assert (await refused(api, collection_id, vector=[1, 0], first=1, after=beyond))[0] == "LIMIT_EXCEEDED"
