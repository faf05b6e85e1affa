"""Faults lose nothing: processes are killed under load as in bench/faults.py, and single faults of PostgreSQL and its network."""

from __future__ import annotations

import asyncio
import json

import asyncpg
import pytest

from app.domain import audit, sweep
from app.store import lock
from bench import faults
from tests.factory import Api, Place, Run, Running
from tests.fakes.proxy import proxied
from tests.patience import in_time

EVENTS = "{ organization { auditLog(first: 5) { nodes { action occurredAt details } } } }"
USAGE = "{ organization { usage { texts } } }"
FULL = """
create function public.disk_is_full() returns trigger language plpgsql as
$$ begin raise exception using errcode = '53100', message = 'could not extend file: No space left on device'; end $$"""


async def test_what_is_answered_as_done_survives_the_killing_of_gateways_and_postgresql() -> None:
    outcome = await faults.suffer(faults.Plan(seconds=60, kills=3, seed=1, between=(0.3, 1.0)))
    assert outcome.violations == []
    assert set(outcome.kills) == set(faults.KINDS)
    assert outcome.acknowledged > 0
    assert outcome.checked.documents > 0
    assert outcome.checked.rows > 0


async def test_a_full_disk_writes_nothing_and_passes(running: Running) -> None:
    collection_id = await running.api.local_collection()
    [table] = await running.sql("select schemaname, tablename from pg_tables where schemaname ~ '^vg_'")
    name = f'"{table["schemaname"]}"."{table["tablename"]}"'
    await running.as_login(FULL)
    await running.sql(f"create trigger full_disk before insert on {name} execute function public.disk_is_full()")
    document = {"_id": "a", "$vectorize": "a book"}
    with pytest.raises(Exception, match="DATABASE_UNAVAILABLE"):
        await running.api.insert(collection_id, document)
    assert await running.api.documents(collection_id) == {}
    await running.sql(f"drop trigger full_disk on {name}")
    assert (await running.api.insert(collection_id, document))["insertedCount"] == 1


async def test_a_network_that_falls_silent_is_told_in_time_and_leaves_no_connection_behind(
    run: Run, database_url: str
) -> None:
    async with proxied(database_url) as proxy:
        running = await run(
            database_url=proxy.url, statement_timeout_seconds=2, regions=json.dumps({"local": proxy.url}), pool_size=3
        )
        collection_id = await running.api.local_collection()
        proxy.silent = True
        async with in_time(20):
            told = await asyncio.gather(
                *(running.api.refusal("{ organization { jobs { totalCount } } }") for _ in range(6))
            )
        assert {code for each in told for code in each.codes} == {"DATABASE_UNAVAILABLE"}
        assert all(each.facts["retryable"] for each in told)
        proxy.silent = False
        await asyncio.gather(*(running.api.insert(collection_id, {"n": number}) for number in range(9)))
        pool = await running.gateway.postgres.catalogue.open()
        assert pool.get_size() <= 3
        assert pool.get_idle_size() >= 1


async def test_a_committed_write_is_answered_while_the_catalogue_keeps_its_event_waiting(
    two_regions: Running, monkeypatch: pytest.MonkeyPatch, database_url: str
) -> None:
    monkeypatch.setattr(audit, "MOVING_SECONDS", 0.2)
    running = two_regions
    collection_id = await running.api.collection(await running.api.database(region="europe"), "books")
    [row] = await running.sql("select id from vectorgate.organization")
    holder = await asyncpg.connect(database_url)
    try:
        await holder.execute("select pg_advisory_lock($1)", lock.key(row["id"]))
        assert (await running.api.insert(collection_id, {"_id": 1}))["insertedCount"] == 1
        assert "insert_documents" not in await actions(running.api)
    finally:
        await holder.close()
    await sweep.once(running.gateway)
    await sweep.once(running.gateway)
    assert (await actions(running.api))[0] == "insert_documents"
    assert (await actions(running.api)).count("insert_documents") == 1
    europe = running.gateway.postgres.region("europe")
    async with europe.connection() as connection:
        assert await connection.fetchval("select count(*) from vectorgate_region.audit_outbox") == 0


async def test_an_event_of_a_write_in_a_region_is_in_the_log_with_the_answer(two_regions: Running) -> None:
    running = two_regions
    collection_id = await running.api.collection(await running.api.database(region="europe"), "books")
    await running.api.insert(collection_id, {"_id": 1})
    await running.api.update(collection_id, {"_id": 1}, set={"n": 1})
    await running.api.delete(collection_id, keys=[1])
    expected = ["delete_documents", "update_documents", "insert_documents"]
    assert (await actions(running.api))[:3] == expected


async def test_usage_is_refused_naming_the_region_that_is_away_rather_than_told_in_part(
    two_regions: Running, place: Place
) -> None:
    await place.away()
    refused = await two_regions.api.refusal(USAGE)
    assert refused.codes == ["DATABASE_UNAVAILABLE"]
    assert refused.facts["region"] == "europe"
    assert refused.facts["retryable"] is True
    await place.back()
    assert (await two_regions.api(USAGE))["organization"]["usage"] == []


async def actions(api: Api) -> list[str]:
    """What was done last, newest first."""
    return [each["action"] for each in (await api(EVENTS))["organization"]["auditLog"]["nodes"]]
