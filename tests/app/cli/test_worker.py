"""`vectorgate worker`: works on jobs beside the servers, and a job outlives the process that works on it, however that ends."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from app.domain import collection_migration
from app.domain.worker import LEASE_SECONDS
from resolvers.node import local_id
from tests.app.cli.conftest import on
from tests.app.cli.support import Start, Vectorgate
from tests.app.domain.working import Resting
from tests.factory import Api, Run, Running
from tests.fakes.openai import OpenAIFake
from tests.patience import in_time, until
from tests.resolvers.documents import openai as configured
from tests.resolvers.jobs import ended, job, migrate

DOCUMENTS = 3_000
LARGE = configured(model="text-embedding-3-large", dimension=256)
TAKEN = '"event":"job_taken"'


@pytest.fixture
async def idle(run: Run, monkeypatch: pytest.MonkeyPatch) -> Running:
    """A server that works on no jobs."""
    monkeypatch.setattr("app.assembly.Worker", Resting)
    return await run()


async def started(start: Start, database_url: str, openai: OpenAIFake) -> Vectorgate:
    """A worker that waits for work."""
    settings = on(database_url) | {"PROVIDER_URLS": json.dumps({"openai": openai.url})}
    worker = await start("worker", **settings)
    await worker.err.until('"event":"working"')
    return worker


async def collection(api: Api, count: int) -> str:
    database_id = await api.database()
    await api.credential(databases=(database_id,))
    books = await api.collection(database_id, dimension=2)
    for first in range(0, count, 1000):
        last = min(first + 1000, count)
        await api.insert(books, *({"_id": n, "$vector": [1, n]} for n in range(first, last)))
    return books


async def with_texts(api: Api, count: int) -> str:
    """A collection with texts that were embedded with the local model, which nobody counts."""
    database_id = await api.database()
    await api.credential(databases=(database_id,))
    books = await api.collection(database_id, embedding={"provider": "local", "model": "wordllama-256"})
    for first in range(0, count, 1000):
        last = min(first + 1000, count)
        await api.insert(books, *({"_id": n, "$vectorize": f"text {n}"} for n in range(first, last)))
    return books


async def test_it_works_on_jobs_and_ends_with_0(
    start: Start, idle: Running, database_url: str, openai: OpenAIFake
) -> None:
    worker = await started(start, database_url, openai)
    books = await collection(idle.api, 10)
    identifier, newer = await migrate(idle.api, books)
    assert (await ended(idle.api, identifier))["status"] == "SUCCEEDED"
    assert len(await idle.api.documents(newer)) == 10
    left = await worker.stopped()
    assert (left.code, left.out) == (0, "")


async def test_a_stopped_worker_leaves_its_job_to_another_at_once(
    start: Start, idle: Running, database_url: str, openai: OpenAIFake
) -> None:
    books = await with_texts(idle.api, 3)
    openai.gate.clear()
    first = await started(start, database_url, openai)
    second = await started(start, database_url, openai)
    identifier, newer = await migrate(idle.api, books, embedding=LARGE)
    await openai.until_in_flight(1)
    at_work, other = (first, second) if TAKEN in first.err.text else (second, first)
    assert (await at_work.stopped()).code == 0
    assert (await job(idle.api, identifier))["status"] == "RUNNING"
    async with in_time(20):  # it looks by itself every 30 seconds
        await other.err.until(TAKEN)
    openai.gate.set()
    assert (await ended(idle.api, identifier))["status"] == "SUCCEEDED"
    assert set(await idle.api.documents(newer)) == {0, 1, 2}
    await other.stopped()


async def test_a_killed_worker_s_job_is_taken_over_and_nothing_is_embedded_twice_but_what_was_under_way(
    start: Start, idle: Running, database_url: str, openai: OpenAIFake
) -> None:
    books = await with_texts(idle.api, DOCUMENTS)
    first = await started(start, database_url, openai)
    identifier, newer = await migrate(idle.api, books, embedding=LARGE)

    async def half_done() -> bool:
        return bool((await job(idle.api, identifier))["processed"] >= DOCUMENTS / 4)

    await until(half_done)
    await first.kill()
    second = await started(start, database_url, openai)
    done = await ended(idle.api, identifier)
    assert (done["status"], done["total"], done["processed"], done["failed"]) == ("SUCCEEDED", DOCUMENTS, DOCUMENTS, 0)
    await second.err.until(TAKEN)
    taken = await idle.sql("select count(*) as number, count(vector) as vectors from " + await table(idle, newer))
    assert (taken[0]["number"], taken[0]["vectors"]) == (DOCUMENTS, DOCUMENTS)
    asked = Counter(text for texts in openai.texts for text in texts)
    assert len(asked) == DOCUMENTS
    twice = sum(number - 1 for number in asked.values())
    assert twice <= collection_migration.BATCH * (collection_migration.IN_FLIGHT + 1)
    assert LEASE_SECONDS <= 10
    await second.stopped()


async def table(running: Running, collection_id: str) -> str:
    """The table of a collection, as SQL has it."""
    name = f"c_{local_id('Collection', collection_id).hex}"
    (row,) = await running.sql("select schemaname from pg_tables where tablename = $1", name)
    return f"{row['schemaname']}.{name}"
