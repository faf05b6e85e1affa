"""Usage over HTTP: what was asked of providers is told by every dimension, with a write's usage as true as the write."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.errors import DatabaseUnavailable
from app.postgres import Cluster, Connection
from app.store import usage as store
from app.store.usage import Spent
from tests.factory import INSERT, SEARCH, Api, Run, Running

USAGE = """
query U($groupBy: [UsageDimension!]! = [PROVIDER], $since: DateTime, $until: DateTime) {
  organization { usage(groupBy: $groupBy, since: $since, until: $until) {
    provider model credentialName databaseId databaseName targetId targetName day
    requests texts cachedTexts errors totalTokens unreportedRequests
  } }
}"""
NUMBERS = ("requests", "texts", "cachedTexts", "errors", "totalTokens", "unreportedRequests")


async def usage(api: Api, *dimensions: str, **period: str) -> list[dict[str, Any]]:
    answer = await api(USAGE, groupBy=list(dimensions), **period)
    found: list[dict[str, Any]] = answer["organization"]["usage"]
    return found


def numbers(record: dict[str, Any]) -> tuple[int | None, ...]:
    return tuple(record[name] for name in NUMBERS)


async def test_writes_and_searches_are_counted_by_every_dimension(running: Running) -> None:
    api = running.api
    collection_id = await api.openai_collection()
    inserted = await api.insert(collection_id, *({"$vectorize": f"text {number}"} for number in range(3)))
    found = await api.search(collection_id, query="text")
    tokens = inserted["usage"]["totalTokens"] + found["usage"]["totalTokens"]

    [record] = await usage(api, "PROVIDER", "MODEL", "CREDENTIAL", "DATABASE", "TARGET", "DAY")
    assert numbers(record) == (2, 4, 0, 0, tokens, 0)
    assert (record["provider"], record["model"], record["credentialName"]) == (
        "openai",
        "text-embedding-3-small",
        "main",
    )
    assert (record["databaseName"], record["targetName"], record["targetId"]) == ("library", "books", collection_id)
    assert record["day"] == datetime.now(UTC).date().isoformat()


async def test_dimensions_that_are_not_asked_for_are_summed_over(running: Running) -> None:
    first = await running.api.openai_collection()
    second = await running.api.local_collection("papers", "archive")
    await running.api.insert(first, {"$vectorize": "one"})
    await running.api.insert(second, {"$vectorize": "two"}, {"$vectorize": "three"})
    by_provider = {record["provider"]: record for record in await usage(running.api, "PROVIDER")}
    assert {key: record["texts"] for key, record in by_provider.items()} == {"openai": 1, "local": 2}
    assert by_provider["local"]["requests"] == 0
    assert all(record["model"] is None for record in by_provider.values())
    [everything] = await usage(running.api)
    assert everything["texts"] == 3


async def test_an_equal_query_is_remembered_and_counted_as_cached(running: Running) -> None:
    collection_id = await running.api.openai_collection()
    await running.api.insert(collection_id, {"$vectorize": "whale"})
    first = await running.api.search(collection_id, query="whale")
    asked = len(running.openai.received)
    second = await running.api.search(collection_id, query="whale")
    assert len(running.openai.received) == asked
    assert first["usage"]["cached"] is False
    assert second["usage"] == {"promptTokens": 0, "totalTokens": 0, "cached": True}
    assert [edge["distance"] for edge in first["edges"]] == [edge["distance"] for edge in second["edges"]]
    [record] = await usage(running.api)
    assert (record["texts"], record["cachedTexts"], record["requests"]) == (3, 1, 2)


async def test_what_is_remembered_is_not_answered_after_the_credential_is_gone(running: Running) -> None:
    database_id = await running.api.database()
    credential_id = await running.api.credential(databases=(database_id,))
    embedding = {"provider": "openai", "credential": "main", "model": "text-embedding-3-small", "dimension": 64}
    collection_id = await running.api.collection(database_id, embedding=embedding)
    await running.api.search(collection_id, query="whale")
    remove = (
        'mutation R($id: ID!) { removeCredential(input: {credentialId: $id, confirmName: "main"}) { removedName } }'
    )
    await running.api(remove, id=credential_id)
    refused = await running.api.refusal(SEARCH, id=collection_id, query="whale")
    assert refused.codes == ["CREDENTIAL_NOT_FOUND"]


async def test_equal_queries_in_flight_ask_the_provider_once(running: Running) -> None:
    collection_id = await running.api.openai_collection()
    running.openai.gate.clear()
    searches = [asyncio.create_task(running.api.search(collection_id, query="whale")) for _ in range(5)]
    await running.openai.until_in_flight(1)
    running.openai.gate.set()
    await asyncio.gather(*searches)
    assert len(running.openai.received) == 1


async def test_a_call_that_fails_is_counted_with_its_requests(running: Running) -> None:
    collection_id = await running.api.openai_collection()
    running.openai.fail(403)
    running.openai.fail(403)
    refused = await running.api.refusal(
        INSERT, input={"collectionId": collection_id, "documents": [{"$vectorize": "one"}]}
    )
    assert refused.codes == ["EMBEDDING_PROVIDER_CLIENT_ERROR"]
    [record] = await usage(running.api)
    assert (record["errors"], record["texts"], record["requests"]) == (1, 1, len(running.openai.received))


async def test_a_refused_text_is_an_error_beside_those_that_were_embedded(running: Running) -> None:
    collection_id = await running.api.openai_collection()
    running.openai.refused_texts = {"bad"}
    inserted = await running.api.insert(collection_id, {"$vectorize": "good"}, {"$vectorize": "bad"})
    assert inserted["insertedCount"] == 1
    [record] = await usage(running.api)
    assert (record["texts"], record["errors"]) == (2, 1)


async def test_a_write_that_is_undone_has_spent_its_tokens_all_the_same(running: Running) -> None:
    collection_id = await running.api.openai_collection()
    running.openai.gate.clear()
    first, second = (
        asyncio.create_task(
            running.api.insert(collection_id, {"$vectorize": "one"}, idempotencyKey="the very same key")
        )
        for _ in range(2)
    )
    await running.openai.until_in_flight(2)
    running.openai.gate.set()
    assert await first == await second
    [record] = await usage(running.api)
    assert record["texts"] == 2
    count = await running.api(
        "query C($id: ID!) { node(id: $id) { ... on Collection { documentCount } } }", id=collection_id
    )
    assert count["node"]["documentCount"] == 1


async def test_a_period_has_its_beginning_and_not_its_end(running: Running) -> None:
    collection_id = await running.api.local_collection()
    await running.api.insert(collection_id, {"$vectorize": "one"})
    [row] = await running.sql("select at from vectorgate_region.usage")
    moment, later = row["at"].isoformat(), (row["at"] + timedelta(microseconds=1)).isoformat()
    assert len(await usage(running.api, "PROVIDER", since=moment, until=later)) == 1
    assert await usage(running.api, "PROVIDER", since=later) == []
    refused = await running.api.refusal(USAGE, since=later, until=moment)
    assert refused.codes == ["BAD_INPUT"]


async def test_a_period_may_end_before_time_was_counted(api: Api) -> None:
    assert await usage(api, "PROVIDER", until="0001-01-01T00:00:01Z") == []


async def test_usage_of_an_older_day_is_kept_by_the_hour(running: Running) -> None:
    from app.store.usage import compact  # noqa: PLC0415 - the only test that needs the store

    collection_id = await running.api.local_collection()
    for _ in range(3):
        await running.api.insert(collection_id, {"$vectorize": "one"})
    await running.sql("update vectorgate_region.usage set at = at - interval '2 days'")
    before = await usage(running.api, "PROVIDER", "TARGET")
    for _ in range(2):
        async with running.gateway.postgres.catalogue.connection() as connection:
            await compact(connection)
    assert len(await running.sql("select from vectorgate_region.usage")) <= 2
    assert [numbers(each) for each in await usage(running.api, "PROVIDER", "TARGET")] == [
        numbers(each) for each in before
    ]


async def test_usage_sums_over_regions(run: Run, new_database: Any, database_url: str) -> None:  # noqa: ANN401 - a fixture's callable
    import json  # noqa: PLC0415 - only here

    running = await run(regions=json.dumps({"here": database_url, "there": await new_database()}))
    for region in ("here", "there"):
        database_id = await running.api.database(region, region=region)
        embedding = {"provider": "local", "model": "wordllama-256"}
        await running.api.insert(await running.api.collection(database_id, embedding=embedding), {"$vectorize": region})
    [record] = await usage(running.api, "PROVIDER")
    assert record["texts"] == 2


@pytest.mark.parametrize("role", ["Read/Write User"])
async def test_a_token_limited_to_databases_sees_their_usage_only(running: Running, role: str) -> None:
    hidden = await running.api.local_collection("hidden", "private")
    shown = await running.api.local_collection("shown", "public")
    for collection_id in (hidden, shown):
        await running.api.insert(collection_id, {"$vectorize": "one"})
    database = (await running.api('{ organization { database(name: "public") { id } } }'))["organization"]["database"][
        "id"
    ]
    async with await running.api.with_token(role, databaseIds=[database]) as limited:
        assert [record["targetName"] for record in await usage(limited, "TARGET")] == ["shown"]


async def test_a_write_whose_commit_is_not_answered_has_spent_its_tokens_once(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    collection_id = await running.api.openai_collection()
    transaction, record, recorded = Cluster.transaction, store.record, list[Spent]()

    @asynccontextmanager
    async def unanswered(cluster: Cluster) -> AsyncIterator[Connection]:
        async with transaction(cluster) as connection:
            yield connection
        if recorded:
            raise DatabaseUnavailable("The connection broke while COMMIT was answered.")

    async def noted(connection: Connection, spent: Spent) -> None:
        recorded.append(spent)
        await record(connection, spent)

    with monkeypatch.context() as patched:
        patched.setattr(Cluster, "transaction", unanswered)
        patched.setattr(store, "record", noted)
        refused = await running.api.refusal(
            INSERT, input={"collectionId": collection_id, "documents": [{"_id": "a", "$vectorize": "one"}]}
        )
    assert (refused.codes, len(recorded)) == (["DATABASE_UNAVAILABLE"], 1)
    [told] = await usage(running.api)
    assert (told["requests"], told["texts"]) == (1, 1)
