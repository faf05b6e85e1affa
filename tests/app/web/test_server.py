"""uvicorn as we have it: what it does for sockets whose clients answer nothing, read nothing, or say too much."""

from __future__ import annotations

import asyncio
import base64
import math
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import ClassVar

import httpx
import pytest
import structlog
from uvicorn import Config
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.server import ServerState

from app.settings import Settings
from app.web import server
from app.web.server import SocketProtocol, protocols
from app.web.socket import Patience
from tests.app.web.streaming import LARGEST_MESSAGE, Door, served
from tests.patience import in_time, until
from tests.socket_client import SUBPROTOCOL, socket

FLOOD = "subscription { flood(length: 100000) }"


class Lost(SocketProtocol):
    """Tells when a connection is gone, on this side, and how much its client leaves unread."""

    gone = asyncio.Event()
    unread: ClassVar[Callable[[], int]] = int

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        type(self).unread = self.transport.get_write_buffer_size

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self.gone.set()


@pytest.fixture(autouse=True)
def lost(monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    monkeypatch.setattr(Lost, "gone", asyncio.Event())
    return Lost.gone


async def handshake(
    url: str, method: str = "GET", before: str = "", **more: str
) -> tuple[bytes, asyncio.StreamReader, asyncio.StreamWriter]:
    """The first line of the answer, and a connection that speaks WebSocket, and then nothing by itself: not even pongs.

    `before` is a request on the same connection, whose answer has no body.
    """
    host, port = url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    if before:
        writer.write(before.encode())
        await reader.readuntil(b"\r\n\r\n")
    headers = {
        "host": host,
        "upgrade": "websocket",
        "connection": "upgrade",
        "sec-websocket-version": "13",
        "sec-websocket-key": base64.b64encode(bytes(16)).decode(),
        "sec-websocket-protocol": SUBPROTOCOL,
        **more,
    }
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    writer.write(f"{method} /graphql HTTP/1.1\r\n{lines}\r\n".encode())
    return await reader.readline(), reader, writer


def close_frame(code: int) -> bytes:
    return code.to_bytes(2, "big")


async def test_a_client_that_answers_no_ping_is_closed_with_1011(lost: asyncio.Event) -> None:
    async with served(Door(), ws=Lost, ws_ping_interval=0.02, ws_ping_timeout=0.05) as opened:
        line, reader, writer = await handshake(opened.url)
        assert b" 101 " in line
        assert close_frame(1011) in await reader.read()
        await lost.wait()
        writer.close()


@pytest.mark.parametrize(
    ("method", "more", "status"),
    [
        ("POST", {}, 405),
        ("GET", {"transfer-encoding": "chunked"}, 400),
        ("GET", {"long": "x" * 9_000}, 431),
        ("GET", {f"x{n}": "" for n in range(200)}, 431),
    ],
    ids=["another method", "a body", "a long line", "many lines"],
)
async def test_a_handshake_that_is_none_is_refused_and_closed(
    method: str, more: dict[str, str], status: int, lost: asyncio.Event
) -> None:
    async with served(Door(), ws=Lost) as opened:
        line, reader, writer = await handshake(opened.url, method, **more)
        assert line.startswith(f"HTTP/1.1 {status} ".encode())
        async with in_time():
            await reader.read()
            await lost.wait()
        writer.close()


async def test_a_client_that_never_reads_again_is_cut_off(lost: asyncio.Event, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "CLOSE_SECONDS", 0.05)
    async with (
        served(Door(), ws=Lost, patience=Patience(room=0.1)) as opened,
        socket(opened.url, max_queue=1, close_timeout=0.1) as client,
    ):
        await client.init("t")
        await client.ask("1", FLOOD)
        async with in_time(20):
            await lost.wait()
        assert await client.closed() == (None, ""), "the close frame was behind what it did not read"


async def test_a_message_that_is_too_large_ends_what_is_being_sent_without_a_fault() -> None:
    door = Door()
    with structlog.testing.capture_logs() as logs:
        async with served(door) as opened, socket(opened.url) as client:
            await client.init("t")
            await client.ask("1", FLOOD)
            await client.heard()
            await client.say("ping", payload={"long": "x" * LARGEST_MESSAGE})
            assert (await client.closed())[0] == 1009
    assert {entry["log_level"] for entry in logs} == {"info"}
    assert door.context.calls[-1] == "source closed"


async def test_sockets_are_closed_by_the_application_when_the_server_stops() -> None:
    async with AsyncExitStack() as stack:
        async with served(Door()) as opened:
            fresh = await stack.enter_async_context(socket(opened.url))
            client = await stack.enter_async_context(socket(opened.url))
            await client.init("t")
            await client.ask("1", "subscription { waiting }")
            await client.next_of("1")
        stopping = (1012, "The server is stopping: connect again.")
        assert (await fresh.closed(), await client.closed()) == (stopping, stopping)


async def test_event_streams_are_ended_by_the_application_when_the_server_stops() -> None:
    door = Door()
    async with AsyncExitStack() as stack:
        async with served(door) as opened:
            client = await stack.enter_async_context(httpx.AsyncClient(headers={"authorization": "Bearer t"}))
            asked = {"query": "subscription { waiting }"}
            stream = client.stream("POST", f"{opened.url}/graphql/stream", json=asked)
            response = await stack.enter_async_context(stream)
            text = response.aiter_text()
            assert await anext(text) == ":\n\n"
        assert "complete" not in "".join([each async for each in text])
    assert door.context.calls[-1] == "source closed"


async def test_what_is_sent_behind_a_close_frame_of_uvicorns_own_finds_the_client_gone() -> None:
    config = Config(app=None)  # type: ignore[arg-type] # it serves nothing
    config.load_app = lambda: None  # type: ignore[method-assign]
    config.load()
    protocol = SocketProtocol(config, ServerState(), {})
    protocol.close_sent = True
    with pytest.raises(ClientDisconnected):
        await protocol.send({"type": "websocket.send", "text": "late"})


async def test_a_strangers_message_is_small_and_an_acknowledged_clients_as_large_as_a_body(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(server, "STRANGERS_FRAME_BYTES", 1_000)
    async with served(Door()) as opened, socket(opened.url) as stranger, socket(opened.url) as client:
        await stranger.say("connection_init", payload={"token": "t", "long": "x" * 1_000})
        assert (await stranger.closed())[0] == 1009
        await client.say("connection_init", payload={"token": "t", "long": "x" * 900})
        assert await client.heard() == {"type": "connection_ack"}
        await client.say("ping", payload={"long": "x" * 2_000})
        assert (await client.heard())["type"] == "pong"


async def test_a_client_that_says_goodbye_and_reads_nothing_is_cut_off(
    lost: asyncio.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "CLOSE_SECONDS", 0.05)
    async with served(Door(), ws=Lost) as opened, socket(opened.url, max_queue=1, close_timeout=0.1) as client:
        await client.init("t")
        await client.ask("1", FLOOD)
        await client.heard()
        await until(_nothing_is_read)
        client.connection.protocol.send_close(1000)
        client.connection.transport.write(b"".join(client.connection.protocol.data_to_send()))
        async with in_time():
            await lost.wait()


async def _nothing_is_read() -> bool:
    before = Lost.unread()
    await asyncio.sleep(0.05)
    return before == Lost.unread() > 0


async def test_a_socket_on_a_connection_that_has_served_a_request_is_not_idle(monkeypatch: pytest.MonkeyPatch) -> None:
    made, known = list[server.HttpProtocol](), server.HttpProtocol.connection_made

    def told(protocol: server.HttpProtocol, transport: asyncio.Transport) -> None:
        known(protocol, transport)
        made.append(protocol)

    monkeypatch.setattr(server.HttpProtocol, "connection_made", told)
    async with served(Door()) as opened:
        line, _, writer = await handshake(opened.url, before="HEAD /none HTTP/1.1\r\nhost: here\r\n\r\n")
        assert line.startswith(b"HTTP/1.1 101 ")
        [only] = made
        assert only.timeout_keep_alive_task is None
        assert not server.IDLE[only.server_state].end_one(math.inf)
        writer.close()


def test_a_message_may_have_what_a_body_may_have() -> None:
    assert protocols(Settings.model_validate({"max_body_bytes": 4711}))["ws_max_size"] == 4711


def test_a_connection_is_kept_for_longer_than_nginx_keeps_one_unless_it_is_said_otherwise() -> None:
    assert protocols(Settings.model_validate({}))["timeout_keep_alive"] > 60
    assert protocols(Settings.model_validate({"keep_alive_seconds": 610}))["timeout_keep_alive"] == 610
