"""Clients that send slowly, too much, or do not read: over bare connections to a real server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from app.web import server, slowness
from app.web.server import connections_below
from app.web.slowness import Head, Unread
from tests.fakes.serving import serve

ASK = b"GET /small HTTP/1.1\r\nhost: x\r\n"
LARGE = 32 * 1_048_576


async def small(_: Request) -> Response:
    return PlainTextResponse("small")


async def large(_: Request) -> Response:
    return Response(bytes(LARGE))


APP = Starlette(routes=[Route("/small", small, methods=["GET", "POST"]), Route("/large", large)])


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
    async with asyncio.timeout(10):
        try:
            return await reader.read()
        except ConnectionResetError:
            return b""


async def answer(reader: asyncio.StreamReader) -> bytes:
    async with asyncio.timeout(10):
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
    async with connected(timeout_keep_alive=60) as (reader, writer):
        writer.write(ASK.replace(b"GET", b"POST") + b"content-length: 1000000\r\n\r\nx")
        assert (await answer(reader)).startswith(b"HTTP/1.1 200")
        writer.write(b"x")
        assert await until_closed(reader) == b""


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
@pytest.mark.parametrize("keep_alive", [0.01, 60], ids=["closing", "open"])
async def test_an_answer_that_is_not_read_ends_the_connection(keep_alive: float, lost: asyncio.Event) -> None:
    async with connected(timeout_keep_alive=keep_alive) as (reader, writer):
        writer.write(ASK.replace(b"small", b"large") + b"\r\n")
        await reader.readuntil(b"\r\n\r\n")
        async with asyncio.timeout(10):
            await lost.wait()
        assert len(await until_closed(reader)) < LARGE


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
    async with serve(APP) as url, opened(url) as (reader, writer):
        writer.write(ASK + b"\r\n")
        assert (await answer(reader)).startswith(b"HTTP/1.1 200")
        async with opened(url) as (refused, _):
            assert (await until_closed(refused)).startswith(b"HTTP/1.1 503 ")
        writer.write(ASK + b"\r\n")
        assert (await answer(reader)).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize(("descriptors", "connections"), [(256, 192), (1_024, 768), (1_048_576, 786_432)])
def test_connections_leave_room_for_other_files(descriptors: int, connections: int) -> None:
    assert connections_below(descriptors) == connections
