"""Clients that send slowly, too much, or do not read: over bare connections to a real server."""

from __future__ import annotations

import asyncio
import math
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from app.web import idleness, server, slowness
from app.web.server import connections_below
from app.web.slowness import Body, Head, Unread
from tests.fakes.serving import serve
from tests.patience import in_time, until

ASK = b"GET /small HTTP/1.1\r\nhost: x\r\n"
LARGE = 32 * 1_048_576
POST = ASK.replace(b"GET", b"POST")
CHUNKED = POST + b"transfer-encoding: chunked\r\n\r\n"
READ = CHUNKED.replace(b"small", b"read").replace(b"\r\n\r\n", b"\r\nexpect: 100-continue\r\n\r\n")


async def small(_: Request) -> Response:
    return PlainTextResponse("small")


async def large(_: Request) -> Response:
    return Response(bytes(LARGE))


async def read(request: Request) -> Response:
    """How much came, and the names of its headers."""
    try:
        size = len(await request.body())
    except ClientDisconnect:
        return Response()
    return PlainTextResponse(f"{size} with {' '.join(request.headers)}, small")


APP = Starlette(
    routes=[
        Route("/small", small, methods=["GET", "POST"]),
        Route("/large", large),
        Route("/read", read, methods=["POST"]),
    ]
)


@asynccontextmanager
async def connected(**options: object) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection that says nothing by itself."""
    async with serve(APP, **options) as url, opened(url) as connection:
        yield connection


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    host, port = url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port), limit=1_024)
    try:
        yield reader, writer
    finally:
        writer.close()


async def until_closed(reader: asyncio.StreamReader) -> bytes:
    """What comes until the server closes."""
    async with in_time():
        try:
            return await reader.read()
        except ConnectionResetError:
            return b""


async def answer(reader: asyncio.StreamReader) -> bytes:
    async with in_time():
        return await reader.readuntil(b"small")


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HEAD_SECONDS", "READ_SECONDS"):
        monkeypatch.setattr(slowness, name, 0.1)
    monkeypatch.setattr(server, "LOOK_SECONDS", 0.1)


# --- heads ---
@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize("sent", [b"", b"\r\n", ASK], ids=["nothing", "blank lines", "half a head"])
async def test_a_head_that_does_not_come_ends_the_connection(sent: bytes) -> None:
    async with connected() as (reader, writer):
        writer.write(sent)
        assert await until_closed(reader) == b""


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize("sent", [b"\r\n", ASK], ids=["blank lines", "half a head"])
async def test_so_does_that_of_a_later_request(sent: bytes) -> None:
    async with connected() as (reader, writer):
        writer.write(ASK + b"\r\n")
        assert (await answer(reader)).startswith(b"HTTP/1.1 200")
        writer.write(sent)
        assert await until_closed(reader) == b""


@pytest.mark.parametrize("parts", [1, 7])
@pytest.mark.parametrize("ending", [b"", b"\r\n\r\n"], ids=["open", "complete"])
async def test_a_head_of_more_than_64_kib_is_431(parts: int, ending: bytes) -> None:
    head = ASK + b"long: " + b"x" * slowness.HEAD_BYTES + ending
    async with connected() as (reader, writer):
        for begin in range(0, len(head), len(head) // parts + 1):
            writer.write(head[begin : begin + len(head) // parts + 1])
            await asyncio.sleep(0)
        assert (await until_closed(reader)).startswith(b"HTTP/1.1 431 ")


async def test_a_large_head_and_bodies_that_come_with_one_are_no_large_head() -> None:
    body = b"x" * slowness.HEAD_BYTES
    async with connected() as (reader, writer):
        writer.write(ASK + b"long: " + b"x" * (slowness.HEAD_BYTES - 200) + b"\r\n\r\n")
        assert (await answer(reader)).startswith(b"HTTP/1.1 200")
        for _ in range(3):
            writer.write(ASK.replace(b"GET", b"POST") + f"content-length: {len(body)}\r\n\r\n".encode() + body)
            assert b"HTTP/1.1 200" in await answer(reader)


# --- the rest of a body ---
@pytest.mark.usefixtures("hurried")
async def test_a_body_that_is_answered_and_goes_on_ends_the_connection() -> None:
    async with connected(timeout_keep_alive=3600) as (reader, writer):
        writer.write(ASK.replace(b"GET", b"POST") + b"content-length: 1000000\r\n\r\nx")
        assert (await answer(reader)).startswith(b"HTTP/1.1 200")
        writer.write(b"x")
        assert await until_closed(reader) == b""


# --- what comes around a body ---
SIGNED = b"1;" + b"x" * 1_000 + b"\r\nx\r\n"
AROUND = pytest.mark.parametrize(
    ("chunks", "begun", "piece"),
    [
        (0, b"0\r\n", b"name: value\r\n"),
        (0, b"0\r\nname: ", b"x"),
        (0, b"0\r\n", b"x"),
        (0, b"1;", b"x"),
        (60, b"1;", b"x"),
    ],
    ids=["trailers", "a trailer's value", "a trailer's name", "a chunk's extension", "extensions of small chunks"],
)


@asynccontextmanager
async def reading() -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection whose request's body is awaited."""
    async with connected() as (reader, writer):
        writer.write(READ)
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        yield reader, writer


def filled(size: int, begun: bytes, piece: bytes) -> bytes:
    return (begun + piece * (size // len(piece) + 1))[:size]


@AROUND
async def test_more_than_64_kib_around_a_body_are_431(chunks: int, begun: bytes, piece: bytes) -> None:
    came = chunks * (len(SIGNED) - 1 - slowness.AROUND)
    async with reading() as (reader, writer):
        # Exactly what is too much: more, left unread, would reset the connection, and the answer with it.
        writer.write(SIGNED * chunks + filled(slowness.HEAD_BYTES + 1 - came, begun, piece))
        assert (await until_closed(reader)).startswith(b"HTTP/1.1 431 ")


@AROUND
async def test_behind_an_answer_they_end_the_connection_without_another(
    chunks: int, begun: bytes, piece: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "LOOK_SECONDS", 3600)
    async with connected() as (reader, writer):
        writer.write(CHUNKED)
        assert (await answer(reader)).startswith(b"HTTP/1.1 200")
        writer.write(SIGNED * chunks + filled(2 * slowness.HEAD_BYTES, begun, piece))
        assert await until_closed(reader) == b""


async def test_trailers_are_taken_and_are_no_headers() -> None:
    async with reading() as (reader, writer):
        for again in (READ.replace(b"expect: 100-continue\r\n", b""), b""):
            writer.write(b"3\r\nabc\r\n0\r\nx-late: 1\r\nx-forwarded-for: 192.0.2.1\r\n\r\n" + again)
            heard = await answer(reader)
            assert heard.startswith(b"HTTP/1.1 200")
            assert b"3 with host transfer-encoding" in heard
            assert b"x-late" not in heard
            assert b"x-forwarded-for" not in heard


@pytest.mark.parametrize(
    ("chunk", "count"),
    [(b"1\r\nx\r\n", 20_000), (b"10000;chunk-signature=" + b"f" * 64 + b"\r\n" + bytes(65_536) + b"\r\n", 80)],
    ids=["of single bytes", "signed"],
)
async def test_a_body_in_chunks_is_read_however_long(chunk: bytes, count: int) -> None:
    size = count * int(chunk[: 5 if chunk[1:2] == b"0" else 1], 16)
    async with reading() as (reader, writer):
        writer.write(chunk * count + b"0\r\n\r\n")
        assert f"{size} with".encode() in await answer(reader)


async def test_requests_in_one_piece_are_nothing_around_the_body_before_them() -> None:
    body = b"x" * slowness.HEAD_BYTES
    long = POST + b"long: " + b"x" * (slowness.HEAD_BYTES - 200) + b"\r\n"
    one = b"0\r\nx-late: 1\r\n\r\n" + long + f"content-length: {len(body)}\r\n\r\n".encode() + body
    async with reading() as (reader, writer):
        writer.write(one + one.partition(b"\r\n\r\n")[2] + CHUNKED)
        for _ in range(4):
            assert (await answer(reader)).strip().startswith(b"HTTP/1.1 200")
        writer.write(b"0\r\n\r\n" + ASK + b"\r\n")
        assert b"HTTP/1.1 200" in await answer(reader)


def test_a_body_pays_for_what_is_around_it_and_not_for_what_comes_later() -> None:
    body = Body()
    for _ in range(slowness.HEAD_BYTES):
        body.carry(1)
        assert not body.is_padded(1 + slowness.AROUND)
    body.carry(LARGE)
    assert not body.is_padded(LARGE)
    assert not body.is_padded(slowness.HEAD_BYTES)
    assert body.is_padded(1)


# --- answers ---
async def test_a_connection_that_is_idle_after_an_answer_is_closed() -> None:
    async with connected(timeout_keep_alive=0.05) as (reader, writer):
        writer.write(ASK + b"\r\n")
        assert (await answer(reader)).startswith(b"HTTP/1.1 200")
        assert await until_closed(reader) == b""


@pytest.fixture
def lost(monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """Set when the server has lost a connection."""
    gone, known = asyncio.Event(), server.HttpProtocol.connection_lost

    def told(protocol: server.HttpProtocol, exc: Exception | None) -> None:
        known(protocol, exc)
        gone.set()

    monkeypatch.setattr(server.HttpProtocol, "connection_lost", told)
    return gone


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize("keep_alive", [0.01, 3600], ids=["closing", "open"])
async def test_an_answer_that_is_not_read_ends_the_connection(keep_alive: float, lost: asyncio.Event) -> None:
    async with connected(timeout_keep_alive=keep_alive) as (reader, writer):
        writer.write(ASK.replace(b"small", b"large") + b"\r\n")
        await reader.readuntil(b"\r\n\r\n")
        async with in_time():
            await lost.wait()
        assert len(await until_closed(reader)) < LARGE


@pytest.mark.usefixtures("hurried")
async def test_so_does_the_end_of_one_that_is_left_unread(monkeypatch: pytest.MonkeyPatch, lost: asyncio.Event) -> None:
    monkeypatch.setattr(server.HttpProtocol, "pause_writing", lambda _: None)  # as with less than what pauses an answer
    async with connected(timeout_keep_alive=3600) as (reader, writer):
        writer.write(ASK.replace(b"small", b"large") + b"\r\n")
        await reader.readuntil(b"\r\n\r\n")
        async with in_time():
            await lost.wait()


async def test_one_that_is_read_comes_whole() -> None:
    async with connected() as (reader, writer):
        writer.write(ASK.replace(b"small", b"large") + b"connection: close\r\n\r\n")
        await reader.readuntil(b"\r\n\r\n")
        assert len(await until_closed(reader)) == LARGE


@dataclass
class Waiting:
    """A transport with so much unsent."""

    unsent: int
    closing: bool = False

    def get_write_buffer_size(self) -> int:
        return self.unsent

    def is_closing(self) -> bool:
        return self.closing


def test_who_reads_enough_in_each_period_is_waited_for() -> None:
    unread, waiting = Unread(), Waiting(10 * slowness.LEAST_READ)
    for period in range(9):
        assert not unread.is_stuck(waiting, period * slowness.READ_SECONDS, paused=True)
        waiting.unsent -= slowness.LEAST_READ
    assert not unread.is_stuck(waiting, 9 * slowness.READ_SECONDS, paused=True)
    assert not unread.is_stuck(waiting, 9.9 * slowness.READ_SECONDS, paused=True)
    waiting.unsent -= 1
    assert unread.is_stuck(waiting, 10 * slowness.READ_SECONDS, paused=True)


def test_who_has_room_again_or_waits_for_nothing_begins_anew() -> None:
    unread, waiting = Unread(), Waiting(100)
    assert not unread.is_stuck(waiting, 0, paused=True)
    unread.read_on()
    assert not unread.is_stuck(waiting, 100, paused=True)
    assert not unread.is_stuck(waiting, 200, paused=False)
    assert not unread.is_stuck(Waiting(100, closing=True), 300, paused=False)
    assert unread.is_stuck(Waiting(100, closing=True), 400, paused=False)


def test_a_head_is_late_when_it_is_begun_and_not_complete_in_time() -> None:
    head = Head(100)
    assert not head.is_late(109)
    assert head.is_late(110)
    head.since = None
    assert not head.is_late(1_000)
    head.begin(1_000)
    assert head.is_late(1_010)


# --- how many ---
async def test_one_connection_too_many_is_refused_and_the_others_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "MOST_CONNECTIONS", 1)
    monkeypatch.setattr(slowness, "HEAD_SECONDS", 3600)
    async with serve(APP) as url, opened(url) as (reader, writer):
        writer.write(ASK + b"\r\n" + ASK)
        assert (await answer(reader)).startswith(b"HTTP/1.1 200")
        async with opened(url) as (refused, _):
            assert (await until_closed(refused)).startswith(b"HTTP/1.1 503 ")
        writer.write(b"\r\n")
        assert (await answer(reader)).startswith(b"HTTP/1.1 200")


async def _is_taken(url: str) -> bool:
    async with opened(url) as (reader, writer):
        writer.write(ASK + b"connection: close\r\n\r\n")
        return (await until_closed(reader)).startswith(b"HTTP/1.1 200")


@pytest.fixture
def two(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is room for two connections; any idle one may end, and ends for nothing else but another."""
    monkeypatch.setattr(server, "MOST_CONNECTIONS", 2)
    monkeypatch.setattr(slowness, "HEAD_SECONDS", 3600)
    monkeypatch.setattr(idleness, "LEAST_SECONDS", 0)


@pytest.mark.usefixtures("two")
async def test_one_that_is_idle_makes_room_for_a_new_one() -> None:
    async with serve(APP, timeout_keep_alive=3600) as url, opened(url) as (idle, first), opened(url) as (busy, second):
        first.write(ASK + b"\r\n")
        second.write(ASK)
        assert (await answer(idle)).startswith(b"HTTP/1.1 200")
        async with opened(url) as (reader, writer):
            writer.write(ASK + b"\r\n")
            assert (await answer(reader)).startswith(b"HTTP/1.1 200")
        assert await until_closed(idle) == b""
        second.write(b"\r\n")
        assert (await answer(busy)).startswith(b"HTTP/1.1 200")


@pytest.mark.usefixtures("two")
async def test_one_that_has_not_read_its_answer_would_keep_its_place_and_makes_no_room() -> None:
    async with (
        serve(APP, timeout_keep_alive=3600) as url,
        opened(url) as (unread, first),
        opened(url) as (busy, second),
    ):
        first.write(ASK.replace(b"small", b"large") + b"\r\n")
        second.write(ASK + b"\r\n" + ASK)
        await unread.readuntil(b"\r\n\r\n")
        assert (await answer(busy)).startswith(b"HTTP/1.1 200")
        async with opened(url) as (refused, _):
            assert (await until_closed(refused)).startswith(b"HTTP/1.1 503 ")


@pytest.mark.usefixtures("two")
async def test_one_whose_body_ends_after_its_answer_is_idle_then() -> None:
    async with serve(APP, timeout_keep_alive=3600) as url, opened(url) as (idle, first), opened(url) as (_, second):
        second.write(ASK)
        first.write(ASK.replace(b"GET", b"POST") + b"content-length: 2\r\n\r\nx")
        assert (await answer(idle)).startswith(b"HTTP/1.1 200")
        first.write(b"x")
        await until(lambda: _is_taken(url))
        assert await until_closed(idle) == b""


async def test_one_whose_body_ends_after_its_answer_is_not_kept_for_ever() -> None:
    async with connected(timeout_keep_alive=0.05) as (reader, writer):
        writer.write(ASK.replace(b"GET", b"POST") + b"content-length: 2\r\n\r\nx")
        assert (await answer(reader)).startswith(b"HTTP/1.1 200")
        writer.write(b"x")
        assert await until_closed(reader) == b""


async def test_one_that_is_reset_is_forgotten_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    lost, known = list[server.HttpProtocol](), server.HttpProtocol.connection_lost

    def told(protocol: server.HttpProtocol, exc: Exception | None) -> None:
        known(protocol, exc)
        lost.append(protocol)

    monkeypatch.setattr(server.HttpProtocol, "connection_lost", told)
    async with connected() as (reader, writer):
        writer.write(ASK + b"\r\n")
        assert (await answer(reader)).startswith(b"HTTP/1.1 200")
        reset_at_close = struct.pack("ii", 1, 0)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset_at_close)
        writer.transport.abort()
        await until(lambda: bool(lost))
        assert lost[0].timeout_keep_alive_task is None
        assert not server.IDLE[lost[0].server_state].end_one(math.inf)


@pytest.mark.parametrize(("descriptors", "connections"), [(256, 192), (1_024, 768), (1_048_576, 786_432)])
def test_connections_leave_room_for_other_files(descriptors: int, connections: int) -> None:
    assert connections_below(descriptors) == connections
