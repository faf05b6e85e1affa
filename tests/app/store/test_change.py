"""Changes of a collection that a job reads from: noted with the write, refused while it is closed, and told apart by attempt."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from app.access import Actor
from app.domain import collection, usage
from app.postgres import Cluster, Connection
from app.store import change, document
from app.store import usage as usage_store
from app.store.change import ClosedError, closing_is_told
from app.store.document import NewDocument
from app.store.record import Collection, Job
from resolvers.node import local_id
from tests.app.domain.working import Resting, begun, system
from tests.factory import Running, until_waiting
from tests.patience import until

LONG = timedelta(hours=1)
NOTED = "select key from vectorgate_region.change order by id"


@pytest.fixture(autouse=True)
def nobody_works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.assembly.Worker", Resting)


@pytest.fixture
async def watched(running: Running) -> tuple[Cluster, Collection, Job]:
    """A collection with the documents 1 and 2 whose changes are noted for a job."""
    identifier = await running.api.collection(await running.api.database())
    await running.api.insert(identifier, {"_id": 1}, {"_id": 2})
    actor: Actor = await system(running)
    home = await collection.find(running.gateway, actor, local_id("Collection", identifier))
    job = replace(await begun(running, identifier), attempt=1)
    cluster = running.gateway.postgres.region(home.region)
    async with cluster.transaction() as connection:
        assert await change.begin(connection, job, home)
    return cluster, home, job


async def put(connection: Connection, home: Collection, key: str) -> None:
    with closing_is_told():
        await document.insert(connection, home, [NewDocument(key, {}, None, None)], replace=True)


async def closed(cluster: Cluster, job: Job, length: timedelta = LONG) -> bool:
    async with cluster.connection() as connection:
        return await change.close(connection, job, length)


async def test_every_kind_of_write_notes_its_keys(watched: tuple[Cluster, Collection, Job]) -> None:
    cluster, home, job = watched
    async with cluster.transaction() as connection:
        await put(connection, home, "3")
        await put(connection, home, "1")
        await document.delete(connection, home, given=None, keys=["2", "9"], most_keys=0)
        assert await change.batch(connection, job, 2) == ([1, 2], ["3", "1"])
    async with cluster.connection() as connection:
        numbers, keys = await change.batch(connection, job, 100)
        assert sorted(set(keys)) == ["1", "2", "3"]
        await change.forget(connection, numbers)
        assert await change.batch(connection, job, 100) == ([], [])


async def test_what_is_undone_is_not_noted(running: Running, watched: tuple[Cluster, Collection, Job]) -> None:
    cluster, home, _ = watched

    async def undone() -> None:
        async with cluster.transaction() as connection:
            await put(connection, home, "3")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await undone()
    assert await running.sql(NOTED) == []


async def test_writes_are_refused_while_it_is_closed_and_let_through_then(
    running: Running, watched: tuple[Cluster, Collection, Job]
) -> None:
    cluster, home, job = watched
    assert await closed(cluster, job)
    with pytest.raises(ClosedError):
        async with cluster.transaction() as connection:
            await put(connection, home, "3")
    async with cluster.connection() as connection:
        await change.open_again(connection, job)
    async with cluster.transaction() as connection:
        await put(connection, home, "3")
    assert await closed(cluster, job, timedelta(seconds=-1))  # it opens by itself when the time is over
    async with cluster.transaction() as connection:
        await put(connection, home, "4")
    assert [row["key"] for row in await running.sql(NOTED)] == ["3", "4"]


async def test_a_write_through_the_gateway_waits_until_it_is_open_and_has_spent_once(
    running: Running, watched: tuple[Cluster, Collection, Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster, home, job = watched
    monkeypatch.setattr(usage, "CLOSED_SECONDS", 0.01)
    attempts: list[None] = []
    recorded: list[object] = []

    async def work(connection: Connection) -> str:
        attempts.append(None)
        await put(connection, home, "3")
        return "done"

    async def record(_: Connection, spent: object) -> None:
        recorded.append(spent)

    monkeypatch.setattr(usage_store, "record", record)
    await closed(cluster, job)
    spent: list[object] = ["spent"]
    writing = asyncio.create_task(usage.write(running.gateway, home.region, spent, work))  # type: ignore[arg-type] # anything will do
    await until(lambda: len(attempts) >= 3)
    assert not writing.done()
    async with cluster.connection() as connection:
        await change.open_again(connection, job)
    assert await writing == "done"
    assert recorded == ["spent"]


async def test_the_end_waits_for_writes_that_are_under_way_and_holds_up_the_next(
    watched: tuple[Cluster, Collection, Job],
) -> None:
    cluster, home, job = watched
    ending = asyncio.Event()

    async def end() -> bool:
        async with cluster.transaction() as connection:
            await change.wait_for_writes(connection, job)
            over = await change.is_over(connection, job)
            await ending.wait()
            return over

    async def write() -> None:
        async with cluster.transaction() as connection:
            await put(connection, home, "4")

    async with cluster.transaction() as connection, cluster.connection() as looking:
        await put(connection, home, "3")
        await closed(cluster, job)
        waiting = asyncio.create_task(end())
        await until_waiting(looking, 1)
    late = asyncio.create_task(write())
    async with cluster.connection() as looking:
        await until_waiting(looking, 1)
    ending.set()
    assert not await waiting, "a change is left that was not taken over"
    with pytest.raises(ClosedError):
        await late


async def test_it_is_over_when_it_is_closed_and_nothing_is_left(watched: tuple[Cluster, Collection, Job]) -> None:
    cluster, _, job = watched
    async with cluster.connection() as connection:
        assert not await change.is_over(connection, job)
        await change.close(connection, job, LONG)
        assert await change.is_over(connection, job)
        assert not await change.is_over(connection, replace(job, attempt=2))
        await change.close(connection, job, timedelta(0))
        assert not await change.is_over(connection, job)


async def test_a_later_attempt_takes_it_from_an_earlier_one(watched: tuple[Cluster, Collection, Job]) -> None:
    cluster, home, job = watched
    later = replace(job, attempt=2)
    async with cluster.transaction() as connection:
        await put(connection, home, "3")
        assert await change.hold(connection, job)
    async with cluster.transaction() as connection:
        assert await change.begin(connection, later, home)
    async with cluster.transaction() as connection:
        assert not await change.begin(connection, job, home)
        assert not await change.hold(connection, job)
        assert not await change.close(connection, job, LONG)
        assert not await change.end(connection, job)
        assert await change.hold(connection, later)
        assert await change.batch(connection, later, 10) != ([], [])


async def test_what_is_let_go_is_as_it_was(running: Running, watched: tuple[Cluster, Collection, Job]) -> None:
    cluster, home, job = watched
    async with cluster.transaction() as connection:
        await put(connection, home, "3")
    await closed(cluster, job)
    async with cluster.transaction() as connection:
        assert await change.end(connection, job)
    async with cluster.transaction() as connection:
        await put(connection, home, "4")  # the triggers are still there, and do nothing
        assert (await change.batch(connection, job, 10))[1] == ["3"]
    for _ in range(2):
        async with cluster.transaction() as connection:
            assert not await change.end(connection, job)
            await change.remove(connection, job)
            assert await change.batch(connection, job, 10) == ([], [])
    assert await running.sql("select 1 from pg_trigger where tgname like 'j\\_%'") == []
    await running.sql(f"drop table {document.table(home)}")
    async with cluster.transaction() as connection:
        await change.remove(connection, job)
