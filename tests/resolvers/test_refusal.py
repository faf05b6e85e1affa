"""What is refused, and by whom, is in the audit log: also of queries, subscriptions and what was broken off; and it cannot be flooded."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from app.domain import refusal, sweep
from app.quota import MOST_REFUSED
from resolvers.node import global_id, local_id
from tests.factory import CREATE_TOKEN, SEARCH, TOKEN, Api, Run, Running
from tests.resolvers.documents import REVOKE
from tests.resolvers.test_audit_event import log
from tests.socket_client import socket

READER = "Read-Only User"
ACCESS = """{ mine: organization { innocent: accessTokens { totalCount } again: accessTokens { totalCount } auditLog { totalCount } } }"""
EVENTS = "subscription { auditEvents { action } }"
STREAM = "/graphql/stream"
DROP_AND_CREATE = """mutation {
  dropRole(input: {name: "r"}) { clientMutationId } createDatabase(input: {name: "library"}) { clientMutationId } }"""
EVENT_IDS = "select id from vectorgate.audit_event where outcome <> 'done'"


async def refused(api: Api) -> list[tuple[str, str, str, dict[str, Any]]]:
    """(actor, action, outcome, details without what every event has) of the refusals, oldest first."""
    given = ("requestId", "address", "tokenId")
    return [
        (
            each["actor"],
            each["action"],
            each["outcome"],
            {key: value for key, value in each["details"].items() if key not in given},
        )
        for each in (await log(api))[::-1]
        if each["outcome"] != "done"
    ]


def lacking(permission: str, count: int = 1) -> dict[str, Any]:
    return {"count": count, "permission": permission}


def role_drops(count: int) -> str:
    return (
        "mutation { "
        + " ".join(f'a{n}: dropRole(input: {{name: "r{n}"}}) {{ clientMutationId }}' for n in range(count))
        + " }"
    )


# --- queries and subscriptions ---
async def test_permissions_that_queries_are_refused_are_in_the_log_by_the_schema_s_names(running: Running) -> None:
    books = await running.api.openai_collection()
    async with await running.api.with_token("Database Administrator") as clerk:
        assert (await clerk.refusal(ACCESS)).codes == ["PERMISSION_DENIED"] * 3
    await running.api('mutation { createRole(input: {name: "Writer", permissions: [WRITE_DATA]}) { role { id } } }')
    async with await running.api.with_token("Writer") as writer:
        assert (await writer.refusal(SEARCH, id=books, query="whale")).codes == ["PERMISSION_DENIED"]
    assert await refused(running.api) == [
        ("Database Administrator 0", "access_tokens", "PERMISSION_DENIED", lacking("MANAGE_ACCESS", 2)),
        ("Database Administrator 0", "audit_log", "PERMISSION_DENIED", lacking("MANAGE_ACCESS")),
        ("Writer 0", "vector_search", "PERMISSION_DENIED", lacking("READ_DATA")),
    ]


async def test_permissions_that_subscriptions_are_refused_are_in_the_log_on_both_transports(running: Running) -> None:
    async with await running.api.with_token(READER) as reader, socket(running.url) as client:
        await client.init(reader.http.headers["authorization"].removeprefix("Bearer "))
        await client.ask("1", EVENTS)
        await client.refused("1")
        assert '"PERMISSION_DENIED"' in (await reader.http.post(STREAM, json={"query": EVENTS})).text
        await client.ask("2", ACCESS)
        await client.heard()
    subscribed = (f"{READER} 0", "audit_events", "PERMISSION_DENIED", lacking("MANAGE_ACCESS"))
    found = await refused(running.api)
    assert found[:2] == [subscribed, subscribed]
    assert [each[1] for each in found[2:]] == ["access_tokens", "audit_log"]


async def test_what_is_below_a_mutation_and_refused_is_told_beside_what_the_mutation_did(running: Running) -> None:
    books = await running.api.openai_collection()
    await running.api('mutation { createRole(input: {name: "Writer", permissions: [WRITE_DATA]}) { role { id } } }')
    insert = "mutation I($i: InsertDocumentsInput!) { insertDocuments(input: $i) { collection { documents { nodes { key } } } } }"
    async with await running.api.with_token("Writer") as writer:
        await writer.refusal(insert, i={"collectionId": books, "documents": [{"a": 1}]})
    assert await refused(running.api) == [("Writer 0", "documents", "PERMISSION_DENIED", lacking("READ_DATA"))]
    assert [each["outcome"] for each in await log(running.api, action="insert_documents")] == ["done"]


async def test_a_refusal_that_is_not_one_of_a_permission_is_no_event_of_a_query(running: Running) -> None:
    await running.api.refusal(SEARCH, id=global_id("Collection", "nothing"), query="whale")
    assert await refused(running.api) == []


# --- what does not come to its end ---
async def test_a_mutation_that_ran_out_of_time_is_in_the_log_and_says_that_it_may_have_been_done(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = await run(request_timeout_seconds=2)

    async def hang(*_: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr("app.domain.database._insert", hang)
    late = await running.api.post(DROP_AND_CREATE)
    assert late.json()["errors"][0]["extensions"]["code"] == "LIMIT_EXCEEDED"
    assert await refused(running.api) == [
        ("bootstrap", "drop_role", "NOT_FOUND", {"count": 1}),
        ("bootstrap", "create_database", "LIMIT_EXCEEDED", {"count": 1, "interrupted": True}),
    ]


async def test_a_log_that_hangs_keeps_no_answer_for_long(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    async def hang(*_: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(refusal, "TELLING_SECONDS", 0.05)
    monkeypatch.setattr("app.domain.audit.refused", hang)
    assert (await running.api.refusal(role_drops(1))).codes == ["NOT_FOUND"]


# --- no flood ---
async def test_one_request_makes_one_event_of_equal_refusals(running: Running) -> None:
    async with await running.api.with_token(READER) as reader:
        await reader.refusal(role_drops(20))
    denied = lacking("MANAGE_ACCESS", 20)
    assert await refused(running.api) == [(f"{READER} 0", "drop_role", "PERMISSION_DENIED", denied)]


async def test_refusals_about_different_things_are_found_by_each_of_them(running: Running) -> None:
    libraries = [await running.api.database(name) for name in ("one", "two")]
    drop = 'a{0}: dropDatabase(input: {{databaseId: "{1}", confirmName: "?"}}) {{ clientMutationId }}'
    await running.api.refusal("mutation {" + " ".join(drop.format(n, each) for n, each in enumerate(libraries)) + "}")
    for library in libraries:
        newest, _ = await log(running.api, target=library)
        assert newest["outcome"] == "CONFIRMATION_MISMATCH"


async def test_a_token_that_may_nothing_writes_so_many_events_a_minute_and_then_their_number(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = 1000.0
    monkeypatch.setattr(running.gateway.refusals, "_now", lambda: clock)
    async with await running.api.with_token(READER) as reader:
        for _ in range(MOST_REFUSED + 3):
            await reader.refusal(role_drops(2))
        assert len(await running.sql(EVENT_IDS)) == MOST_REFUSED
        await sweep.once(running.gateway)
        assert len(await running.sql(EVENT_IDS)) == MOST_REFUSED
        clock += 60
        await sweep.once(running.gateway)
        [event] = await log(running.api, action="refusals_left_out")
        assert (event["actor"], event["outcome"], event["details"]["count"]) == (f"{READER} 0", "RATE_LIMITED", 6)
        await reader.refusal(role_drops(1))
    assert len(await running.sql(EVENT_IDS)) == MOST_REFUSED + 2


async def test_what_was_left_out_is_told_when_the_process_ends(running: Running) -> None:
    async with await running.api.with_token(READER) as reader:
        for _ in range(MOST_REFUSED + 1):
            await reader.refusal(role_drops(1))
    await refusal.tell_left_out(running.gateway, last=True)
    assert len(await log(running.api, action="refusals_left_out")) == 1


# --- who it was ---
async def test_two_tokens_of_one_name_are_told_apart_in_what_they_did(running: Running) -> None:
    ids = []
    for name in ("first", "second"):
        given = {"name": "alice", "roles": ["Database Administrator"]}
        made = (await running.api(CREATE_TOKEN, input=given))["createAccessToken"]
        ids.append(made["accessToken"]["id"])
        async with Api(running.url, made["secret"]) as alice:
            await alice.database(name)
        await running.api(REVOKE, id=ids[-1])
    events = [each for each in await log(running.api) if each["actor"] == "alice"]
    assert [each["details"]["tokenId"] for each in events[::-1]] == ids
    rows = await running.sql("select actor_id from vectorgate.audit_event where actor = 'alice' order by number")
    assert [row["actor_id"] for row in rows] == [local_id("AccessToken", each) for each in ids]


@pytest.mark.parametrize("name", ["vectorgate", "operator", "Operator"])
async def test_no_token_is_called_as_an_actor_that_is_none(api: Api, name: str) -> None:
    assert (await api.refusal(CREATE_TOKEN, input={"name": name, "roles": [READER]})).codes == ["ALREADY_EXISTS"]


async def test_what_a_new_token_may_and_where_and_how_long_is_in_its_event(running: Running) -> None:
    library = await running.api.database()
    given = {"name": "a", "roles": [READER], "databaseIds": [library], "expiresAt": "2100-01-01T00:00:00Z"}
    await running.api(CREATE_TOKEN, input=given)
    await running.api(CREATE_TOKEN, input={"name": "b", "roles": [READER]})
    limited, free = [each["details"] for each in (await log(running.api, action="create_access_token"))[::-1]]
    assert (limited["databaseIds"], limited["expiresAt"]) == ([library], "2100-01-01T00:00:00+00:00")
    assert (free["databaseIds"], free["expiresAt"]) == (None, None)


async def test_a_changed_bootstrap_token_is_in_the_log_as_the_operator_s_doing(run: Run) -> None:
    before = await run()
    assert await log(before.api) == []
    token = "vg_another-token-altogether"
    await run(bootstrap_token=token)
    async with Api(before.url, token) as api:
        [event] = await log(api)
    assert (event["actor"], event["action"], event["targetName"]) == (
        "operator",
        "replace_bootstrap_token",
        "bootstrap",
    )
    assert "tokenId" not in event["details"]
    await run(bootstrap_token=token)
    assert len(await before.sql("select from vectorgate.audit_event")) == 1
    assert TOKEN not in str(event)
