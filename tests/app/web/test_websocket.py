"""Sockets as clients meet them: every way to begin, to talk at cross purposes, and to be closed, over real connections."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import structlog
from websockets.exceptions import InvalidStatus

from app.web.rate import arrivals
from app.web.socket import MOST_OPERATIONS, Patience
from tests.app.web.streaming import LARGEST_MESSAGE, Door, Served, served
from tests.patience import until
from tests.resolvers.operation.small import SECRET
from tests.socket_client import SUBPROTOCOL, SocketClient, socket

WAITING = "subscription { waiting }"
SLOW = "mutation { slow }"


@pytest.fixture(autouse=True)
async def nothing_is_left_running() -> AsyncIterator[None]:
    before = asyncio.all_tasks()
    yield
    await until(lambda: _nothing_new(before))


async def _nothing_new(before: set[asyncio.Task[Any]]) -> bool:
    return asyncio.all_tasks() - {asyncio.current_task()} <= before


@pytest.fixture
def door() -> Door:
    return Door()


@pytest.fixture
async def server(door: Door) -> AsyncIterator[Served]:
    async with served(door) as opened:
        yield opened


@pytest.fixture
async def fresh(server: Served) -> AsyncIterator[SocketClient]:
    """A socket that is not initialised."""
    async with socket(server.url) as client:
        yield client


@pytest.fixture
async def client(fresh: SocketClient) -> SocketClient:
    """A socket that is acknowledged."""
    await fresh.init("t")
    return fresh


async def called(door: Door, *calls: str) -> None:
    """Wait until the resolvers have noted these."""

    async def noted() -> bool:
        return set(calls) <= set(door.context.calls)

    await until(noted)


# --- the handshake ---
@pytest.mark.parametrize("offered", [["graphql-ws"], ["graphql-ws", "soap"]])
async def test_other_sub_protocols_are_refused_at_the_handshake(
    server: Served, offered: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with socket(server.url, *offered):
            pass
    response = refused.value.response
    (error,) = json.loads(response.body or b"")["errors"]
    assert (response.status_code, error["extensions"]["code"]) == (400, "BAD_INPUT")
    assert response.headers["x-request-id"] == error["extensions"]["requestId"]
    assert SUBPROTOCOL in error["message"]
    assert not [entry for entry in caplog.records if entry.levelname == "ERROR"], "a client's mistake is no fault"


async def test_the_sub_protocol_is_chosen_from_several_and_the_socket_has_a_request_id(server: Served) -> None:
    given = {"x-request-id": "mine-1"}
    async with socket(server.url, "graphql-ws", SUBPROTOCOL, additional_headers=given) as client:
        assert client.connection.subprotocol == SUBPROTOCOL
        assert client.connection.response is not None
        assert client.connection.response.headers["x-request-id"] == "mine-1"


async def test_handshakes_count_for_their_address_and_beyond_the_rate_are_429(door: Door) -> None:
    async with served(door, arrive=arrivals(2)) as opened, socket(opened.url) as first, socket(opened.url):
        with pytest.raises(InvalidStatus) as refused:
            async with socket(opened.url):
                pass
        await first.init("t")
    response = refused.value.response
    (error,) = json.loads(response.body or b"")["errors"]
    assert (response.status_code, error["extensions"]["code"]) == (429, "RATE_LIMITED")
    assert response.headers["retry-after"] == str(error["extensions"]["retryAfterSeconds"])


# --- the beginning ---
@pytest.mark.parametrize("payload", [{"Authorization": "Bearer t"}, {"authorization": "Bearer t"}, {"token": "t"}])
async def test_a_token_in_the_payload_is_acknowledged(fresh: SocketClient, door: Door, payload: dict[str, str]) -> None:
    await fresh.say("connection_init", payload=payload)
    assert await fresh.heard() == {"type": "connection_ack"}
    assert door.seen == ["Bearer t"]


@pytest.mark.parametrize(
    "message", [{}, {"payload": None}, {"payload": {"token": "wrong"}}, {"payload": {"token": "é"}}]
)
async def test_without_a_valid_token_it_is_4403(fresh: SocketClient, message: dict[str, Any]) -> None:
    await fresh.say("connection_init", **message)
    code, reason = await fresh.closed()
    assert code == 4403
    assert reason.startswith("Forbidden: ")


async def test_while_tokens_cannot_be_checked_it_is_told_to_try_again(fresh: SocketClient, door: Door) -> None:
    door.away = True
    await fresh.say("connection_init", payload={"token": "t"})
    assert await fresh.closed() == (1013, "The database is away.")


async def test_without_connection_init_it_is_4408(door: Door) -> None:
    async with served(door, patience=Patience(init=0.05)) as opened, socket(opened.url) as fresh:
        assert await fresh.closed() == (4408, "Connection initialisation timeout")


async def test_the_time_for_connection_init_is_over_when_it_has_come(door: Door) -> None:
    door.seconds = 0.1
    async with served(door, patience=Patience(init=0.05)) as opened, socket(opened.url) as fresh:
        await fresh.init("t")


async def test_subscribe_before_the_acknowledgement_is_4401(fresh: SocketClient, door: Door) -> None:
    await fresh.ask("1", "{ organization { name } }")
    assert await fresh.closed() == (4401, "Unauthorized")
    assert door.seen == []


async def test_a_ping_is_answered_before_the_acknowledgement_too(fresh: SocketClient, door: Door) -> None:
    await fresh.say("pong")
    await fresh.say("complete", id="1")
    await fresh.say("ping", payload={"a": 1})
    assert await fresh.heard() == {"type": "pong", "payload": {"a": 1}}
    assert door.seen == []
    await fresh.init("t")


async def test_pings_alone_do_not_keep_a_stranger(door: Door) -> None:
    async with served(door, patience=Patience(init=0.2)) as opened, socket(opened.url) as fresh:
        await fresh.say("ping")
        assert await fresh.heard() == {"type": "pong"}
        assert await fresh.closed() == (4408, "Connection initialisation timeout")


async def test_what_is_told_to_a_closed_client_is_not_logged_as_it_may_name_its_id(client: SocketClient) -> None:
    with structlog.testing.capture_logs() as logs:
        for _ in range(2):
            await client.ask("pasted-by-mistake", WAITING)
        assert await client.closed() == (4409, "Subscriber for pasted-by-mistake already exists")
    assert [entry["code"] for entry in logs if entry["event"] == "socket_closed"] == [4409]
    assert "pasted-by-mistake" not in str(logs)


async def test_a_long_message_is_read_beside_the_event_loop(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[object] = []

    async def to_thread(function: Callable[..., object], *arguments: object) -> object:
        threads.append(function)
        return function(*arguments)

    monkeypatch.setattr("app.web.socket.QUICK", 500)
    monkeypatch.setattr("app.web.socket.asyncio.to_thread", to_thread)
    async with served(door) as opened, socket(opened.url) as client:
        await client.init("t")
        for length in (10, 1_000):
            await client.say("ping", payload={"long": "x" * length})
            assert (await client.heard())["type"] == "pong"
    assert len(threads) == 1


async def test_a_second_init_is_4429(client: SocketClient) -> None:
    await client.say("connection_init", payload={"token": "t"})
    assert await client.closed() == (4429, "Too many initialisation requests")


# --- messages ---
@pytest.mark.parametrize(
    "frame",
    ["{", "[]", '{"type": "start", "id": "1"}', '{"type": "subscribe", "id": "1", "payload": {}}', b'{"type": "ping"}'],
)
async def test_a_message_that_is_none_is_4400(client: SocketClient, frame: str | bytes) -> None:
    await client.connection.send(frame)
    code, reason = await client.closed()
    assert code == 4400
    assert reason


async def test_a_message_over_the_limit_is_1009(client: SocketClient) -> None:
    await client.ask("1", WAITING)
    assert await client.next_of("1") == {"waiting": 1}
    await client.say("ping", payload={"long": "x" * LARGEST_MESSAGE})
    assert (await client.closed())[0] == 1009


async def test_pings_are_answered_with_their_payload_and_what_is_over_is_ignored(client: SocketClient) -> None:
    await client.say("pong", payload={"at": 1})
    await client.say("complete", id="nobody")
    await client.say("ping", payload={"at": 2})
    assert await client.heard() == {"type": "pong", "payload": {"at": 2}}
    await client.say("ping")
    assert await client.heard() == {"type": "pong"}


# --- operations ---
async def test_queries_mutations_and_subscriptions_are_answered_and_completed(client: SocketClient, door: Door) -> None:
    assert await client.answered("1", "{ organization { name } }") == {"organization": {"name": "acme"}}
    door.context.release.set()
    assert await client.answered("1", SLOW) == {"slow": "mutation"}
    await client.ask(
        "1", "subscription S($names: [String!]!) { collections(names: $names) { name } }", names=["a", "b"]
    )
    assert await client.next_of("1") == {"collections": {"name": "a"}}
    assert await client.next_of("1") == {"collections": {"name": "b"}}
    await client.completed("1")
    assert door.seen == ["Bearer t"] * 4, "each operation authenticates anew"


async def test_errors_of_fields_come_with_data_and_errors_of_requests_alone(client: SocketClient) -> None:
    await client.ask("1", "{ missing }")
    answer = (await client.heard())["payload"]
    assert (answer["data"], answer["errors"][0]["extensions"]["code"]) == ({"missing": None}, "NOT_FOUND")
    await client.completed("1")
    await client.ask("2", "{ nothing }")
    assert (await client.refused("2"))["extensions"]["code"] == "BAD_INPUT"
    await client.ask("2", "{ a: organization { name } b: organization { name } c: organization { name } }")
    facts = (await client.refused("2"))["extensions"]
    assert (facts["code"], facts["limit"], facts["actual"]) == ("LIMIT_EXCEEDED", 2, 3)


async def test_sources_that_refuse_or_break_end_with_an_error(client: SocketClient) -> None:
    await client.ask("1", "subscription { refused }")
    refused = await client.refused("1")
    assert (refused["extensions"]["code"], refused["path"]) == ("NOT_FOUND", ["refused"])
    await client.ask("2", "subscription { broken }")
    assert await client.next_of("2") == {"broken": 1}
    broken = await client.refused("2")
    assert broken["extensions"]["code"] == "INTERNAL"
    assert SECRET not in str(broken)


async def test_an_operation_that_takes_too_long_ends_with_an_error(door: Door) -> None:
    async with served(door, seconds=0.05) as opened, socket(opened.url) as client:
        await client.init("t")
        await client.ask("1", "{ slow }")
        facts = (await client.refused("1"))["extensions"]
        assert (facts["code"], facts["limit"], facts["retryable"]) == ("LIMIT_EXCEEDED", 0.05, True)
        assert door.context.calls == ["query cancelled"]


async def test_operations_go_on_beside_each_other(client: SocketClient, door: Door) -> None:
    await client.ask("stream", WAITING)
    assert await client.next_of("stream") == {"waiting": 1}
    await client.ask("slow", "{ slow }")
    assert await client.answered("quick", "{ organization { name } }") == {"organization": {"name": "acme"}}
    door.context.release.set()
    told = [await client.heard() for _ in range(4)]
    assert {message["id"]: message.get("payload") for message in told if message["type"] == "next"} == {
        "stream": {"data": {"waiting": 2}},
        "slow": {"data": {"slow": "query"}},
    }
    assert {message["id"] for message in told if message["type"] == "complete"} == {"stream", "slow"}


async def test_an_id_in_use_is_4409_and_free_again_afterwards(client: SocketClient, door: Door) -> None:
    await client.ask("1", WAITING)
    assert await client.next_of("1") == {"waiting": 1}
    await client.say("complete", id="1")
    await client.ask("1", WAITING)
    assert await client.next_of("1") == {"waiting": 1}
    await client.ask("1", "{ organization { name } }")
    assert await client.closed() == (4409, "Subscriber for 1 already exists")
    await called(door, "source closed")
    assert door.context.calls.count("source closed") == 2


async def test_a_client_that_completes_hears_no_more_and_its_mutation_goes_on(client: SocketClient, door: Door) -> None:
    await client.ask("query", "{ slow }")
    await called_begun(door)
    await client.say("complete", id="query")
    await called(door, "query cancelled")
    await client.ask("mutation", SLOW)
    await called_begun(door)
    await client.say("complete", id="mutation")
    assert await client.answered("1", "{ organization { name } }") == {"organization": {"name": "acme"}}
    door.context.release.set()
    await called(door, "mutation finished")
    assert await client.answered("mutation", "{ organization { name } }") == {"organization": {"name": "acme"}}


async def called_begun(door: Door) -> None:
    """Wait until a slow resolver has begun."""
    await door.context.begun.wait()
    door.context.begun.clear()


async def test_when_its_client_leaves_queries_are_cancelled_and_mutations_finished(server: Served, door: Door) -> None:
    async with socket(server.url) as client:
        await client.init("t")
        await client.ask("1", WAITING)
        await client.next_of("1")
        await client.ask("2", "{ slow }")
        await called_begun(door)
        await client.ask("3", SLOW)
        await called_begun(door)
    await called(door, "source closed", "query cancelled")
    assert "mutation cancelled" not in door.context.calls
    door.context.release.set()
    await called(door, "mutation finished")


async def test_operations_beyond_the_limit_are_refused_and_the_socket_stays(client: SocketClient, door: Door) -> None:
    for number in range(MOST_OPERATIONS):
        await client.ask(str(number), WAITING)
        await client.next_of(str(number))
    await client.ask("more", WAITING)
    facts = (await client.refused("more"))["extensions"]
    assert (facts["code"], facts["limit"], facts["actual"]) == ("LIMIT_EXCEEDED", MOST_OPERATIONS, MOST_OPERATIONS + 1)
    await client.say("complete", id="0")
    await called(door, "source closed")
    await client.ask("more", WAITING)
    assert await client.next_of("more") == {"waiting": 1}


# --- the end ---
async def test_a_socket_without_operations_is_closed_after_a_while_and_one_with_stays(door: Door) -> None:
    async with served(door, patience=Patience(idle=0.05)) as opened, socket(opened.url) as client:
        await client.init("t")
        await client.ask("1", "{ slow }")
        await called_begun(door)
        asyncio.get_running_loop().call_later(0.1, door.context.release.set)
        assert await client.next_of("1") == {"slow": "query"}
        assert await client.closed() == (1000, "No operation for 0.05 seconds.")


async def test_a_client_that_does_not_read_is_closed_and_its_source_with_it(door: Door) -> None:
    with structlog.testing.capture_logs() as logs:
        async with served(door, patience=Patience(room=0.2)) as opened, socket(opened.url, max_queue=1) as client:
            await client.init("t")
            await client.ask("2", SLOW)
            await called_begun(door)
            await client.ask("1", "subscription { flood(length: 100000) }")
            await called(door, "made")
            door.context.release.set()
            await called(door, "mutation finished", "source closed")
            assert await client.closed() == (1008, "The client does not read what it is sent.")
    assert {entry["log_level"] for entry in logs} == {"info"}, "that nobody hears of the mutation is no fault"
    assert door.context.calls.count("made") < 200, "no more is made than sockets' buffers hold"


async def test_an_answer_that_still_waits_for_room_is_dropped_when_the_socket_is_closed(door: Door) -> None:
    with structlog.testing.capture_logs() as logs:
        async with served(door) as opened, socket(opened.url, max_queue=1) as client:
            await client.init("t")
            await client.ask("2", SLOW)
            await called_begun(door)
            await client.ask("1", "subscription { flood(length: 100000) }")
            await nothing_more_is_made(door)
            door.context.release.set()
            await called(door, "mutation finished")
            door.tokens.clear()
            door.say_that_tokens_changed()
            await called(door, "source closed")
            assert (await client.closed())[0] == 4403
    assert {entry["log_level"] for entry in logs} == {"info"}


async def nothing_more_is_made(door: Door) -> None:
    """Wait until a flood has filled all there is room in."""
    counted = [-1]

    async def settled() -> bool:
        counted.append(len(door.context.calls))
        return counted[-1] == counted[-2] > 1

    await until(settled)


async def test_a_token_that_ends_closes_its_sockets_and_no_others(server: Served, door: Door) -> None:
    door.tokens.add("u")
    async with socket(server.url) as ended, socket(server.url) as other:
        await ended.init("t")
        await other.init("u")
        await ended.ask("1", WAITING)
        await ended.next_of("1")
        door.tokens.remove("t")
        door.say_that_tokens_changed()
        assert await ended.closed() == (4403, "Forbidden: the access token is not valid any more.")
        assert await other.answered("1", "{ organization { name } }") == {"organization": {"name": "acme"}}
    await called(door, "source closed")


async def test_an_operation_with_a_token_that_has_ended_meanwhile_is_4403(client: SocketClient, door: Door) -> None:
    door.tokens.clear()
    await client.ask("1", SLOW)
    assert await client.closed() == (4403, "Forbidden: The access token is not valid.")
    assert door.context.calls == []


async def test_an_operation_is_refused_while_tokens_cannot_be_checked_and_the_socket_stays(
    client: SocketClient, door: Door
) -> None:
    door.away = True
    await client.ask("1", "{ organization { name } }")
    assert (await client.refused("1"))["extensions"]["code"] == "DATABASE_UNAVAILABLE"
    door.away = False
    assert await client.answered("1", "{ organization { name } }") == {"organization": {"name": "acme"}}


async def test_a_server_that_stops_says_so(door: Door) -> None:
    async with served(door) as opened:
        async with socket(opened.url) as fresh, socket(opened.url) as client:
            await client.init("t")
            await client.ask("1", WAITING)
            await client.next_of("1")
            await client.ask("2", SLOW)
            await called_begun(door)
            opened.vigil.stop()
            stopping = (1012, "The server is stopping: connect again.")
            assert (await fresh.closed(), await client.closed()) == (stopping, stopping)
        async with socket(opened.url) as late:
            assert await late.closed() == stopping
        door.context.release.set()
    assert door.context.calls[-1] == "mutation finished"
