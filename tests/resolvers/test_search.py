"""Vector search over HTTP: what may be asked, and what is answered."""

from __future__ import annotations

import base64
import math
import struct
from typing import Any

import pytest

from tests.factory import SEARCH, Api, Running
from tests.fakes.vendor import embed
from tests.resolvers.searching import books, by_hand, keys, on_circle, refused

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
