"""migrateCollection over HTTP: a new collection is filled from an old one, which stays in use and is left as it was (rules 20 and 21)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from app.domain import collection, collection_migration
from app.store import document, document_copy
from app.store.document import NewDocument
from resolvers.node import local_id
from tests.app.domain.working import system
from tests.factory import KEY, SECOND_KEY, Api, Run, Running, until_waiting
from tests.meanwhile import within
from tests.patience import until
from tests.resolvers.documents import DROP_COLLECTION, DROP_DATABASE, openai
from tests.resolvers.jobs import CANCEL, MIGRATE, ended, job, migrate

LARGE = {"provider": "openai", "credential": "main", "model": "text-embedding-3-large", "dimension": 256}
LOCAL = {"provider": "local", "model": "wordllama-256"}
NAME = "query N($id: ID!, $name: String!) { node(id: $id) { ... on Database { collection(name: $name) { id } } } }"
TRIGGERS = "select tgname from pg_trigger where tgname like 'j\\_%'"
LEFT = "select (select count(*) from vectorgate_region.capture) + (select count(*) from vectorgate_region.change) as number"


async def world(api: Api) -> tuple[str, str]:
    """A database, and a collection in it that embeds through OpenAI."""
    database_id = await api.database()
    await api.credential(databases=(database_id,))
    return database_id, await api.collection(database_id, embedding=openai())


def contents(documents: dict[Any, Any], *names: str) -> dict[Any, Any]:
    return {key: {name: each[name] for name in names} for key, each in documents.items()}


async def nothing_is_left(running: Running) -> bool:
    """Neither triggers nor notes of a migration."""
    return not await running.sql(TRIGGERS) and (await running.sql(LEFT))[0]["number"] == 0


async def test_texts_are_embedded_anew_and_the_old_collection_is_untouched(running: Running) -> None:
    api = running.api
    _, books = await world(api)
    await api.insert(books, *({"_id": n, "n": n, "$vectorize": f"text {n}"} for n in range(5)))
    await api.insert(books, {"_id": "mute"}, {"_id": "blank", "$vectorize": " "}, {"_id": "own", "$vector": [1.0] * 64})
    before = await api.documents(books)
    running.openai.received.clear()
    payload = (await api(MIGRATE, input={"collectionId": books, "name": "newer", "embedding": LARGE}))[
        "migrateCollection"
    ]
    assert payload["collection"] | {"id": ""} == {
        "id": "",
        "name": "newer",
        "dimension": 256,
        "metric": "COSINE",
        "embedding": {"model": "text-embedding-3-large", "dimension": 256},
    }
    begun = payload["job"]
    assert (begun["kind"], begun["status"], begun["targetName"], begun["column"]) == (
        "MIGRATE_COLLECTION",
        "QUEUED",
        "books",
        None,
    )
    assert (begun["target"], begun["result"]) == (
        {"id": books, "name": "books"},
        {"id": payload["collection"]["id"], "name": "newer"},
    )
    done = await ended(api, begun["id"])
    assert (done["status"], done["errorCode"], done["error"]) == ("SUCCEEDED", None, None)
    assert (done["total"], done["processed"], done["failed"]) == (8, 8, 3)
    newer = await api.documents(payload["collection"]["id"])
    same = ("key", "fields", "vectorize", "createdAt", "updatedAt")
    assert contents(newer, *same) == contents(before, *same)
    assert list(newer) == list(before)
    assert [len(each["vector"] or ()) for each in newer.values()] == [256] * 5 + [0] * 3
    assert await api.documents(books) == before
    assert [each.body["model"] for each in running.openai.received] == ["text-embedding-3-large"]
    assert sorted(running.openai.texts[0]) == [f"text {n}" for n in range(5)]
    await until(lambda: nothing_is_left(running))
    assert (await api.search(payload["collection"]["id"], query="text 3"))["edges"][0]["node"]["key"] == 3


async def test_equal_configurations_copy_vectors_and_ask_nobody(running: Running) -> None:
    api = running.api
    database_id, books = await world(api)
    await api.credential("second", key=SECOND_KEY, databases=(database_id,))
    await api.insert(books, {"_id": 1, "$vectorize": "a"}, {"_id": 2}, {"_id": 3, "$vector": [1.0] * 64})
    running.openai.received.clear()
    identifier, newer = await migrate(api, books, embedding=openai() | {"credential": "second"}, metric="EUCLIDEAN")
    done = await ended(api, identifier)
    assert (done["status"], done["total"], done["processed"], done["failed"]) == ("SUCCEEDED", 3, 3, 0)
    wanted = ("fields", "vectorize", "vector", "createdAt", "updatedAt")
    assert contents(await api.documents(newer), *wanted) == contents(await api.documents(books), *wanted)
    assert running.openai.received == []
    await api.search(newer, query="a")
    assert running.openai.received[-1].key == SECOND_KEY


async def test_without_an_embedding_vectors_are_copied_and_texts_dropped(running: Running) -> None:
    api = running.api
    _, books = await world(api)
    await api.insert(books, {"_id": 1, "$vectorize": "a"}, {"_id": 2, "n": 2})
    identifier, newer = await migrate(api, books)
    assert (await ended(api, identifier))["status"] == "SUCCEEDED"
    old, found = await api.documents(books), await api.documents(newer)
    assert found == {key: each | {"id": found[key]["id"], "vectorize": None} for key, each in old.items()}


async def test_vectors_that_the_new_metric_cannot_compare_stay_behind_and_are_counted(running: Running) -> None:
    api = running.api
    books = await api.collection(await api.database(), dimension=2, metric="EUCLIDEAN")
    await api.insert(books, {"_id": 1, "$vector": [0, 0]}, {"_id": 2, "$vector": [0, 1]}, {"_id": 3})
    identifier, newer = await migrate(api, books, metric="COSINE")
    done = await ended(api, identifier)
    assert (done["status"], done["processed"], done["failed"]) == ("SUCCEEDED", 3, 1)
    assert {key: each["vector"] for key, each in (await api.documents(newer)).items()} == {1: None, 2: [0, 1], 3: None}


async def test_a_collection_without_vectors_keeps_its_documents(running: Running) -> None:
    api = running.api
    books = await api.collection(await api.database())
    await api.insert(books, {"_id": 1, "n": {"m": [1]}})
    identifier, newer = await migrate(api, books)
    assert (await ended(api, identifier))["failed"] == 0
    assert contents(await api.documents(newer), "fields") == {1: {"fields": {"_id": 1, "n": {"m": [1]}}}}


async def test_a_text_that_the_provider_refuses_goes_without_a_vector_and_is_counted(running: Running) -> None:
    api = running.api
    _, books = await world(api)
    await api.insert(books, *({"_id": n, "$vectorize": f"text {n}"} for n in range(4)))
    running.openai.refused_texts = {"text 2"}
    identifier, newer = await migrate(api, books, embedding=LARGE)
    done = await ended(api, identifier)
    assert (done["status"], done["processed"], done["failed"]) == ("SUCCEEDED", 4, 1)
    found = await api.documents(newer)
    assert {key: (each["vectorize"], each["vector"] is None) for key, each in found.items()} == {
        n: (f"text {n}", n == 2) for n in range(4)
    }


async def test_the_new_collection_is_checked_as_any_other(running: Running) -> None:
    api = running.api
    database_id, books = await world(api)
    await api.collection(database_id, "taken")
    for given, code in (
        ({"name": "taken"}, "ALREADY_EXISTS"),
        ({"name": "books"}, "ALREADY_EXISTS"),
        ({"name": "no name"}, "BAD_INPUT"),
        ({"name": "a", "embedding": LARGE | {"dimension": 7}}, "UNSUPPORTED_VECTOR_DIMENSION"),
        ({"name": "a", "embedding": LARGE | {"credential": "none"}}, "CREDENTIAL_NOT_FOUND"),
        ({"name": "a", "embedding": LARGE | {"model": "none"}}, "MODEL_UNKNOWN"),
        ({"name": "a", "collectionId": database_id}, "NOT_FOUND"),
    ):
        refused = await api.refusal(MIGRATE, input={"collectionId": books, **given})
        assert refused.codes == [code], given
    assert await running.sql("select 1 from vectorgate.job") == []
    assert len(await running.sql("select 1 from vectorgate.target")) == 2


# --- while it is in use ---
async def test_what_is_written_to_the_old_one_meanwhile_is_in_the_new_one(running: Running) -> None:
    api = running.api
    _, books = await world(api)
    await api.insert(books, *({"_id": n, "n": n, "$vectorize": f"text {n}"} for n in range(6)))
    running.openai.gate.clear()
    identifier, newer = await migrate(api, books, embedding=LARGE)
    await running.openai.until_in_flight(1)
    await api.insert(books, {"_id": 1, "new": True}, {"_id": "late", "$vector": [1.0] * 64}, onConflict="REPLACE")
    await api.update(books, {"_id": 2}, set={"n": "two"})
    await api.replace(books, 3, {"$vector": [1.0] * 64})
    await api.delete(books, keys=[4])
    await api.delete(books, filter={"n": 5})
    assert (await job(api, identifier))["status"] == "RUNNING"
    running.openai.gate.set()
    done = await ended(api, identifier)
    assert (done["status"], done["total"], done["processed"], done["failed"]) == ("SUCCEEDED", 5, 5, 3)
    wanted = ("fields", "vectorize", "createdAt", "updatedAt")
    found = await api.documents(newer)
    assert contents(found, *wanted) == contents(await api.documents(books), *wanted)
    assert {key for key, each in found.items() if each["vector"]} == {0, 2}
    await until(lambda: nothing_is_left(running))
    await api.insert(books, {"_id": "after"})
    assert "after" not in await api.documents(newer)


async def test_an_unchanged_text_is_not_embedded_again(running: Running) -> None:
    api = running.api
    _, books = await world(api)
    await api.insert(books, {"_id": 1, "$vectorize": "same"}, {"_id": 2, "$vectorize": "first"})
    running.openai.received.clear()
    running.openai.gate.clear()
    identifier, newer = await migrate(api, books, embedding=LARGE)
    await running.openai.until_in_flight(1)
    await api.update(books, {"_id": 1}, set={"n": 1})
    running.openai.gate.set()
    assert (await ended(api, identifier))["status"] == "SUCCEEDED"
    assert [sorted(texts) for texts in running.openai.texts] == [["first", "same"]]
    assert (await api.documents(newer))[1]["fields"] == {"_id": 1, "n": 1}


async def test_writers_who_never_pause_lose_nothing(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collection_migration, "BATCH", 7)
    api = running.api
    books = await api.collection(await api.database(), dimension=2)
    await api.insert(books, *({"_id": n, "$vector": [1, n]} for n in range(200)))
    over = asyncio.Event()

    async def write(writer: int) -> int:
        turns = 0
        while not over.is_set():
            await api.insert(books, {"_id": f"{writer} {turns}", "$vector": [writer, 1]})
            await api.update(books, {"_id": (writer * 50 + turns) % 200}, set={"turn": turns})
            await api.delete(books, keys=[f"{writer} {turns - 3}", 199 - turns % 100])
            turns += 1
        return turns

    writers = [asyncio.create_task(write(number)) for number in range(4)]
    identifier, newer = await migrate(api, books)
    done = await ended(api, identifier)
    seen = await api.documents(newer)
    over.set()
    await asyncio.gather(*writers)
    assert done["status"] == "SUCCEEDED"
    await until(lambda: nothing_is_left(running))
    wanted = ("fields", "updatedAt")
    later = await api.documents(books)
    # What both have is the same, or was changed after the job had ended: then it is older in the new one.
    for key, each in seen.items():
        assert key not in later or later[key]["updatedAt"] >= each["updatedAt"]
    finished = done["finishedAt"]
    unchanged = {key: each for key, each in later.items() if each["updatedAt"] < finished}
    assert contents({key: seen[key] for key in unchanged}, *wanted) == contents(unchanged, *wanted)


async def test_it_does_not_follow_writers_who_always_add_behind_the_last_key(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    api, looks = running.api, 0
    books = await api.collection(await api.database(), dimension=2)
    await api.insert(books, {"_id": "00", "$vector": [1, 1]})

    @asynccontextmanager
    async def with_one_more() -> AsyncIterator[None]:
        nonlocal looks
        looks += 1
        if looks < 50:
            await api.insert(books, {"_id": f"{looks:02}", "$vector": [1, 1]})
        yield

    monkeypatch.setattr(document_copy, "stretch", within(with_one_more, document_copy.stretch))
    identifier, newer = await migrate(api, books)
    assert (await ended(api, identifier))["status"] == "SUCCEEDED"
    assert looks == 2
    assert set(await api.documents(newer)) == {"00", "01", "02"}


async def test_a_write_that_is_under_way_is_waited_for(running: Running) -> None:
    api = running.api
    _, books = await world(api)
    await api.insert(books, {"_id": 1, "$vectorize": "a"})
    running.openai.gate.clear()
    identifier, newer = await migrate(api, books, embedding=LARGE)
    await running.openai.until_in_flight(1)
    home = await collection.find(running.gateway, await system(running), local_id("Collection", books))
    async with running.gateway.postgres.region("local").transaction() as connection:
        await document.insert(connection, home, [NewDocument("2", {}, None, None)], replace=False)
        running.openai.gate.set()
        async with running.gateway.postgres.catalogue.connection() as looking:
            await until_waiting(looking, 1)
        assert (await job(api, identifier))["status"] == "RUNNING"
    done = await ended(api, identifier)
    assert (done["status"], done["total"], done["processed"], done["failed"]) == ("SUCCEEDED", 2, 2, 1)
    assert set(await api.documents(newer)) == {1, 2}


async def test_one_connection_is_enough(run: Run) -> None:
    running = await run(pool_size=1)
    _, books = await world(running.api)
    await running.api.insert(books, *({"_id": n, "$vectorize": f"text {n}"} for n in range(600)))
    identifier, newer = await migrate(running.api, books, embedding=LARGE)
    done = await ended(running.api, identifier)
    assert (done["status"], done["processed"], done["failed"]) == ("SUCCEEDED", 600, 0)
    assert len(await running.api.documents(newer)) == 500


async def test_two_migrations_of_one_collection_go_side_by_side(running: Running) -> None:
    api = running.api
    _, books = await world(api)
    await api.insert(books, {"_id": 1, "$vectorize": "a"})
    running.openai.gate.clear()
    first, one = await migrate(api, books, "one", embedding=LARGE)
    second, two = await migrate(api, books, "two", embedding=LOCAL)
    await running.openai.until_in_flight(1)
    await api.insert(books, {"_id": 2})
    assert (await ended(api, second))["status"] == "SUCCEEDED"
    await api.insert(books, {"_id": 3})
    running.openai.gate.set()
    assert (await ended(api, first))["status"] == "SUCCEEDED"
    assert (set(await api.documents(one)), set(await api.documents(two))) == ({1, 2, 3}, {1, 2})
    await until(lambda: nothing_is_left(running))


# --- ends that are no success ---
async def gone(api: Api, database_id: str, name: str = "newer") -> bool:
    return (await api(NAME, id=database_id, name=name))["node"]["collection"] is None


async def test_a_cancelled_migration_leaves_the_old_one_as_it_was_and_the_name_free(running: Running) -> None:
    api = running.api
    database_id, books = await world(api)
    await api.insert(books, {"_id": 1, "$vectorize": "a"})
    before = await api.documents(books)
    running.openai.gate.clear()
    identifier, newer = await migrate(api, books, embedding=LARGE)
    await running.openai.until_in_flight(1)
    cancelled = (await api(CANCEL, input={"jobId": identifier, "clientMutationId": "c"}))["cancelJob"]
    assert (cancelled["clientMutationId"], cancelled["job"]["status"]) == ("c", "CANCELLED")
    await until(lambda: gone(api, database_id))
    await until(lambda: nothing_is_left(running))
    assert await api.documents(books) == before
    again = (await api(CANCEL, input={"jobId": identifier}))["cancelJob"]["job"]
    assert (again["status"], again["result"], again["target"]["id"]) == ("CANCELLED", None, books)
    running.openai.gate.set()
    identifier, newer = await migrate(api, books, embedding=LARGE)
    assert (await ended(api, identifier))["status"] == "SUCCEEDED"
    refused = await api.refusal(CANCEL, input={"jobId": identifier})
    assert refused.codes == ["BAD_INPUT"]
    assert "SUCCEEDED" in refused.errors[0]["message"]
    assert set(await api.documents(newer)) == {1}


async def test_a_provider_that_refuses_for_good_fails_the_job_with_its_code(running: Running) -> None:
    api = running.api
    database_id, books = await world(api)
    await api.insert(books, {"_id": 1, "$vectorize": "a"})
    running.openai.keys.clear()
    identifier, _ = await migrate(api, books, embedding=LARGE)
    failed = await ended(api, identifier)
    assert (failed["status"], failed["errorCode"]) == ("FAILED", "EMBEDDING_PROVIDER_CLIENT_ERROR")
    assert KEY not in str(failed)
    await until(lambda: gone(api, database_id))
    await until(lambda: nothing_is_left(running))


async def test_what_is_dropped_takes_its_migrations_with_it(running: Running) -> None:
    api = running.api
    database_id, books = await world(api)
    await api.insert(books, {"_id": 1, "$vectorize": "a"})
    running.openai.gate.clear()
    first, one = await migrate(api, books, "one", embedding=LARGE)
    await api(DROP_COLLECTION, id=one, name="one")
    second, _ = await migrate(api, books, "two", embedding=LARGE)
    await api(DROP_COLLECTION, id=books, name="books")
    for identifier in (first, second):
        ended_job = await job(api, identifier)
        assert (ended_job["status"], ended_job["errorCode"]) == ("CANCELLED", None)
    await until(lambda: gone(api, database_id, "two"))
    others = await api.collection(database_id, "others", embedding=openai())
    running.openai.gate.set()
    await api.insert(others, {"_id": 1, "$vectorize": "a"})
    running.openai.gate.clear()
    third, _ = await migrate(api, others, "three", embedding=LARGE)
    await api(DROP_DATABASE, id=database_id, name="library")
    assert (await job(api, third))["status"] == "CANCELLED"
    await until(lambda: nothing_is_left(running))
    running.openai.gate.set()
