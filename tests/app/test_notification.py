"""What is heard of other processes: flags that cannot overflow, and connections that break without a word being lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
import structlog

from app import notification, postgres
from app.notification import Changes, Hub, Topic
from app.postgres import Cluster, Tuning
from app.store.notification import notify
from tests.fakes.proxy import Proxy, proxied
from tests.patience import until

ORGANIZATION = UUID(int=1)
OTHER = UUID(int=2)


async def nothing(_: Cluster) -> None: ...


def cluster_at(url: str) -> Cluster:
    return Cluster("local", url, Tuning(pool_size=1, connect_seconds=0.5), nothing)


@asynccontextmanager
async def listening(url: str) -> AsyncIterator[tuple[Hub, Cluster]]:
    """A hub that listens, and the cluster for speaking to it."""
    hub, cluster = Hub(), cluster_at(url)
    task = asyncio.create_task(hub.listen(cluster))
    try:
        yield hub, cluster
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await cluster.close()


async def told(changes: Changes, seconds: float = 8) -> None:
    """By the connection's end and not by the next look at it, which comes later."""
    async with asyncio.timeout(seconds):
        await changes.wait()


async def untold(changes: Changes) -> None:
    with pytest.raises(TimeoutError):
        await told(changes, 0.02)


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notification, "RETRY_SECONDS", 0.02)


# --- flags ---
async def test_the_first_wait_ends_at_once_and_many_changes_are_one() -> None:
    changes = Changes()
    await told(changes)
    await untold(changes)
    changes.tell()
    changes.tell()
    await told(changes)
    await untold(changes)


async def test_readers_are_told_of_their_organization_and_topic_and_forgotten_afterwards() -> None:
    hub = Hub()
    with (
        hub.changes(Topic.AUDIT_EVENT, ORGANIZATION) as mine,
        hub.changes(Topic.AUDIT_EVENT, OTHER) as others,
        hub.changes(Topic.ACCESS_TOKEN, ORGANIZATION) as tokens,
        hub.changes(Topic.AUDIT_EVENT) as every,
    ):
        for reader in (mine, others, tokens, every):
            await told(reader)
        hub._heard(Topic.AUDIT_EVENT.value, str(ORGANIZATION))
        await told(mine)
        await told(every)
        await untold(others)
        await untold(tokens)
    assert hub._readers == {}


# --- connections ---
async def test_a_notification_is_heard_when_its_transaction_commits(database_url: str) -> None:
    async with listening(database_url) as (hub, cluster):
        with hub.changes(Topic.AUDIT_EVENT, ORGANIZATION) as changes:
            await told(changes)
            await told(changes)  # it listens
            async with cluster.transaction() as connection:
                await notify(connection, Topic.AUDIT_EVENT, ORGANIZATION)
                await untold(changes)
            await told(changes)
            with suppress(ZeroDivisionError):
                async with cluster.transaction() as connection:
                    await notify(connection, Topic.AUDIT_EVENT, ORGANIZATION)
                    raise ZeroDivisionError
            await untold(changes)


async def test_every_reader_is_told_when_it_listens_again(database_url: str) -> None:
    async with proxied(database_url) as proxy, listening(proxy.url) as (hub, _):
        with hub.changes(Topic.AUDIT_EVENT, ORGANIZATION) as changes:
            await told(changes)
            await told(changes)
            await proxy.cut()
            await untold(changes)
            speaker = await asyncpg.connect(database_url)
            await notify(speaker, Topic.AUDIT_EVENT, ORGANIZATION)  # nobody hears
            await speaker.close()
            await untold(changes)
            await proxy.mend()
            await told(changes)


async def test_a_connection_that_is_asked_whether_it_is_there_stays(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []
    monkeypatch.setattr(postgres, "LISTENING_SECONDS", 0.01)
    fetch = asyncpg.Connection.fetch

    async def noted(connection: asyncpg.Connection[asyncpg.Record], *arguments: Any, **named: Any) -> Any:  # noqa: ANN401 - asyncpg's
        asked.append(await fetch(connection, *arguments, **named))
        return asked[-1]

    monkeypatch.setattr(asyncpg.Connection, "fetch", noted)
    async with proxied(database_url) as proxy, listening(proxy.url) as (hub, _):
        await until(lambda: _several(asked))
        with hub.changes(Topic.AUDIT_EVENT, ORGANIZATION) as changes:
            await told(changes)
            speaker = await asyncpg.connect(database_url)
            await notify(speaker, Topic.AUDIT_EVENT, ORGANIZATION)
            await speaker.close()
            await told(changes)
        assert proxy.accepted == 1


async def _several(asked: list[object]) -> bool:
    return len(asked) > 5


async def test_a_fault_while_listening_is_logged_and_it_listens_again(monkeypatch: pytest.MonkeyPatch) -> None:
    attempts = []

    async def listen(*_: object) -> None:
        attempts.append(1)
        if len(attempts) == 1:
            raise ZeroDivisionError
        await asyncio.Event().wait()

    cluster = cluster_at("postgresql:///nowhere")
    monkeypatch.setattr(cluster, "listen", listen)
    with structlog.testing.capture_logs() as logs:
        task = asyncio.create_task(Hub().listen(cluster))
        await until(lambda: _again(attempts))
        task.cancel()
        await asyncio.wait({task})
    assert [(entry["event"], entry["log_level"]) for entry in logs] == [("not_listening", "error")]


async def _again(attempts: list[int]) -> bool:
    return len(attempts) > 1


async def _tried_again(proxy: Proxy) -> bool:
    return proxy.accepted > 2  # the first, the request to cancel its silent question, and another


async def test_a_connection_that_is_silently_dead_is_found_out(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "LISTENING_SECONDS", 0.05)
    async with proxied(database_url) as proxy, listening(proxy.url) as (hub, _):
        with hub.changes(Topic.ACCESS_TOKEN, uuid4()) as changes:
            await told(changes)
            await told(changes)
            proxy.silent = True
            await untold(changes)
            await until(lambda: _tried_again(proxy))
            proxy.silent = False
            await told(changes)
