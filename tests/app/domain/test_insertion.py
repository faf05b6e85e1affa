"""Inserting documents over HTTP: items that fail alone, and calls that fail whole."""

from __future__ import annotations

import asyncio
import base64
import struct
from typing import Any
from uuid import UUID

import pytest

from tests.app.domain.inserting import codes, insert_refused, summary
from tests.factory import SECOND_KEY, Api, Running

ONCE = "one-call-of-sixteen"
DROP = (
    'mutation D($id: ID!) { dropCollection(input: {collectionId: $id, confirmName: "books"}) { droppedCollectionId } }'
)
DESCOPE = """
mutation D($credential: ID!, $database: ID!) {
  removeScopedDatabase(input: {credentialId: $credential, databaseId: $database, confirmName: "library"}) { disabledCount }
}"""


def big_endian(*components: float) -> str:
    return base64.b64encode(struct.pack(f">{len(components)}f", *components)).decode()


async def by_hand(api: Api, **more: Any) -> str:  # noqa: ANN401 - JSON
    """A collection for vectors of the caller's own."""
    return await api.collection(await api.database(), **({"dimension": 2} | more))


# --- keys ---
async def test_1_and_1_0_are_one_key_and_the_string_is_another(api: Api) -> None:
    collection_id = await api.collection(await api.database())
    inserted = await api.insert(
        collection_id, {"_id": 1, "n": "first"}, {"_id": 1.0}, {"_id": "1"}, {"_id": -0.0}, {"_id": 0}, {"_id": 1.5}
    )
    assert summary(inserted) == [
        (1, "INSERTED", None),
        (1, "FAILED", "ALREADY_EXISTS"),
        ("1", "INSERTED", None),
        (0, "INSERTED", None),
        (0, "FAILED", "ALREADY_EXISTS"),
        (1.5, "INSERTED", None),
    ]
    documents = await api.documents(collection_id)
    assert list(documents) == ["1", 0, 1, 1.5]
    assert documents[1]["fields"] == {"_id": 1, "n": "first"}


async def test_the_largest_exact_numbers_and_long_texts_are_keys_and_beyond_them_none(api: Api) -> None:
    collection_id = await api.collection(await api.database())
    keys = [
        2**53 - 1,
        1 - 2**53,
        "",
        "x" * 1022,
        "é" * 511,
        "NaN",
        "null",
        "a/b:c",
        "'; drop table x; --",
        "\U0001f600",
    ]
    inserted = await api.insert(collection_id, *({"_id": key} for key in keys))
    assert summary(inserted) == [(key, "INSERTED", None) for key in keys]
    assert set(await api.documents(collection_id)) == set(keys)
    wrong: list[Any] = [2**53, -(2**53), 1e300, 10**400, True, False, [], {}, ["a"], "x" * 1023, "é" * 512]
    refused = await api.insert(collection_id, *({"_id": key} for key in wrong))
    assert summary(refused) == [(None, "FAILED", "BAD_INPUT")] * len(wrong)
    assert len(await api.documents(collection_id)) == len(keys)


async def test_a_document_without_a_key_gets_a_uuid_that_says_when(api: Api) -> None:
    collection_id = await api.collection(await api.database())
    inserted = await api.insert(collection_id, {}, {"_id": None, "a": 1}, {"b": 2})
    keys = [key for key, _, _ in summary(inserted)]
    assert [UUID(key).version for key in keys] == [7, 7, 7]
    assert keys == sorted(keys)
    assert list(await api.documents(collection_id)) == keys


# --- texts and vectors ---
async def test_text_is_embedded_and_kept_and_a_vector_is_stored_as_it_is(running: Running) -> None:
    api = running.api
    collection_id = await api.openai_collection(dimension=4)
    inserted = await api.insert(
        collection_id,
        {"_id": "text", "$vectorize": "a whale", "n": 1},
        {"_id": "list", "$vector": [0.1, 1, -2, 0]},
        {"_id": "base64", "$vector": big_endian(0.1, 1, -2, 0)},
        {"_id": "none"},
        {"_id": "null", "$vector": None},
    )
    assert inserted["insertedCount"] == 5
    assert inserted["usage"]["totalTokens"] > 0
    documents = await api.documents(collection_id)
    assert documents["text"]["fields"] == {"_id": "text", "n": 1}
    assert documents["text"]["vectorize"] == "a whale"
    assert len(documents["text"]["vector"]) == 4
    assert documents["list"]["vector"] == documents["base64"]["vector"] == [0.1, 1, -2, 0]
    assert [documents[key]["vector"] for key in ("none", "null")] == [None, None]
    assert [documents[key]["vectorize"] for key in ("list", "none", "null")] == [None] * 3
    assert running.openai.texts == [["a whale"]]


@pytest.mark.parametrize("text", [None, "", "  ", "\n\t\u00a0"])
async def test_blank_text_is_stored_without_a_vector_and_asks_nobody(running: Running, text: str | None) -> None:
    collection_id = await running.api.openai_collection()
    inserted = await running.api.insert(collection_id, {"_id": "it", "$vectorize": text})
    assert (summary(inserted), inserted["usage"]) == ([("it", "INSERTED", None)], None)
    stored = (await running.api.documents(collection_id))["it"]
    assert (stored["vectorize"], stored["vector"]) == (text, None)
    assert running.openai.received == []


async def test_what_is_wrong_with_one_document_stops_no_other(running: Running) -> None:
    collection_id = await running.api.openai_collection(dimension=2)
    inserted = await running.api.insert(
        collection_id,
        {"_id": "good", "$vectorize": "a whale"},
        {"_id": "both", "$vectorize": "a", "$vector": [1, 2]},
        {"_id": "null text and vector", "$vectorize": None, "$vector": [1, 2]},
        {"_id": "text and null vector", "$vectorize": "a", "$vector": None},
        {"_id": "number as text", "$vectorize": 5},
        {"_id": "object as text", "$vectorize": {"a": 1}},
        {"_id": "too long", "$vector": [1, 2, 3]},
        {"_id": "too short", "$vector": big_endian(1)},
        {"_id": "zero", "$vector": [0, 0]},
        {"_id": "infinite", "$vector": [1e39, 1]},
        {"_id": "half a float", "$vector": "AAAA"},
        {"_id": "no numbers", "$vector": [1, "2"]},
        {"_id": "no vector", "$vector": {"$binary": "AAAA"}},
        {"_id": "dollar", "$set": {}},
        {"_id": "dot", "a": [{"b.c": 1}]},
        {"_id": "empty", "": 1},
        {"_id": "huge number", "a": 10**400},
        {"_id": "also good", "$vector": [1, 2]},
    )
    assert codes(inserted) == [
        None,
        *["VECTORIZE_AND_VECTOR"] * 3,
        *["INVALID_VECTORIZE_VALUE"] * 2,
        *["INVALID_VECTOR_LENGTH"] * 2,
        *["INVALID_VECTOR"] * 5,
        *["BAD_INPUT"] * 4,
        None,
    ]
    assert inserted["results"][6]["key"] == "too long"
    assert "3 components, and 2" in inserted["results"][6]["message"]
    assert set(await running.api.documents(collection_id)) == {"good", "also good"}
    assert running.openai.texts == [["a whale"]]


async def test_what_postgresql_cannot_store_fails_its_item(api: Api) -> None:
    collection_id = await api.local_collection()
    wrong: list[Any] = [
        {"a": "\0"},
        {"a\0": 1},
        {"a": {"b": ["\ud800"]}},
        {"\udfff": 1},
        {"_id": "a\0"},
        {"_id": "\ud83d"},
        {"$vectorize": "a\0b"},
        {"$vectorize": "\ud800"},
    ]
    inserted = await api.insert(collection_id, {"_id": "good", "a": "\U0001f600"}, *wrong, idempotencyKey=ONCE)
    assert codes(inserted) == [None] + ["BAD_INPUT"] * len(wrong)
    again = await api.insert(collection_id, {"_id": "good", "a": "\U0001f600"}, *wrong, idempotencyKey=ONCE)
    assert again == inserted
    assert list(await api.documents(collection_id)) == ["good"]


async def test_depth_and_size_of_a_document_are_bounded(api: Api) -> None:
    collection_id = await api.collection(await api.database())
    deep = [f'{{"a": {"[" * depth}{"]" * depth}}}' for depth in (99, 100, 950)]
    documents: list[Any] = [*deep, {"a": "x" * 4_000_000}, {"a": "x" * 3_999_992}]
    inserted = await api.insert(collection_id, *documents)
    assert codes(inserted) == [None, "BAD_INPUT", "BAD_INPUT", "LIMIT_EXCEEDED", None]
    assert "4000000 bytes" in inserted["results"][3]["message"]


async def test_numbers_are_read_back_as_they_were(api: Api) -> None:
    collection_id = await api.collection(await api.database())
    numbers = [0, -1, 0.1, 1e-300, 5e-324, 1.7976931348623157e308, 2**53 + 1, 2**64 - 1, -(2**63), True]
    await api.insert(collection_id, {"_id": 1, "numbers": numbers})
    [document] = (await api.documents(collection_id)).values()
    assert document["fields"]["numbers"] == numbers


async def test_text_without_an_integration_fails_alone(api: Api) -> None:
    collection_id = await by_hand(api)
    inserted = await api.insert(
        collection_id,
        {"_id": "text", "$vectorize": "a"},
        {"_id": "blank", "$vectorize": " "},
        {"_id": "v", "$vector": [1, 2]},
    )
    assert summary(inserted) == [
        ("text", "FAILED", "EMBEDDING_NOT_CONFIGURED"),
        ("blank", "INSERTED", None),
        ("v", "INSERTED", None),
    ]


async def test_a_collection_without_vectors_takes_neither_text_nor_vector(api: Api) -> None:
    collection_id = await api.collection(await api.database())
    inserted = await api.insert(
        collection_id,
        {"$vectorize": "a"},
        {"$vectorize": None},
        {"$vector": [1]},
        {"$vector": None},
        {"_id": 1, "a": 1},
    )
    assert codes(inserted) == ["VECTORS_NOT_ENABLED"] * 4 + [None]


@pytest.mark.parametrize("metric", ["EUCLIDEAN", "DOT_PRODUCT"])
async def test_a_zero_vector_has_a_place_but_for_cosine(api: Api, metric: str) -> None:
    collection_id = await by_hand(api, metric=metric)
    inserted = await api.insert(
        collection_id, {"_id": "zero", "$vector": [0, 0]}, {"_id": "large", "$vector": [3e38, 3e38]}
    )
    assert codes(inserted) == [None, None]
    assert (await api.documents(collection_id))["large"]["vector"] == [3e38, 3e38]


async def test_components_have_a_bound_where_the_index_is_in_half_precision(api: Api) -> None:
    collection_id = await by_hand(api, dimension=2001)
    rest = [1.0] * 2000
    inserted = await api.insert(
        collection_id, {"$vector": [65_504.0, *rest]}, {"$vector": [-65_505.0, *rest]}, {"$vector": [1e-9] * 2001}
    )
    assert codes(inserted) == [None, "INVALID_VECTOR", "INVALID_VECTOR"]
    beyond = await api.collection(await api.database("more"), dimension=4001)
    assert codes(await api.insert(beyond, {"$vector": [1e10] * 4001})) == [None]


# --- the provider ---
async def test_a_batch_is_one_request_with_each_distinct_text_once(running: Running) -> None:
    collection_id = await running.api.openai_collection()
    texts = ["a", "b", "a", " ", "b", "c", "a "]
    await running.api.insert(collection_id, *({"_id": n, "$vectorize": text} for n, text in enumerate(texts)))
    assert running.openai.texts == [["a", "b", "c", "a "]]
    documents = await running.api.documents(collection_id)
    assert documents[0]["vector"] == documents[2]["vector"] != documents[1]["vector"]


async def test_a_text_that_the_provider_refuses_fails_the_documents_that_have_it(running: Running) -> None:
    collection_id = await running.api.openai_collection()
    running.openai.refused_texts = {"forbidden"}
    texts = ["a", "forbidden", "b", "forbidden", "c"]
    inserted = await running.api.insert(
        collection_id, *({"_id": n, "$vectorize": text} for n, text in enumerate(texts))
    )
    refused = "EMBEDDING_PROVIDER_CLIENT_ERROR"
    assert summary(inserted) == [
        (0, "INSERTED", None),
        (1, "FAILED", refused),
        (2, "INSERTED", None),
        (3, "FAILED", refused),
        (4, "INSERTED", None),
    ]
    assert "One of the inputs cannot be embedded" in inserted["results"][1]["message"]
    assert set(await running.api.documents(collection_id)) == {0, 2, 4}
    alone = await running.api.insert(collection_id, {"_id": 9, "$vectorize": "forbidden"})
    assert summary(alone) == [(9, "FAILED", refused)]


async def test_a_provider_that_fails_fails_the_call_and_nothing_is_written(running: Running) -> None:
    collection_id = await running.api.openai_collection()
    documents = [{"_id": "text", "$vectorize": "a"}, {"_id": "bare"}]
    running.openai.keys = set()
    code, facts = await insert_refused(running.api, collection_id, documents, idempotencyKey=ONCE)
    assert (code, facts["family"], facts["httpStatus"]) == ("EMBEDDING_PROVIDER_CLIENT_ERROR", "PROVIDER", 401)
    assert await running.api.documents(collection_id) == {}

    running.openai.keys = {SECOND_KEY, "sk-first-0123456789"}
    assert (await running.api.insert(collection_id, *documents, idempotencyKey=ONCE))["insertedCount"] == 2


async def test_a_database_out_of_scope_refuses_text_and_takes_vectors(running: Running) -> None:
    api = running.api
    database_id = await api.database()
    credential = await api.credential(databases=(database_id,))
    embedding = {"provider": "openai", "credential": "main", "model": "text-embedding-3-small", "dimension": 2}
    collection_id = await api.collection(database_id, embedding=embedding)
    await api(DESCOPE, credential=credential, database=database_id)
    by_vector = {"_id": "v", "$vector": [1, 2]}
    code, facts = await insert_refused(api, collection_id, [{"$vectorize": "a"}, by_vector])
    assert (code, facts["database"], facts["credentialName"]) == ("DATABASE_NOT_IN_SCOPE", "library", "main")
    assert await api.documents(collection_id) == {}
    assert codes(await api.insert(collection_id, by_vector)) == [None]
    assert running.openai.received == []


# --- the call ---
async def test_a_call_takes_1_to_1000_documents(api: Api) -> None:
    collection_id = await api.collection(await api.database())
    for count, expected in ((0, ("BAD_INPUT", 1)), (1001, ("LIMIT_EXCEEDED", 1000))):
        code, facts = await insert_refused(api, collection_id, [{}] * count)
        assert (code, facts["limit"], facts["actual"]) == (*expected, count)
    assert await api.documents(collection_id) == {}
    assert (await api.insert(collection_id, *({"_id": n} for n in range(1000))))["insertedCount"] == 1000


async def test_who_may_not_write_is_told_before_what_is_wrong_and_after_what_is_not_there(running: Running) -> None:
    api = running.api
    collection_id = await api.collection(await api.database())
    async with await api.with_token("Read-Only User") as reader:
        code, facts = await insert_refused(reader, collection_id, [])
        assert (code, facts["permission"]) == ("PERMISSION_DENIED", "WRITE_DATA")
        for identifier in ("", "x", "é", collection_id[:-2], await api.database("more")):
            assert (await insert_refused(reader, identifier, []))[0] == "NOT_FOUND"
    assert await api.documents(collection_id) == {}


async def test_a_collection_that_is_dropped_while_its_texts_are_embedded_is_not_found(running: Running) -> None:
    collection_id = await running.api.openai_collection()
    running.openai.gate.clear()
    async with asyncio.TaskGroup() as group:
        call = group.create_task(insert_refused(running.api, collection_id, [{"$vectorize": "a"}]))
        await running.openai.until_in_flight(1)
        await running.api(DROP, id=collection_id)
        running.openai.gate.set()
    assert call.result()[0] == "NOT_FOUND"


async def test_an_answer_shows_the_stored_documents_and_echoes_the_client_s_id(api: Api) -> None:
    collection_id = await api.local_collection()
    answer = await api(
        """
        mutation I($id: ID!) {
          insertDocuments(input: {
            collectionId: $id, clientMutationId: "mine"
            documents: ["{\\"_id\\": 1, \\"$vectorize\\": \\"a whale\\", \\"a.b\\": 1}", {_id: 2, title: "Emma", tags: ["x", 1, null]}]
          }) {
            clientMutationId collection { id documentCount }
            results { id record { id key fields ... on Document { vectorize vector } } }
          }
        }""",
        id=collection_id,
    )
    payload = answer["insertDocuments"]
    assert payload["clientMutationId"] == "mine"
    assert payload["collection"] == {"id": collection_id, "documentCount": 1}
    wrong, good = payload["results"]
    assert wrong["record"] is None
    assert good["record"] == {
        "id": good["id"],
        "key": 2,
        "fields": {"_id": 2, "title": "Emma", "tags": ["x", 1, None]},
        "vectorize": None,
        "vector": None,
    }


async def test_the_audit_log_says_how_many_and_never_what(running: Running) -> None:
    collection_id = await running.api.collection(await running.api.database())
    await running.api.insert(collection_id, {"_id": 1, "a": "canary"}, {"_id": 1}, {"_id": True})
    [event] = await running.sql("select * from vectorgate.audit_event where action = 'insert_documents'")
    assert (event["outcome"], event["target_name"]) == ("done", "books")
    assert event["details"] == {"inserted": 1, "failed": 2}
    assert "canary" not in str(dict(event))
