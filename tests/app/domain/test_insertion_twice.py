"""Inserting what is there already, or at the same time, or again: keys that are taken, and calls that come twice."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.app.domain.inserting import codes, insert_refused, summary
from tests.factory import Api, Running

ONCE = "one-call-of-sixteen"


# --- keys that are taken ---
@pytest.mark.parametrize(
    ("on_conflict", "old", "double", "fields", "embedded"),
    [
        (
            "FAIL",
            ("FAILED", "ALREADY_EXISTS"),
            ["INSERTED", "FAILED"],
            {"old": 0, "new": 1, "double": 2},
            ["one", "two"],
        ),
        ("SKIP", ("SKIPPED", None), ["INSERTED", "SKIPPED"], {"old": 0, "new": 1, "double": 2}, ["one", "two"]),
        (
            "REPLACE",
            ("REPLACED", None),
            ["SKIPPED", "INSERTED"],
            {"old": 9, "new": 1, "double": 3},
            ["nine", "one", "three"],
        ),
    ],
)
async def test_what_happens_to_a_key_that_is_taken(
    running: Running,
    on_conflict: str,
    old: tuple[str, str | None],
    double: list[str],
    fields: dict[str, int],
    embedded: list[str],
) -> None:
    api = running.api
    collection_id = await api.openai_collection()
    await api.insert(collection_id, {"_id": "old", "n": 0, "$vectorize": "zero"})
    running.openai.received.clear()
    inserted = await api.insert(
        collection_id,
        {"_id": "old", "n": 9, "$vectorize": "nine"},
        {"_id": "new", "n": 1, "$vectorize": "one"},
        {"_id": "double", "n": 2, "$vectorize": "two"},
        {"_id": "double", "n": 3, "$vectorize": "three"},
        onConflict=on_conflict,
    )
    results = summary(inserted)
    assert results[0] == ("old", *old)
    assert [status for _, status, _ in results[1:]] == ["INSERTED", *double]
    assert {key: each["fields"]["n"] for key, each in (await api.documents(collection_id)).items()} == fields
    assert running.openai.texts == [embedded]


async def test_nothing_is_asked_where_every_key_is_taken(running: Running) -> None:
    collection_id = await running.api.openai_collection()
    document = {"_id": "it", "$vectorize": "a"}
    await running.api.insert(collection_id, document)
    running.openai.received.clear()
    for on_conflict in ("FAIL", "SKIP"):
        inserted = await running.api.insert(collection_id, document, onConflict=on_conflict)
        assert (inserted["insertedCount"], inserted["usage"]) == (0, None)
    assert running.openai.received == []


@pytest.mark.parametrize(("on_conflict", "loser"), [("FAIL", "FAILED"), ("SKIP", "SKIPPED"), ("REPLACE", "REPLACED")])
async def test_of_two_inserts_at_once_one_finds_the_key_taken(running: Running, on_conflict: str, loser: str) -> None:
    collection_id = await running.api.openai_collection()
    running.openai.gate.clear()
    async with asyncio.TaskGroup() as group:
        calls = [
            group.create_task(
                running.api.insert(
                    collection_id, {"_id": "it", "$vectorize": text}, {"_id": text}, onConflict=on_conflict
                )
            )
            for text in ("one", "other")
        ]
        await running.openai.until_in_flight(2)
        running.openai.gate.set()
    statuses = sorted(call.result()["results"][0]["status"] for call in calls)
    assert statuses == sorted(["INSERTED", loser])
    assert set(await running.api.documents(collection_id)) == {"it", "one", "other"}


# --- calls that come twice ---
async def test_a_repeated_call_is_answered_with_its_first_outcome(running: Running) -> None:
    api = running.api
    collection_id = await api.openai_collection(dimension=2)
    documents: list[Any] = [{"$vectorize": "a"}, {"_id": "it"}, {"_id": "wrong", "$vector": [1]}, {"_id": "it"}]
    first = await api.insert(collection_id, *documents, idempotencyKey=ONCE)
    assert codes(first) == [None, None, "INVALID_VECTOR_LENGTH", "ALREADY_EXISTS"]
    await api.delete(collection_id, keys=["it"])
    assert await api.insert(collection_id, *documents, idempotencyKey=ONCE) == first
    assert len(await api.documents(collection_id)) == 1
    assert running.openai.texts == [["a"]]


async def test_an_idempotency_key_belongs_to_one_input_and_one_token(api: Api) -> None:
    collection_id = await api.collection(await api.database())
    await api.insert(collection_id, {"a": 1}, idempotencyKey=ONCE)
    for documents, more in (([{"a": 2}], {}), ([{"a": 1}], {"onConflict": "SKIP"}), ([{"a": 1}, {"a": 1}], {})):
        code, _ = await insert_refused(api, collection_id, documents, idempotencyKey=ONCE, **more)
        assert code == "BAD_INPUT"
    assert len(await api.documents(collection_id)) == 1
    async with await api.with_token("Read/Write User") as other:
        await other.insert(collection_id, {"a": 1}, idempotencyKey=ONCE)
    await api.insert(collection_id, {"a": 1}, idempotencyKey=ONCE + "2")
    assert len(await api.documents(collection_id)) == 3


@pytest.mark.parametrize("key", ["x" * 15, "x" * 256, "", "x" * 15 + "\0"])
async def test_an_idempotency_key_has_16_to_255_characters(api: Api, key: str) -> None:
    collection_id = await api.collection(await api.database())
    code, _ = await insert_refused(api, collection_id, [{}], idempotencyKey=key)
    assert code == "BAD_INPUT"
    assert await api.documents(collection_id) == {}
    await api.insert(collection_id, {}, idempotencyKey="x" * 16)
    await api.insert(collection_id, {}, idempotencyKey="é" * 255)


async def test_repeats_at_the_same_time_write_once(running: Running) -> None:
    collection_id = await running.api.openai_collection()
    running.openai.gate.clear()
    async with asyncio.TaskGroup() as group:
        calls = [
            group.create_task(running.api.insert(collection_id, {"$vectorize": "a"}, {}, idempotencyKey=ONCE))
            for _ in range(3)
        ]
        await running.openai.until_in_flight(3)
        running.openai.gate.set()
    first, *others = [call.result() for call in calls]
    assert [each["results"] for each in others] == [first["results"]] * 2
    assert set(await running.api.documents(collection_id)) == {each["key"] for each in first["results"]}
