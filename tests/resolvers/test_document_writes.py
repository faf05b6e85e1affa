"""Replacing and deleting documents over HTTP."""

from __future__ import annotations

import asyncio
import base64
from typing import Any

import pytest

from app import access
from app.access import Permission, Role
from tests.factory import DELETE, DOCUMENTS, REPLACE, Api, Running


@pytest.fixture
async def bare(api: Api) -> str:
    """A collection without vectors, with three documents."""
    collection_id = await api.collection(await api.database())
    await api.insert(collection_id, {"_id": "b", "n": 2}, {"_id": "a", "n": 1})
    await api.insert(collection_id, {"_id": "A", "n": 3, "nested": {"x": [1, None]}})
    return collection_id


async def refused(api: Api, document: str, **variables: Any) -> tuple[str, dict[str, Any]]:  # noqa: ANN401 - JSON
    """Code and facts of an operation that is refused for one reason."""
    refusal = await api.refusal(document, **variables)
    [code] = refusal.codes
    return code, refusal.facts


def document_id(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


# --- replacing ---
async def test_a_document_is_replaced_as_a_whole_and_embedded_anew(running: Running) -> None:
    api = running.api
    collection_id = await api.openai_collection(dimension=4)
    await api.insert(collection_id, {"_id": 1, "a": 1, "$vectorize": "a whale"})
    [before] = (await api.documents(collection_id)).values()
    replaced = await api.replace(collection_id, 1.0, {"_id": 1, "b": 2, "$vectorize": "a whale"})
    assert replaced["usage"]["totalTokens"] > 0
    assert running.openai.texts == [["a whale"], ["a whale"]]
    [after] = (await api.documents(collection_id)).values()
    assert replaced["document"] == {**after, "collection": {"name": "books"}}
    assert after["fields"] == {"_id": 1, "b": 2}
    assert (after["id"], after["createdAt"], after["vector"]) == (before["id"], before["createdAt"], before["vector"])
    assert after["updatedAt"] > before["updatedAt"]

    by_vector = await api.replace(collection_id, 1, {"$vector": [1, 2, 3, 4]})
    assert (by_vector["document"]["vectorize"], by_vector["document"]["vector"]) == (None, [1, 2, 3, 4])
    assert by_vector["usage"] is None
    neither = await api.replace(collection_id, 1, {})
    assert (neither["document"]["vectorize"], neither["document"]["vector"]) == (None, None)


async def test_what_is_not_there_is_not_found_before_anybody_is_asked_or_inserted_on_demand(running: Running) -> None:
    api = running.api
    collection_id = await api.openai_collection()
    given = {"collectionId": collection_id, "key": "new", "document": {"$vectorize": "a whale"}}
    assert (await refused(api, REPLACE, input=given))[0] == "NOT_FOUND"
    assert running.openai.received == []
    assert await api.documents(collection_id) == {}
    upserted = await api.replace(collection_id, "new", {"$vectorize": "a whale"}, upsert=True)
    assert upserted["document"]["key"] == "new"
    again = await api.replace(collection_id, "new", {"n": 2}, upsert=True)
    assert again["document"]["createdAt"] == upserted["document"]["createdAt"]
    assert (await api.documents(collection_id))["new"]["fields"] == {"_id": "new", "n": 2}


@pytest.mark.parametrize(
    ("key", "document", "code"),
    [
        (1, {"_id": 2}, "BAD_INPUT"),
        (1, {"_id": "1"}, "BAD_INPUT"),
        (1, {"_id": True}, "BAD_INPUT"),
        (True, {}, "BAD_INPUT"),
        ([], {}, "BAD_INPUT"),
        (None, {}, "BAD_INPUT"),
        (2**53, {}, "BAD_INPUT"),
        (10**400, {}, "BAD_INPUT"),
        ("\0", {}, "BAD_INPUT"),
        (1, {"$set": {}}, "BAD_INPUT"),
        (1, {"a": "\ud800"}, "BAD_INPUT"),
        (1, [], "BAD_INPUT"),
        (1, "[1]", "BAD_INPUT"),
        (1, {"a": "x" * 4_000_000}, "LIMIT_EXCEEDED"),
        (1, {"$vectorize": "a", "$vector": None}, "VECTORIZE_AND_VECTOR"),
        (1, {"$vectorize": 1}, "INVALID_VECTORIZE_VALUE"),
        (1, {"$vector": [1]}, "INVALID_VECTOR_LENGTH"),
        (1, {"$vector": [0] * 4}, "INVALID_VECTOR"),
        (1, {"$vectorize": "forbidden"}, "EMBEDDING_PROVIDER_CLIENT_ERROR"),
    ],
)
async def test_what_is_wrong_with_the_document_fails_the_call_and_changes_nothing(
    running: Running, key: object, document: object, code: str
) -> None:
    api = running.api
    collection_id = await api.openai_collection(dimension=4)
    await api.insert(collection_id, {"_id": 1, "$vectorize": "a whale"})
    before = await api.documents(collection_id)
    running.openai.refused_texts = {"forbidden"}
    for upsert in (False, True):
        given = {"collectionId": collection_id, "key": key, "document": document, "upsert": upsert}
        assert (await refused(api, REPLACE, input=given))[0] == code
    assert await api.documents(collection_id) == before


async def test_a_document_that_is_deleted_while_its_text_is_embedded_is_not_found(running: Running) -> None:
    api = running.api
    collection_id = await api.openai_collection()
    await api.insert(collection_id, {"_id": 1})
    given = {"collectionId": collection_id, "key": 1, "document": {"$vectorize": "a whale"}}
    running.openai.gate.clear()
    async with asyncio.TaskGroup() as group:
        call = group.create_task(refused(api, REPLACE, input=given))
        await running.openai.until_in_flight(1)
        await api.delete(collection_id, keys=[1])
        running.openai.gate.set()
    assert call.result()[0] == "NOT_FOUND"
    assert await api.documents(collection_id) == {}


async def test_who_may_write_and_not_read_is_answered_what_it_wrote(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    writes = Role("Writer", frozenset({Permission.WRITE_DATA}), "")
    monkeypatch.setitem(access.BUILT_IN, writes.name, writes)
    api = running.api
    collection_id = await api.collection(await api.database())
    async with await api.with_token("Writer") as writer:
        upserted = await writer.replace(collection_id, 1, {"a": 1}, upsert=True)
        assert upserted["document"]["fields"] == {"_id": 1, "a": 1}
        assert (await writer.insert(collection_id, {"_id": 2}))["insertedCount"] == 1
        assert (await writer.update(collection_id, {}, set={"a": 2}))["modifiedCount"] == 2
        assert (await refused(writer, DOCUMENTS, id=collection_id))[0] == "PERMISSION_DENIED"


# --- deleting ---
async def test_documents_are_deleted_by_exactly_one_of_filter_keys_and_ids(api: Api) -> None:
    collection_id = await api.collection(await api.database())
    inserted = await api.insert(collection_id, *({"_id": number, "n": number % 3} for number in range(12)))
    ids = [each["id"] for each in inserted["results"]]

    by_keys = await api.delete(collection_id, keys=[0, 1.0, 1, "2", 99])
    assert (by_keys["deletedCount"], sorted(by_keys["deletedIds"])) == (2, sorted(ids[:2]))
    assert by_keys["collection"] == {"name": "books", "documentCount": 10}
    by_ids = await api.delete(
        collection_id, ids=[ids[2], ids[2], ids[0], collection_id, "é", document_id("Document:x")]
    )
    assert (by_ids["deletedCount"], by_ids["deletedIds"]) == (1, [ids[2]])
    by_filter = await api.delete(collection_id, filter={"n": 0})
    assert (by_filter["deletedCount"], sorted(by_filter["deletedIds"])) == (3, sorted(ids[3::3]))
    assert set(await api.documents(collection_id)) == {4, 5, 7, 8, 10, 11}
    assert (await api.delete(collection_id, filter={}))["deletedCount"] == 6
    assert (await api.delete(collection_id, filter={}))["deletedIds"] == []


@pytest.mark.parametrize(
    ("which", "code"),
    [
        ({}, "BAD_INPUT"),
        ({"filter": None, "keys": None, "ids": None}, "BAD_INPUT"),
        ({"filter": {}, "keys": ["a"]}, "BAD_INPUT"),
        ({"filter": {}, "ids": []}, "BAD_INPUT"),
        ({"keys": ["a"], "ids": ["a"]}, "BAD_INPUT"),
        ({"keys": []}, "BAD_INPUT"),
        ({"ids": []}, "BAD_INPUT"),
        ({"keys": [None]}, "BAD_INPUT"),
        ({"keys": ["a", True]}, "BAD_INPUT"),
        ({"keys": ["a", {"$gt": ""}]}, "BAD_INPUT"),
        ({"keys": ["a", "\0"]}, "BAD_INPUT"),
        ({"keys": ["a", "\ud800"]}, "BAD_INPUT"),
        ({"keys": ["a", 10**400]}, "BAD_INPUT"),
        ({"keys": ["a"] * 1001}, "LIMIT_EXCEEDED"),
        ({"ids": ["a"] * 1001}, "LIMIT_EXCEEDED"),
        ({"filter": {"n": {"$regex": "x"}}}, "INVALID_FILTER"),
        ({"filter": {"$or": []}}, "INVALID_FILTER"),
        ({"filter": []}, "BAD_INPUT"),
    ],
)
async def test_a_deletion_that_says_not_what_deletes_nothing(
    api: Api, bare: str, which: dict[str, Any], code: str
) -> None:
    assert (await refused(api, DELETE, input={"collectionId": bare, **which}))[0] == code
    assert len(await api.documents(bare)) == 3


async def test_a_document_of_another_collection_is_not_deleted_by_its_id(api: Api) -> None:
    database_id = await api.database()
    here, there = await api.collection(database_id, "here"), await api.collection(database_id, "there")
    [result] = (await api.insert(there, {"_id": 1}))["results"]
    await api.insert(here, {"_id": 1})
    assert (await api.delete(here, ids=[result["id"]]))["deletedCount"] == 0
    assert [list(await api.documents(each)) for each in (here, there)] == [[1], [1]]


async def test_more_than_1000_deleted_documents_are_counted_and_not_named(api: Api) -> None:
    collection_id = await api.collection(await api.database())
    for part in range(3):
        await api.insert(collection_id, *({"_id": part * 1000 + number, "part": part} for number in range(1000)))
    named = await api.delete(collection_id, filter={"part": 0})
    assert (named["deletedCount"], len(named["deletedIds"])) == (1000, 1000)
    counted = await api.delete(collection_id, filter={})
    assert (counted["deletedCount"], counted["deletedIds"]) == (2000, None)


async def test_who_may_not_write_is_told_before_what_is_wrong(api: Api, bare: str) -> None:
    async with await api.with_token("Read-Only User") as reader:
        for mutation, more in ((DELETE, {}), (REPLACE, {"key": True, "document": {}})):
            code, facts = await refused(reader, mutation, input={"collectionId": bare, **more})
            assert (code, facts["permission"]) == ("PERMISSION_DENIED", "WRITE_DATA")
            assert (await refused(reader, mutation, input={"collectionId": "x", **more}))[0] == "NOT_FOUND"
    assert len(await api.documents(bare)) == 3
