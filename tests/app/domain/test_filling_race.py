"""Jobs that fill in vectors while their table is written to, changed, or given up: no vector stays with a text it was not made from."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from resolvers.node import local_id
from tests.factory import Api, Running
from tests.fakes.vendor import embed
from tests.patience import until
from tests.resolvers.tables import ATTACH, DETACH, home, physical_columns, table
from tests.resolvers.test_column_migration import TEXTS, begun, films, until_cleared_away
from tests.resolvers.test_embed_missing import FILL, OPENAI
from tests.resolvers.test_embed_missing import films as bare_films

ANNOUNCED = "insert into vectorgate_region.table_version"
CHANGING = """
    select from pg_stat_activity
    where datname = current_database() and wait_event_type = 'Lock' and query like '%update vectorgate.target set version%'"""
HOLD = "select from vectorgate.target where id ="
CANCEL_UNTOLD = (
    "update vectorgate.job set status = 'CANCELLED', finished_at = now(), unclean = true where status = 'RUNNING'"
)


@asynccontextmanager
async def writing(running: Running, table_id: str, key: int, text: str) -> AsyncIterator[None]:
    """A write that has begun, and at the block's end changes a text, knowing of nothing that has changed meanwhile."""
    into, columns = await home(running, table_id)
    async with running.gateway.postgres.catalogue.outside() as writer, writer.transaction():
        change = f"update {into} set {columns['title']} = $2 where {columns['id']} = $1"  # noqa: S608 - names of ours
        await writer.execute(change, 0, text)
        yield
        await writer.execute(change, key, text)


@asynccontextmanager
async def held(running: Running, table_id: str) -> AsyncIterator[None]:
    """Nobody changes the table in the catalogue."""
    async with running.gateway.postgres.catalogue.outside() as holder, holder.transaction():
        # As one simple query: what is left of another kind would keep an index from being built, which waits for its end.
        await holder.execute(f"{HOLD} '{local_id('Table', table_id)}' for no key update")
        yield


async def until_changing(running: Running) -> None:
    """Until somebody waits to change a table in the catalogue."""

    async def waits() -> bool:
        return bool(await running.sql(CHANGING))

    await until(waits)


@asynccontextmanager
async def before_the_swap(running: Running, table_id: str) -> AsyncIterator[str]:
    """A job that moves `v`, with all of its rows embedded, held where it is about to swap the columns."""
    running.openai.gate.clear()
    job_id = await begun(running.api, table_id)
    await running.openai.until_in_flight(1)
    async with held(running, table_id):
        running.openai.gate.set()
        await until_changing(running)
        yield job_id


async def until_the_job_waits_or_asks(running: Running) -> None:
    """Until the fence was raised for the mutation and for its job, or the provider was asked."""

    async def either() -> bool:
        raised = sum(ANNOUNCED in each for each in running.statements.seen)
        return raised >= 2 or bool(running.openai.received)

    await until(either)


async def assert_newest(api: Api, table_id: str, texts: dict[int, str]) -> None:
    assert await api.vectors(table_id) == {key: pytest.approx(embed(text, 8), abs=1e-6) for key, text in texts.items()}


async def test_a_column_is_not_filled_while_writes_are_under_way_that_do_not_know_of_it(running: Running) -> None:
    table_id, _ = await films(running.api)
    async with AsyncExitStack() as stack:
        async with held(running, table_id):
            moving = asyncio.ensure_future(begun(running.api, table_id))
            await until_changing(running)
            await stack.enter_async_context(writing(running, table_id, 1, "changed meanwhile"))
            running.statements.clear()
        await until_the_job_waits_or_asks(running)
        assert running.openai.received == []
    assert (await running.api.ended(await moving))["status"] == "SUCCEEDED"
    await assert_newest(running.api, table_id, TEXTS | {1: "changed meanwhile"})


async def test_what_is_missing_is_not_filled_while_writes_are_under_way_that_do_not_know_its_source(
    running: Running,
) -> None:
    """Whoever attached the integration still waits for its answer; somebody else sees it, and begins."""
    api = running.api
    table_id = await bare_films(api)
    async with writing(running, table_id, 1, "changed meanwhile"):
        running.statements.clear()
        attaching = asyncio.ensure_future(api(ATTACH, id=table_id, column="v", embedding=OPENAI, source="title"))

        async def attached() -> bool:
            return bool((await table(api, table_id))["columns"]["v"]["sourceColumn"] == "title")

        await until(attached)
        job_id = (await api(FILL, id=table_id))["embedMissing"]["job"]["id"]
        await until_the_job_waits_or_asks(running)
        assert running.openai.received == []
    await attaching
    assert (await api.ended(job_id))["status"] == "SUCCEEDED"
    await assert_newest(api, table_id, TEXTS | {1: "changed meanwhile"})


async def test_a_job_that_was_cancelled_swaps_nothing_though_its_worker_was_not_told(running: Running) -> None:
    api = running.api
    table_id, _ = await films(api)
    before, there = await table(api, table_id), await physical_columns(running, table_id)
    async with before_the_swap(running, table_id) as job_id:
        await running.sql(CANCEL_UNTOLD)
    await until_cleared_away(running)
    assert (await api.ended(job_id))["status"] == "CANCELLED"
    assert await table(api, table_id) == before
    assert await physical_columns(running, table_id) == there


async def test_texts_that_change_while_the_columns_are_swapped_are_embedded_before_the_job_succeeds(
    running: Running,
) -> None:
    table_id, _ = await films(running.api)
    changed = {1: "changed", 2: "changed, too"}
    async with before_the_swap(running, table_id) as job_id:
        await running.api.update_rows(table_id, {"id": 1}, title=changed[1])
        await running.api.insert_rows(table_id, {"id": 2, "title": changed[2]}, onConflict="REPLACE")
        await running.api.delete_rows(table_id, keys=[3])
        await running.api.insert_rows(table_id, {"id": 3, "title": TEXTS[3]})
    assert (await running.api.ended(job_id))["status"] == "SUCCEEDED"
    await assert_newest(running.api, table_id, TEXTS | changed)


async def test_a_column_that_is_detached_after_the_swap_fails_its_job_with_the_reason_and_the_old_index_goes(
    running: Running,
) -> None:
    api = running.api
    table_id, _ = await films(api)
    async with before_the_swap(running, table_id) as job_id:
        await api.update_rows(table_id, {"id": 1}, title="changed")
        running.openai.gate.clear()
    await running.openai.until_in_flight(1)
    await api(DETACH, id=table_id, column="v")
    running.openai.gate.set()
    done = await api.ended(job_id)
    assert (done["status"], done["errorCode"]) == ("FAILED", "EMBEDDING_NOT_CONFIGURED")
    await until_cleared_away(running)
    assert (await api.vectors(table_id))[1] is None
    _, columns = await home(running, table_id)
    indexed = await running.sql("select indexdef from pg_indexes where indexdef like '%hnsw%'")
    assert [columns["v"].strip('"') in each["indexdef"] for each in indexed] == [True]
    assert (await table(api, table_id))["columns"]["v_previous"]["index"] is None
