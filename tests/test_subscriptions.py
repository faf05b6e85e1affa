"""Subscriptions of a real gateway, over both transports: what happens on one replica is heard on the others, and nothing is lost."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app import notification
from app.domain import audit
from app.errors import DatabaseUnavailable
from app.notification import Topic
from app.store import audit_event
from app.store.audit_event import NewEvent
from app.store.record import AuditEvent, new_id
from tests.factory import CREATE_DATABASE, CREATE_TOKEN, TOKEN, Api, Run, Running
from tests.fakes.openai import OpenAIFake
from tests.patience import in_time, until
from tests.processes import serving
from tests.socket_client import SocketClient, socket

EVENTS = "subscription { auditEvents { action actor targetName outcome } }"
STREAM = "/graphql/stream"
NAMES = "subscription Names($action: String) { auditEvents(action: $action) { targetName outcome } }"
REVOKE = "mutation R($id: ID!) { revokeAccessToken(input: {accessTokenId: $id}) { accessToken { revokedAt } } }"
HERE = "from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
LISTENING = f"{HERE} and query ilike 'listen %'"


@pytest.fixture(autouse=True)
def impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that broke is made again soon."""
    monkeypatch.setattr(notification, "RETRY_SECONDS", 0.05)


@asynccontextmanager
async def following(running: Running, query: str = EVENTS, **variables: Any) -> AsyncIterator[SocketClient]:  # noqa: ANN401 - JSON
    """A socket whose operation `1` is subscribed: what is done from now on, it hears of."""
    async with socket(running.url) as client:
        await client.init()
        readers = followers(running)
        await client.ask("1", query, **variables)
        await until(lambda: _more(running, readers))
        yield client


def followers(running: Running) -> int:
    """How many subscriptions of a gateway wait for audit events."""
    readers = running.gateway.hub._readers.items()
    return sum(len(flags) for (topic, _), flags in readers if topic == Topic.AUDIT_EVENT)


async def _more(running: Running, than: int) -> bool:
    return followers(running) > than


async def heard(client: SocketClient, times: int = 1) -> list[dict[str, Any]]:
    return [(await client.next_of("1"))["auditEvents"] for _ in range(times)]


async def test_an_event_through_one_replica_is_heard_on_another_over_both_transports(run: Run) -> None:
    here, there = await run(), await run()
    async with (
        following(here) as client,
        here.api.http.stream("POST", STREAM, json={"query": NAMES}) as response,
    ):
        await until(lambda: _more(here, 1))
        await there.api.database("library")
        done = {"action": "create_database", "actor": "bootstrap", "targetName": "library", "outcome": "done"}
        assert await heard(client) == [done]
        lines = (line async for line in response.aiter_lines() if line.startswith("data:"))
        answer = {"data": {"auditEvents": {"targetName": "library", "outcome": "done"}}}
        assert json.loads((await anext(lines)).removeprefix("data:")) == answer
    await until(lambda: _nobody_follows(here))


async def _nobody_follows(running: Running) -> bool:
    return followers(running) == 0


async def test_refusals_are_heard_and_what_other_organizations_do_is_not(running: Running) -> None:
    async with following(running) as client, await running.other_organization() as other:
        await other.database("foreign")
        await running.api.refusal(CREATE_DATABASE, input={"name": "not a name"})
        assert await heard(client) == [
            {"action": "create_database", "actor": "bootstrap", "targetName": None, "outcome": "BAD_INPUT"}
        ]


async def test_an_action_can_be_followed_alone(running: Running) -> None:
    async with following(running, NAMES, action="create_collection") as client:
        await running.api.collection(await running.api.database("library"), "books")
        assert await heard(client) == [{"targetName": "books", "outcome": "done"}]


async def test_following_needs_the_permission_on_both_transports(running: Running) -> None:
    async with await running.api.with_token("Database Administrator") as administrator, socket(running.url) as client:
        await client.init(administrator.http.headers["authorization"].removeprefix("Bearer "))
        await client.ask("1", EVENTS)
        refused = await client.refused("1")
        stream = (await administrator.http.post(STREAM, json={"query": EVENTS})).text
        assert await client.answered("2", "{ viewer { roles } }") == {"viewer": {"roles": ["Database Administrator"]}}
    facts = {"code": "PERMISSION_DENIED", "permission": "MANAGE_ACCESS"}
    assert facts.items() <= refused["extensions"].items()
    assert refused["path"] == ["auditEvents"]
    assert '"PERMISSION_DENIED"' in stream
    assert followers(running) == 0


async def test_a_mutation_over_a_socket_is_done_and_heard(running: Running) -> None:
    async with following(running) as client:
        document = CREATE_DATABASE
        await client.ask("2", document, input={"name": "library"})
        answers = {message["id"]: message for message in [await client.heard() for _ in range(3)]}
        assert answers["1"]["payload"]["data"]["auditEvents"]["targetName"] == "library"
    (row,) = await running.sql("select name, status from vectorgate.database")
    assert (row["name"], row["status"]) == ("library", "ACTIVE")


async def test_events_of_one_commit_are_all_heard_in_their_order(running: Running) -> None:
    names = [f"event_{number}" for number in range(250)]
    async with following(running, NAMES) as client:
        async with running.gateway.postgres.catalogue.transaction() as connection:
            for name in names:
                await _append(connection, running, name)
        assert [event["targetName"] for event in await heard(client, 250)] == names


async def test_many_events_on_several_replicas_are_heard_each_once(run: Run) -> None:
    here, there = await run(), await run()
    async with following(here, "subscription { auditEvents { id } }") as client:
        refusals = [
            api.refusal(CREATE_DATABASE, input={"name": "!"}) for api in (here.api, there.api) for _ in range(75)
        ]
        await asyncio.gather(*refusals)
        ids = [event["id"] for event in await heard(client, 150)]
    assert len(set(ids)) == 150
    log = await here.api("{ organization { auditLog(first: 200) { nodes { id } } } }")
    assert {node["id"] for node in log["organization"]["auditLog"]["nodes"]} == set(ids)


async def test_an_event_is_told_when_it_is_true_and_holds_up_the_later_ones_until_then(running: Running) -> None:
    async with following(running, NAMES) as client, await running.other_organization() as other:
        async with running.gateway.postgres.catalogue.transaction() as connection:
            await _append(connection, running, "first")
            later = asyncio.create_task(running.api.database("second"))
            await other.database("elsewhere")
            await until(lambda: _somebody_waits(running))
        await later
        assert [event["targetName"] for event in await heard(client, 2)] == ["first", "second"]


async def _append(connection: Any, running: Running, name: str) -> None:  # noqa: ANN401 - as the stores have it
    (row,) = await running.sql("select id from vectorgate.organization where name = 'default'")
    facts: dict[str, Any] = {
        "actor": "a",
        "actor_id": None,
        "action": "b",
        "target_id": None,
        "target_name": name,
        "outcome": "done",
    }
    event = NewEvent(new_id(), row["id"], **facts, details={}, request_id="r", address="")
    await audit_event.append(connection, event)


async def _somebody_waits(running: Running) -> bool:
    waiting = "select 1 from pg_locks where locktype = 'advisory' and not granted"
    return bool(await running.sql(waiting))


# --- connections that break ---
async def test_no_event_is_lost_with_the_connection_that_listens(run: Run) -> None:
    here, there = await run(), await run()
    async with following(here, NAMES) as client:
        for number in range(2):
            await until(lambda: _both_listen(there))
            await there.as_login(f"select pg_terminate_backend(pid, 5000) {LISTENING}")
            await there.api.database(f"library_{number}")
            assert [event["targetName"] for event in await heard(client)] == [f"library_{number}"]


async def _both_listen(running: Running) -> bool:
    return len(await running.sql(f"select 1 {LISTENING}")) == 2


async def test_a_subscription_outlives_every_connection_of_its_gateway(run: Run) -> None:
    here, there = await run(), await run()
    async with following(here, NAMES) as client:
        await there.as_login(f"select pg_terminate_backend(pid, 5000) {HERE}")
        await there.api.database("library")
        assert [event["targetName"] for event in await heard(client)] == ["library"]


async def test_a_subscription_waits_while_the_database_is_away(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object) -> list[AuditEvent]:
        monkeypatch.undo()
        raise DatabaseUnavailable("The cluster cannot be reached.")

    async with following(running, NAMES) as client:
        monkeypatch.setattr(audit, "AGAIN_SECONDS", 0.01)
        monkeypatch.setattr(audit_event, "since", away)
        await running.api.database("library")
        assert [event["targetName"] for event in await heard(client)] == ["library"]


# --- tokens that end ---
async def test_a_revocation_is_told_to_every_process_when_it_is_true(run: Run) -> None:
    here, there = await run(), await run()
    made = (await here.api(CREATE_TOKEN, input={"name": "short", "roles": ["Read-Only User"]}))["createAccessToken"]
    with there.gateway.hub.changes(Topic.ACCESS_TOKEN) as changes:
        await changes.wait()
        await here.api(REVOKE, id=made["accessToken"]["id"])
        async with in_time():
            await changes.wait()


async def test_a_revocation_on_one_replica_closes_sockets_and_streams_on_the_other(run: Run) -> None:
    here, there = await run(), await run()
    made = (await here.api(CREATE_TOKEN, input={"name": "short", "roles": ["Organization Administrator"]}))[
        "createAccessToken"
    ]
    async with socket(there.url) as client, socket(there.url) as other, Api(there.url, made["secret"]) as api:
        await client.init(made["secret"])
        await other.init()
        async with api.http.stream("POST", STREAM, json={"query": EVENTS}) as response:
            await client.ask("1", EVENTS)
            await until(lambda: _more(there, 1))
            await here.api(REVOKE, id=made["accessToken"]["id"])
            assert await client.closed() == (4403, "Forbidden: the access token is not valid any more.")
            stream = "".join([text async for text in response.aiter_text()])
        assert '"UNAUTHENTICATED"' in stream
        assert stream.endswith("event: complete\ndata: \n\n")
        assert await other.answered("1", "{ viewer { tokenName } }") == {"viewer": {"tokenName": "bootstrap"}}
    await until(lambda: _nobody_follows(there))


async def test_a_token_that_expires_closes_its_sockets(running: Running) -> None:
    soon = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    given = {"name": "short", "roles": ["Read-Only User"], "expiresAt": soon}
    made = (await running.api(CREATE_TOKEN, input=given))["createAccessToken"]
    async with socket(running.url) as client:
        await client.init(made["secret"])
        await running.sql("update vectorgate.access_token set expires_at = now() where name = 'short'")
        await running.sql("select pg_notify($1, '')", Topic.ACCESS_TOKEN.value)
        assert (await client.closed())[0] == 4403


# --- the server's end ---
async def test_a_server_that_is_told_to_stop_ends_its_sockets_and_streams_and_then_itself(
    database_url: str, openai: OpenAIFake
) -> None:
    async with AsyncExitStack() as stack:
        async with serving(database_url, openai) as url:
            client = await stack.enter_async_context(socket(url))
            api = await stack.enter_async_context(Api(url, TOKEN))
            await client.init()
            await client.ask("1", EVENTS)
            response = await stack.enter_async_context(api.http.stream("POST", STREAM, json={"query": EVENTS}))
        assert await client.closed() == (1012, "The server is stopping: connect again.")
        assert "".join([text async for text in response.aiter_text()]) == ":\n\n"


@pytest.mark.parametrize("token", ["vg_no-such-token", "é"])
async def test_a_token_that_is_none_is_4403(running: Running, token: str) -> None:
    async with socket(running.url) as client:
        await client.say("connection_init", payload={"Authorization": f"Bearer {token}"})
        assert (await client.closed())[0] == 4403


async def test_a_message_may_have_what_a_body_may_have(run: Run) -> None:
    running = await run(max_body_bytes=2000)
    async with socket(running.url) as client:
        await client.init()
        assert await client.answered("1", "{ viewer { tokenName } } " + "#" * 1500)
        await client.ask("2", "{ viewer { tokenName } } " + "#" * 2000)
        assert (await client.closed())[0] == 1009
