"""Jobs over HTTP: listed, read again, cancelled by who may, and followed over both transports while another replica works on them."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest

from app import notification
from app.domain import job as job_rules
from app.errors import DatabaseUnavailable
from app.notification import Topic
from app.store import job as job_store
from app.store.record import Job
from resolvers.node import global_id
from tests.factory import CREATE_TOKEN, Api, Run, Running
from tests.patience import in_time, until
from tests.resolvers.documents import NODE, REVOKE
from tests.resolvers.jobs import CANCEL, JOBS, MIGRATE, ended, migrate
from tests.resolvers.test_collection_migration import LARGE, world
from tests.socket_client import socket

PROGRESS = "subscription P($id: ID!) { jobProgress(jobId: $id) { id status total processed failed } }"
STREAM = "/graphql/stream"


@pytest.fixture(autouse=True)
def impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notification, "RETRY_SECONDS", 0.05)
    monkeypatch.setattr(job_rules, "AGAIN_SECONDS", 0.01)


async def jobs(api: Api, **arguments: object) -> Any:  # noqa: ANN401 - JSON
    return (await api(JOBS, **arguments))["organization"]["jobs"]


async def everything_is_cleared_away(running: Running) -> bool:
    """No job has anything left to be done by a worker."""
    return not await running.sql("select 1 from vectorgate.job where finished_at is null or unclean")


# --- lists ---
async def test_jobs_are_listed_newest_first_by_status_and_in_pages(api: Api) -> None:
    books = await api.collection(await api.database())
    ids = [(await migrate(api, books, f"copy_{number}"))[0] for number in range(3)]
    for each in ids:
        await ended(api, each)
    found = await jobs(api)
    assert ([each["id"] for each in found["nodes"]], found["totalCount"]) == (ids[::-1], 3)
    first = await jobs(api, first=2)
    rest = await jobs(api, first=2, after=first["pageInfo"]["endCursor"])
    assert [each["id"] for each in first["nodes"] + rest["nodes"]] == ids[::-1]
    assert (first["pageInfo"]["hasNextPage"], rest["pageInfo"]["hasNextPage"]) == (True, False)
    assert (await jobs(api, status="SUCCEEDED"))["totalCount"] == 3
    assert await jobs(api, status="FAILED") == {
        "totalCount": 0,
        "nodes": [],
        "pageInfo": {"hasNextPage": False, "endCursor": None},
    }
    for wrong in ({"first": 0}, {"first": 501}, {"after": "nonsense"}):
        assert (await api.refusal(JOBS, **wrong)).codes == ["BAD_INPUT"]


async def test_whoever_sees_the_database_sees_its_jobs_and_nobody_else(running: Running) -> None:
    api = running.api
    library, hidden = await api.database("library"), await api.database("hidden")
    here, _ = await migrate(api, await api.collection(library), "copy")
    there, _ = await migrate(api, await api.collection(hidden), "copy")
    async with (
        await api.with_token("Read-Only User", databaseIds=[library]) as limited,
        await running.other_organization() as other,
    ):
        assert [each["id"] for each in (await jobs(limited))["nodes"]] == [here]
        assert (await jobs(limited))["totalCount"] == 1
        assert (await limited(NODE, id=there))["node"] is None
        assert (await jobs(other))["totalCount"] == 0
        assert (await other(NODE, id=here))["node"] is None
    assert [each["id"] for each in (await jobs(api))["nodes"]] == [there, here]


async def test_a_page_of_jobs_takes_one_statement_and_one_a_level_for_what_they_are_about(running: Running) -> None:
    api = running.api
    books = await api.collection(await api.database())
    for number in range(4):
        await ended(api, (await migrate(api, books, f"copy_{number}"))[0])
    await until(lambda: everything_is_cleared_away(running))
    asked = "{ organization { jobs { nodes { kind status } } } }"
    assert len(await running.statements_of(asked)) == 1
    asked = "{ organization { jobs { nodes { target { name } result { name } } } } }"
    assert len(await running.statements_of(asked)) == 2


# --- cancelling ---
async def test_cancelling_needs_what_starting_the_job_needs(running: Running) -> None:
    api = running.api
    _, books = await world(api)
    await api.insert(books, {"_id": 1, "$vectorize": "a"})
    running.openai.gate.clear()
    identifier, _ = await migrate(api, books, embedding=LARGE)
    for role, permission in (("Read-Only User", "WRITE_DATA"), ("Read/Write User", "CREATE_COLLECTION")):
        async with await api.with_token(role, expiresAt=f"2100-01-0{len(role) % 9 + 1}T00:00:00Z") as client:
            refused = await client.refusal(CANCEL, input={"jobId": identifier})
            assert (refused.codes, refused.facts["permission"]) == (["PERMISSION_DENIED"], permission)
            assert (await client.refusal(MIGRATE, input={"collectionId": books, "name": "a"})).codes == [
                "PERMISSION_DENIED"
            ]
    assert (await jobs(api))["nodes"][0]["status"] in ("QUEUED", "RUNNING")
    async with await api.with_token("Database Administrator") as administrator:
        cancelled = await administrator(CANCEL, input={"jobId": identifier})
    assert cancelled["cancelJob"]["job"]["status"] == "CANCELLED"
    for unknown in (global_id("Job", uuid4()), books, "nonsense"):
        assert (await api.refusal(CANCEL, input={"jobId": unknown})).codes == ["NOT_FOUND"]
    running.openai.gate.set()


# --- following ---
@pytest.fixture
async def held(run: Run) -> AsyncIterator[tuple[Running, Running, str]]:
    """Two replicas, and a job that has begun on one of them and waits for its provider."""
    here, there = await run(), await run()
    _, books = await world(here.api)
    await here.api.insert(books, *({"_id": number, "$vectorize": f"text {number}"} for number in range(3)))
    here.openai.gate.clear()
    identifier, _ = await migrate(here.api, books, embedding=LARGE)
    await here.openai.until_in_flight(1)
    yield here, there, identifier
    here.openai.gate.set()


def followers(running: Running) -> int:
    readers = running.gateway.hub._readers.items()
    return sum(len(flags) for (topic, _), flags in readers if topic == Topic.JOB)


async def nobody_follows(*replicas: Running) -> bool:
    return not any(followers(each) for each in replicas)


async def test_progress_is_told_on_every_replica_over_both_transports_until_the_end(
    held: tuple[Running, Running, str],
) -> None:
    here, there, identifier = held
    body = {"query": PROGRESS, "variables": {"id": identifier}}
    async with socket(here.url) as client, there.api.http.stream("POST", STREAM, json=body) as response:
        await client.init()
        await client.ask("1", PROGRESS, id=identifier)
        first = (await client.next_of("1"))["jobProgress"]
        assert first == {"id": identifier, "status": "RUNNING", "total": 3, "processed": 0, "failed": 0}
        here.openai.gate.set()
        seen = [first]
        while (message := await client.heard())["type"] == "next":
            seen.append(message["payload"]["data"]["jobProgress"])
        assert message == {"type": "complete", "id": "1"}
        text = "".join([chunk async for chunk in response.aiter_text()])
    done = {"id": identifier, "status": "SUCCEEDED", "total": 3, "processed": 3, "failed": 0}
    assert seen[-1] == done
    processed = [each["processed"] for each in seen]
    assert processed == sorted(processed)
    told = [json.loads(line.removeprefix("data:")) for line in text.splitlines() if line.startswith("data: {")]
    assert (told[0]["data"]["jobProgress"], told[-1]["data"]["jobProgress"]) == (first, done)
    assert text.endswith("event: complete\ndata: \n\n")
    await until(lambda: nobody_follows(here, there))


async def test_a_job_that_has_ended_is_told_once(running: Running) -> None:
    books = await running.api.collection(await running.api.database())
    identifier, _ = await migrate(running.api, books)
    await ended(running.api, identifier)
    async with socket(running.url) as client:
        await client.init()
        await client.ask("1", PROGRESS, id=identifier)
        assert (await client.next_of("1"))["jobProgress"]["status"] == "SUCCEEDED"
        await client.completed("1")


async def test_a_job_that_cannot_be_seen_is_not_found(held: tuple[Running, Running, str]) -> None:
    here, there, identifier = held
    async with await here.other_organization() as other, socket(there.url) as client:
        await client.init(other.http.headers["authorization"].removeprefix("Bearer "))
        for wrong in (identifier, global_id("Job", uuid4()), "nonsense"):
            await client.ask("1", PROGRESS, id=wrong)
            assert (await client.refused("1"))["extensions"]["code"] == "NOT_FOUND"


async def test_following_ends_when_the_token_is_revoked(held: tuple[Running, Running, str]) -> None:
    here, there, identifier = held
    made = (await here.api(CREATE_TOKEN, input={"name": "short", "roles": ["Read-Only User"]}))["createAccessToken"]
    async with socket(there.url) as client:
        await client.init(made["secret"])
        await client.ask("1", PROGRESS, id=identifier)
        await client.next_of("1")
        await here.api(REVOKE, id=made["accessToken"]["id"])
        assert (await client.closed())[0] == 4403
    await until(lambda: nobody_follows(here, there))


async def test_following_outlives_a_database_that_is_away(
    held: tuple[Running, Running, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there, identifier = held
    refusals = 0

    async def away(*arguments: Any) -> list[Job]:  # noqa: ANN401 - of the function in whose place it is
        nonlocal refusals
        refusals += 1
        if refusals < 3:
            raise DatabaseUnavailable("The cluster cannot be reached.")
        monkeypatch.undo()
        return await job_store.by_ids(*arguments)

    async with socket(there.url) as client:
        await client.init()
        await client.ask("1", PROGRESS, id=identifier)
        await client.next_of("1")
        monkeypatch.setattr(job_store, "by_ids", away)
        here.openai.gate.set()
        async with in_time():
            while (await client.heard())["type"] == "next":
                pass
    assert refusals >= 3
