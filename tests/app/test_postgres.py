"""Clusters go away and come back, statements take too long, requests are cancelled: each is told, and nothing is left behind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import TypeAlias

import asyncpg
import numpy as np
import pytest
from pgvector import Vector

from app import postgres
from app.errors import DatabaseUnavailable, LimitExceeded
from app.postgres import Cluster, Postgres, Tuning, transaction
from tests.factory import NewDatabase
from tests.fakes.proxy import Proxy, proxied
from tests.patience import in_time, until

QUICK = 0.5
"""Seconds to wait for a connection where a test wants to see that time pass."""
ACTIVE = "select count(*) from pg_stat_activity where datname = current_database() and state <> 'idle' and pid <> pg_backend_pid()"

Connect: TypeAlias = Callable[..., Awaitable[Cluster]]


async def nothing(_: Cluster) -> None: ...


def cluster_at(url: str, **tuning: float) -> Cluster:
    return Cluster("eu", url, Tuning(**{"pool_size": 2, **tuning}), nothing)  # type: ignore[arg-type] # numbers of either kind


@pytest.fixture
async def connect(database_url: str) -> AsyncIterator[Connect]:
    """Opens clusters on this test's database: `cluster = await connect(pool_size=1)`."""
    async with AsyncExitStack() as stack:

        async def opened(url: str = database_url, **tuning: float) -> Cluster:
            cluster = cluster_at(url, **tuning)
            stack.push_async_callback(cluster.close)
            await cluster.open()
            return cluster

        yield opened


@pytest.fixture
async def proxy(database_url: str) -> AsyncIterator[Proxy]:
    async with proxied(database_url) as opened:
        yield opened


async def number(cluster: Cluster, statement: str = "select 1") -> int:
    async with cluster.connection() as connection:
        found: int = await connection.fetchval(statement)
        return found


async def unavailable(cluster: Cluster, statement: str = "select 1") -> DatabaseUnavailable:
    """The refusal of a statement that must be told as a database that is away."""
    with pytest.raises(DatabaseUnavailable) as told:
        await number(cluster, statement)
    assert told.value.retryable
    assert told.value.facts == {"region": "eu"}
    return told.value


# --- away and back ---
async def test_a_cluster_that_is_away_at_first_is_used_as_soon_as_it_is_there(proxy: Proxy) -> None:
    await proxy.cut()
    cluster = cluster_at(proxy.url)
    assert "cannot be reached" in (await unavailable(cluster)).message
    await proxy.mend()
    assert await number(cluster) == 1
    await cluster.close()


async def test_a_cluster_that_goes_away_is_told_and_used_again_when_it_is_back(proxy: Proxy, connect: Connect) -> None:
    cluster = await connect(proxy.url)
    under_way = asyncio.create_task(unavailable(cluster, "select pg_sleep(10)"))
    await until(lambda: is_busy(cluster))
    await proxy.cut()
    await under_way
    await unavailable(cluster)
    await proxy.mend()
    assert [await number(cluster) for _ in range(4)] == [1, 1, 1, 1]


async def is_busy(cluster: Cluster) -> bool:
    return await number(cluster, ACTIVE) > 0


async def test_terminated_connections_are_replaced(connect: Connect, database_url: str) -> None:
    cluster = await connect()
    sleeping = [asyncio.create_task(unavailable(cluster, "select pg_sleep(10)")) for _ in range(2)]
    operator = await asyncpg.connect(database_url)
    await until(lambda: both_sleep(operator))
    await operator.execute(
        "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
    )
    await asyncio.gather(*sleeping)
    assert await asyncio.gather(*(number(cluster) for _ in range(10))) == [1] * 10
    await operator.close()


async def both_sleep(operator: asyncpg.Connection[asyncpg.Record]) -> bool:
    return bool(await operator.fetchval(f"select ({ACTIVE}) = 2"))


async def test_a_silent_network_is_told_within_the_time_for_connecting_to_all_who_wait(proxy: Proxy) -> None:
    proxy.silent = True
    cluster = cluster_at(proxy.url, connect_seconds=QUICK)
    await asyncio.gather(*(unavailable(cluster) for _ in range(100)))
    assert proxy.accepted == 1
    await cluster.close()


async def test_a_network_that_falls_silent_under_a_statement_is_told(proxy: Proxy, connect: Connect) -> None:
    cluster = await connect(proxy.url, connect_seconds=QUICK, statement_timeout_seconds=QUICK)
    assert await number(cluster) == 1
    proxy.silent = True
    await unavailable(cluster)
    await proxy.cut()
    proxy.silent = False
    await proxy.mend()
    assert await number(cluster) == 1


async def test_a_database_that_is_missing_is_told_until_it_is_there(new_database: NewDatabase, server_url: str) -> None:
    url = await new_database()
    name = url.partition("?")[0].rpartition("/")[2]
    cluster, operator = cluster_at(url), await asyncpg.connect(server_url)
    await operator.execute(f"alter database {name} rename to {name}_away")
    assert isinstance((await unavailable(cluster)).__cause__, asyncpg.InvalidCatalogNameError)
    await operator.execute(f"alter database {name}_away rename to {name}")
    assert await number(cluster) == 1
    await cluster.close()
    await operator.close()


async def test_what_the_cluster_says_stays_with_the_operator(proxy: Proxy) -> None:
    await proxy.cut()
    told = await unavailable(cluster_at(proxy.url))
    assert isinstance(told.__cause__, OSError)
    assert "127.0.0.1" not in told.message + str(told.extensions)


async def test_one_who_leaves_while_the_pool_opens_takes_it_from_nobody_else(database_url: str) -> None:
    cluster = cluster_at(database_url)
    leaving, staying = (asyncio.create_task(number(cluster)) for _ in range(2))
    await asyncio.sleep(0)
    leaving.cancel()
    assert await staying == 1
    await cluster.close()


# --- limits ---
async def test_a_statement_that_takes_too_long_is_ended_and_may_be_tried_again(connect: Connect) -> None:
    cluster = await connect(statement_timeout_seconds=0.25)
    with pytest.raises(LimitExceeded, match=r"longer than the limit of 0\.25 seconds") as told:
        await number(cluster, "select pg_sleep(10)")
    assert told.value.retryable
    assert told.value.facts == {"limit": 0.25}
    assert await number(cluster) == 1


async def test_when_all_connections_are_in_use_that_is_told(connect: Connect) -> None:
    cluster = await connect(pool_size=1, connect_seconds=QUICK)
    async with cluster.connection():
        assert (await unavailable(cluster)).message.startswith("All 1 connections to the PostgreSQL cluster of region")
    assert await number(cluster) == 1


# --- nothing is left behind ---
async def test_cancelled_requests_leave_no_connection_statement_or_transaction(connect: Connect) -> None:
    cluster = await connect(pool_size=4)
    async with cluster.connection() as connection:
        await connection.execute("create table left_behind (number int)")

    async def work() -> None:
        async with cluster.transaction() as connection:
            await connection.execute("insert into left_behind values (1)")
            await connection.execute("select pg_sleep(10)")

    for moment in range(20):
        tasks = [asyncio.create_task(work()) for _ in range(3)]
        await asyncio.sleep(moment * 0.001)
        for task in tasks:
            task.cancel()
        assert all(
            isinstance(end, asyncio.CancelledError) for end in await asyncio.gather(*tasks, return_exceptions=True)
        )
    await until(lambda: is_idle(cluster))
    assert await number(cluster, "select count(*) from left_behind") == 0
    assert await asyncio.gather(*(number(cluster) for _ in range(20))) == [1] * 20


@pytest.mark.parametrize("statement", ["select pg_sleep(60)", None], ids=["in a statement", "between statements"])
async def test_who_is_cancelled_while_the_connection_breaks_is_cancelled(
    proxy: Proxy, connect: Connect, statement: str | None
) -> None:
    cluster = await connect(proxy.url, connect_seconds=QUICK)
    begun = asyncio.Event()

    async def work() -> None:
        async with cluster.transaction() as connection:
            begun.set()
            await (connection.execute(statement) if statement else asyncio.sleep(60))

    task = asyncio.create_task(work())
    await begun.wait()
    await asyncio.sleep(0.1)
    if statement is None:
        await proxy.cut()  # found out by the rollback
    task.cancel()
    await proxy.cut()
    await asyncio.wait([task])
    assert task.cancelled()


@pytest.mark.parametrize("pooled", [True, False], ids=["of the pool", "outside"])
@pytest.mark.parametrize("in_transaction", [True, False])
@pytest.mark.parametrize("statement", ["select pg_sleep(60)", "select 1"], ids=["in a statement", "between statements"])
async def test_who_is_cancelled_does_not_wait_for_a_silent_network(
    connect: Connect,
    proxy: Proxy,  # is the first to end: closing the pool would wait for it
    monkeypatch: pytest.MonkeyPatch,
    statement: str,
    *,
    in_transaction: bool,
    pooled: bool,
) -> None:
    monkeypatch.setattr(postgres, "LEAVING_SECONDS", QUICK)
    cluster = await connect(proxy.url, connect_seconds=3600, statement_timeout_seconds=3600)
    observer = await connect()

    async def work() -> None:
        async with AsyncExitStack() as stack:
            connection = await stack.enter_async_context(cluster.connection() if pooled else cluster.outside())
            if in_transaction:
                await stack.enter_async_context(transaction(connection))
            await connection.execute(statement)
            reached.set()
            await asyncio.Event().wait()

    reached = asyncio.Event()
    task = asyncio.create_task(work())
    await (reached.wait() if statement == "select 1" else until(lambda: is_busy(observer)))
    proxy.silent = True
    task.cancel()
    async with in_time():
        await asyncio.wait([task])
    assert task.cancelled()


async def test_who_listens_to_a_silent_network_can_be_stopped(proxy: Proxy, connect: Connect) -> None:
    cluster = await connect(proxy.url, connect_seconds=QUICK)
    begun = asyncio.Event()
    task = asyncio.create_task(cluster.listen(["channel"], begun.set, lambda *_: None))
    await begun.wait()
    proxy.silent = True
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()


async def is_idle(cluster: Cluster) -> bool:
    return await number(cluster, ACTIVE) == 0


async def test_a_transaction_is_all_or_nothing(connect: Connect) -> None:
    cluster = await connect()
    async with cluster.transaction() as connection:
        await connection.execute("create table kept (number int)")
        await connection.execute("insert into kept values (1)")
    with pytest.raises(asyncpg.DivisionByZeroError):
        async with cluster.transaction() as connection:
            await connection.execute("insert into kept values (2); select 1 / 0")
    assert await number(cluster, "select sum(number) from kept") == 1


async def test_closing_cuts_off_what_does_not_end_and_may_be_done_twice(connect: Connect, proxy: Proxy) -> None:
    cluster = await connect(proxy.url, connect_seconds=QUICK)
    working = asyncio.create_task(number(cluster, "select pg_sleep(10)"))
    await until(lambda: is_busy(cluster))
    await cluster.close()
    await cluster.close()
    with pytest.raises(DatabaseUnavailable):
        await working


async def test_closing_a_cluster_that_is_away_is_no_error(connect: Connect, proxy: Proxy) -> None:
    cluster = await connect(proxy.url)
    await proxy.cut()
    await cluster.close()
    opening = cluster_at(proxy.url)
    waiting = asyncio.create_task(number(opening))
    await asyncio.sleep(0)
    await opening.close()
    with pytest.raises((asyncio.CancelledError, DatabaseUnavailable)):
        await waiting


# --- our own faults ---
async def test_a_statement_that_is_wrong_is_a_fault_of_ours_and_not_of_the_cluster(connect: Connect) -> None:
    cluster = await connect()
    with pytest.raises(asyncpg.DataError):
        await number(cluster, "select 'one'::int")
    with pytest.raises(asyncpg.PostgresSyntaxError):
        await number(cluster, "selec 1")


# --- connections ---
async def test_json_and_vectors_are_python_values(connect: Connect) -> None:
    cluster = await connect()
    value = {"a": [1, None, "ü"], "b": 0.5}
    vector = np.array([1.5, -2.25, 0], np.float32)
    async with cluster.connection() as connection:
        assert await connection.fetchval("select $1::jsonb", value) == value
        found = await connection.fetchval("select $1::vector", vector)
        assert found.dtype.kind + str(found.dtype.itemsize) == "f4"
        assert found.tolist() == [1.5, -2.25, 0]
        assert await connection.fetchval("select $1::vector::text", Vector([1, 2])) == "[1,2]"


async def test_every_connection_has_our_settings(connect: Connect) -> None:
    cluster = await connect(statement_timeout_seconds=7)
    async with cluster.connection() as connection:
        assert await connection.fetchval("show statement_timeout") == "7s"
        assert await connection.fetchval("show application_name") == "vectorgate"
        assert await connection.fetchval("show hnsw.iterative_scan") == "relaxed_order"
    async with cluster.outside() as connection:
        assert await connection.fetchval("show statement_timeout") == "0"
        assert await connection.fetchval("show application_name") == "vectorgate"


async def test_a_region_that_was_taken_out_of_the_settings_is_told_for_good(database_url: str) -> None:
    cluster = cluster_at(database_url)
    postgres = Postgres(cluster, {"eu": cluster}, "eu")
    assert postgres.region("eu") is cluster
    with pytest.raises(DatabaseUnavailable, match="not configured") as told:
        postgres.region("us")
    assert (told.value.retryable, told.value.facts) == (False, {"region": "us"})
    await postgres.close()


async def test_of_two_writes_that_wait_for_each_other_one_is_undone_and_may_be_sent_again(connect: Connect) -> None:
    cluster = await connect()
    async with cluster.connection() as connection:
        await connection.execute("create table pair (name text primary key, count int)")
        await connection.execute("insert into pair values ('left', 0), ('right', 0)")
    both_hold_one = asyncio.Barrier(2)

    async def count(*names: str) -> None:
        async with cluster.transaction() as connection:
            await connection.execute("update pair set count = count + 1 where name = $1", names[0])
            await both_hold_one.wait()
            await connection.execute("update pair set count = count + 1 where name = $1", names[1])

    outcomes = await asyncio.gather(count("left", "right"), count("right", "left"), return_exceptions=True)
    [undone] = [each for each in outcomes if each is not None]
    assert isinstance(undone, DatabaseUnavailable)
    assert undone.retryable
    async with cluster.connection() as connection:
        assert await connection.fetchval("select sum(count) from pair") == 2
