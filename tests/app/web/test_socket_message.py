"""Messages of graphql-transport-ws: what is one, what is not, and nothing secret in what is said about them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from app.web.socket_message import (
    LONGEST_REASON,
    Close,
    CloseCode,
    Closing,
    Complete,
    ConnectionInit,
    Ping,
    Pong,
    Received,
    Subscribe,
    read,
    write,
)
from resolvers.operation.execution import GraphQLRequest

ASKED: dict[str, Any] = {"query": "{ a }", "operationName": "A", "variables": {"v": 1}, "extensions": {}}


def received(**message: Any) -> Received:  # noqa: ANN401 - JSON
    return read({"type": "websocket.receive", "text": json.dumps(message)})


def test_every_message_of_a_client_is_read() -> None:
    assert received(type="connection_init") == ConnectionInit(None)
    assert received(type="connection_init", payload={"token": "t"}) == ConnectionInit({"token": "t"})
    assert received(type="ping", payload=None) == Ping(None)
    assert received(type="ping", payload={"at": 1}) == Ping({"at": 1})
    assert received(type="pong") == Pong()
    assert received(type="complete", id="1") == Complete("1")
    assert received(type="subscribe", id="1", payload=ASKED) == Subscribe("1", GraphQLRequest("{ a }", "A", {"v": 1}))
    bare = {"query": "{ a }", "operationName": None, "variables": None}
    assert received(type="subscribe", id="1", payload=bare) == Subscribe("1", GraphQLRequest("{ a }"))


@pytest.mark.parametrize(
    "message",
    [
        {"type": "unknown"},
        {"type": 1},
        {},
        {"type": "connection_ack"},
        {"type": "next", "id": "1", "payload": {}},
        {"type": "start", "id": "1", "payload": ASKED},
        {"type": "connection_init", "payload": "t"},
        {"type": "ping", "payload": []},
        {"type": "pong", "payload": 1},
        {"type": "complete"},
        {"type": "complete", "id": 1},
        {"type": "complete", "id": ""},
        {"type": "subscribe", "payload": ASKED},
        {"type": "subscribe", "id": "", "payload": ASKED},
        {"type": "subscribe", "id": "1"},
        {"type": "subscribe", "id": "1", "payload": [ASKED]},
        {"type": "subscribe", "id": "1", "payload": {}},
        {"type": "subscribe", "id": "1", "payload": {**ASKED, "query": 1}},
        {"type": "subscribe", "id": "1", "payload": {**ASKED, "variables": []}},
        {"type": "subscribe", "id": "1", "payload": {**ASKED, "operationName": 1}},
        {"type": "subscribe", "id": "1", "payload": {**ASKED, "extensions": "e"}},
    ],
    ids=str,
)
def test_what_is_not_in_the_protocol_is_refused(message: dict[str, Any]) -> None:
    with pytest.raises(Closing) as refused:
        received(**message)
    assert refused.value.close.code is CloseCode.BAD_MESSAGE
    assert refused.value.close.reason


@pytest.mark.parametrize("text", ["", "{", "[]", '"ping"', "null", "NaN", '{"type": "ping", "payload": {"a": NaN}}'])
def test_what_is_no_json_object_is_refused_without_being_quoted(text: str) -> None:
    with pytest.raises(Closing) as refused:
        read({"type": "websocket.receive", "text": text})
    assert refused.value.close.code == CloseCode.BAD_MESSAGE
    assert "NaN" not in refused.value.close.reason


def test_binary_messages_are_refused() -> None:
    with pytest.raises(Closing) as refused:
        read({"type": "websocket.receive", "bytes": b'{"type": "ping"}'})
    assert refused.value.close == Close(CloseCode.BAD_MESSAGE, "Messages are text, not binary.")


@pytest.mark.parametrize(
    ("payload", "token"),
    [
        ({"Authorization": "Bearer t"}, "t"),
        ({"authorization": "bearer t "}, "t"),
        ({"token": "t"}, "t"),
        ({"Authorization": "Basic t"}, None),
        ({"Authorization": "Bearer "}, None),
        ({"token": "é"}, None),
        ({"token": ["t"]}, None),
        ({}, None),
        (None, None),
    ],
    ids=str,
)
def test_the_token_is_where_clients_put_it(payload: dict[str, Any] | None, token: str | None) -> None:
    init = ConnectionInit(payload)
    assert init.token == token
    assert "Bearer" not in repr(init)


def test_a_reason_is_cut_to_what_a_close_frame_holds() -> None:
    told = Close(CloseCode.DUPLICATE_ID, f"Subscriber for {'ü' * 200} already exists").told
    assert len(told.encode()) <= LONGEST_REASON
    assert told.startswith("Subscriber for üü")
    assert Close(CloseCode.BAD_MESSAGE, "half \ud800 of one").told == "half ? of one"


def test_messages_for_the_client_are_one_json_object() -> None:
    assert json.loads(write("next", id="1", payload={"data": {"a": 1}})) == {
        "type": "next",
        "id": "1",
        "payload": {"data": {"a": 1}},
    }
    assert write("connection_ack") == '{"type":"connection_ack"}'
