"""What the metrics say of what a gateway does, read over HTTP as Prometheus reads it."""

from __future__ import annotations

import asyncio

import httpx
import pytest
from structlog.testing import capture_logs

from app.seeing.names import OTHER
from app.seeing.watch import BROKEN_OFF
from tests.app.seeing.support import counted, scraped, value
from tests.factory import SEARCH, Run, Running
from tests.fakes.vendor import Fault
from tests.patience import until

OPENAI = {"provider": "openai", "model": "text-embedding-3-small"}


async def test_operations_are_counted_by_name_and_outcome(running: Running) -> None:
    collection_id = await running.api.local_collection()
    await running.api(SEARCH, id=collection_id, query="whale")
    await running.api.refusal(SEARCH, id=collection_id, query=" ")
    await running.api("{ viewer { roles } }")
    await counted(running.api, "vectorgate_operations_total", 1, operation="Search", outcome="ok")
    series = await scraped(running.api)
    assert value(series, "vectorgate_operations_total", operation="Search", outcome="INVALID_VECTORIZE_VALUE") == 1
    assert value(series, "vectorgate_operations_total", operation="", outcome="ok") == 1
    assert value(series, "vectorgate_operation_duration_seconds_count", operation="Search") == 2


async def test_a_name_that_may_be_a_secret_is_not_told(running: Running) -> None:
    await running.api("query vg_0123456789abcdefghijklmnop { viewer { roles } }")
    await counted(running.api, "vectorgate_operations_total", 1, operation=OTHER, outcome="ok")
    assert "vg_0123456789" not in (await running.api.http.get("/metrics")).text


async def test_what_is_refused_before_it_is_run_is_counted_by_code(run: Run) -> None:
    running = await run(rate_limit_per_token=3, max_depth=2)
    await running.api.http.post("/graphql", json={"query": "{ viewer { roles } }"}, headers={"authorization": "none"})
    await running.api.post("{ nothing }")
    await running.api.post("{ organization { databases { nodes { id } } } }")
    await running.api.post("{ viewer { roles } }")
    await running.api.post("{ viewer { roles } }")
    for code in ("UNAUTHENTICATED", "BAD_INPUT", "LIMIT_EXCEEDED", "RATE_LIMITED"):
        await counted(running.api, "vectorgate_refusals_total", 1, code=code)
    assert value(await scraped(running.api), "vectorgate_operations_total") == 1


async def test_requests_to_providers_are_counted_repeated_ones_too(running: Running) -> None:
    collection_id = await running.api.openai_collection()
    running.openai.faults.append(Fault(status=500))
    await running.api.insert(collection_id, {"$vectorize": "a white whale"})
    asked = "vectorgate_provider_requests_total"
    await counted(running.api, asked, 1, **OPENAI, outcome="EMBEDDING_PROVIDER_SERVER_ERROR")
    series = await scraped(running.api)
    assert value(series, asked, **OPENAI, outcome="ok") == 1
    assert value(series, "vectorgate_provider_request_duration_seconds_count", **OPENAI) == 2
    assert value(series, "vectorgate_provider_tokens_total", **OPENAI) > 0


async def test_a_provider_in_this_process_is_counted_too(running: Running) -> None:
    collection_id = await running.api.local_collection()
    await running.api.insert(collection_id, {"$vectorize": "a white whale"})
    await counted(running.api, "vectorgate_provider_requests_total", 1, provider="local", outcome="ok")


async def test_hits_of_caches_are_counted(running: Running) -> None:
    collection_id = await running.api.local_collection()
    for _ in range(3):
        await running.api(SEARCH, id=collection_id, query="whale")
    await counted(running.api, "vectorgate_cache_lookups_total", 2, cache="query_vectors", result="hit")
    series = await scraped(running.api)
    assert value(series, "vectorgate_cache_lookups_total", cache="query_vectors", result="miss") == 1
    assert value(series, "vectorgate_cache_lookups_total", cache="documents", result="hit") == 2
    assert value(series, "vectorgate_plans_compiled_total") == 3  # of two mutations and a query


async def test_the_use_of_pools_is_told(run: Run) -> None:
    running = await run(pool_size=7)
    series = await scraped(running.api)
    assert value(series, "vectorgate_database_connections_max", cluster="local") == 7
    assert 1 <= value(series, "vectorgate_database_connections", cluster="local") <= 7
    assert value(series, "vectorgate_database_waiting", cluster="local") == 0


async def test_those_who_wait_for_a_connection_are_told(run: Run) -> None:
    running = await run(pool_size=1)
    async with running.gateway.postgres.catalogue.connection():
        waiting = asyncio.create_task(running.api("{ viewer { roles } }"))
        await until(lambda: waits(running))
        series = await scraped(running.api)
    assert value(series, "vectorgate_database_connections", cluster="local", state="in_use") == 1
    assert value(series, "vectorgate_database_waiting", cluster="local") >= 1
    await waiting


async def waits(running: Running) -> bool:
    return running.gateway.postgres.catalogue.waiting > 0


async def test_jobs_under_way_are_told_and_forgotten_when_they_are_done(running: Running) -> None:
    collection_id = await running.api.openai_collection()
    await running.api.insert(collection_id, {"$vectorize": "a white whale"})
    running.openai.gate.clear()
    await running.api(
        'mutation M($id: ID!) { migrateCollection(input: {collectionId: $id, name: "newer", embedding: '
        '{provider: "openai", credential: "main", model: "text-embedding-3-small", dimension: 32}}) { job { id } } }',
        id=collection_id,
    )
    await running.openai.until_in_flight(1)
    await counted(running.api, "vectorgate_jobs", 1, kind="MIGRATE_COLLECTION", status="RUNNING")
    running.openai.gate.set()
    await counted(running.api, "vectorgate_jobs", 0, kind="MIGRATE_COLLECTION", status="RUNNING")


async def test_the_lag_of_the_loop_is_sampled(running: Running) -> None:
    async def sampled() -> bool:
        return value(await scraped(running.api), "vectorgate_event_loop_lag_seconds_count") > 0

    await until(sampled)


async def test_metrics_are_answered_while_no_connection_is_free(run: Run) -> None:
    running = await run(pool_size=1)
    async with running.gateway.postgres.catalogue.connection():
        assert value(await scraped(running.api), "vectorgate_database_connections_max") == 1


async def test_metrics_count_for_the_limit_of_an_address(run: Run) -> None:
    running = await run(rate_limit_per_address=1)
    assert (await running.api.http.get("/metrics")).status_code == 200
    assert (await running.api.http.get("/metrics")).status_code == 429


# --- slow operations ---
async def test_an_operation_that_takes_long_writes_one_line_without_its_variables(run: Run) -> None:
    running = await run(slow_operation_seconds=0.000001)
    collection_id = await running.api.openai_collection()
    with capture_logs() as lines:
        await running.api(SEARCH, id=collection_id, query="canary of a text")
    [line] = [each for each in lines if each["event"] == "slow_operation"]
    assert (line["outcome"], line["connections"], line["provider_requests"]) == ("ok", 3, 1)
    assert line["database_milliseconds"] > 0
    assert 0 < line["provider_milliseconds"] < line["milliseconds"]
    assert "canary" not in str(line)


async def test_an_operation_in_time_writes_none(run: Run) -> None:
    for seconds in (0, 60):
        running = await run(slow_operation_seconds=seconds)
        with capture_logs() as lines:
            await running.api("{ viewer { roles } }")
        assert [each for each in lines if each["event"] == "slow_operation"] == []


async def test_an_operation_whose_client_leaves_is_broken_off(running: Running) -> None:
    collection_id = await running.api.openai_collection()
    running.openai.gate.clear()
    body = {"query": SEARCH, "variables": {"id": collection_id, "query": "whale"}}
    with pytest.raises(httpx.ReadTimeout):
        await running.api.http.post("/graphql", json=body, timeout=0.3)
    running.openai.gate.set()
    await counted(running.api, "vectorgate_operations_total", 1, operation="Search", outcome=BROKEN_OFF)
