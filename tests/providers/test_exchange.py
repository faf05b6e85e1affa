"""One request over real sockets: how each way of failing is told apart."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import httpx
import pytest

from providers import exchange as module
from providers.base import EmbeddingRequest, HttpProvider, InputType
from providers.configuration import request_for
from providers.errors import (
    ProviderBadHostNameError,
    ProviderError,
    ProviderTimeoutError,
    ProviderUnavailableError,
    ProviderUnexpectedResponseError,
)
from providers.exchange import exchange
from providers.openai import OPENAI
from providers.secret import Secret
from tests.fakes.openai import OpenAIFake
from tests.fakes.vendor import Fault
from tests.providers.support import KEY, SMALL, everything_in

SECRET = Secret(KEY)


def request(*texts: str) -> EmbeddingRequest:
    return request_for(OPENAI, SMALL, texts or ("one", "two", "three"), InputType.DOCUMENT)


def at(url: str) -> HttpProvider:
    return replace(OPENAI, base_url=url)


@asynccontextmanager
async def raw_server(reply: bytes) -> AsyncIterator[str]:
    """Answers any connection with these bytes and closes it."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(reply)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield "{}:{}".format(*server.sockets[0].getsockname())


@pytest.mark.parametrize("host", ["x" * 64 + ".invalid", "a..b", "[::1"])
async def test_a_host_that_does_not_exist_is_a_bad_host_name(client: httpx.AsyncClient, host: str) -> None:
    with pytest.raises(ProviderBadHostNameError, match="The host name of OpenAI does not exist") as caught:
        await exchange(client, at(f"http://{host}/v1"), request(), SECRET)
    assert KEY not in everything_in(caught.value)


@pytest.mark.parametrize(
    ("told", "kind"),
    [(socket.EAI_NONAME, ProviderBadHostNameError), (socket.EAI_AGAIN, ProviderUnavailableError)],
    ids=["no such name", "no answer from the name server"],
)
async def test_a_name_server_that_does_not_answer_says_nothing_of_the_host(
    told: int, kind: type[ProviderError]
) -> None:
    def connect(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("no connection") from socket.gaierror(told, "as the system has it")

    async with httpx.AsyncClient(transport=httpx.MockTransport(connect)) as client:
        with pytest.raises(kind):
            await exchange(client, at("http://host.example/v1"), request(), SECRET)


async def test_a_refused_connection_is_unavailable(client: httpx.AsyncClient) -> None:
    async with raw_server(b"") as address:
        pass
    with pytest.raises(ProviderUnavailableError):
        await exchange(client, at(f"http://{address}/v1"), request(), SECRET)


async def test_a_connection_without_tls_is_unavailable(client: httpx.AsyncClient) -> None:
    async with raw_server(b"HTTP/1.1 200 OK\r\n\r\n") as address:
        with pytest.raises(ProviderUnavailableError):
            await exchange(client, at(f"https://{address}/v1"), request(), SECRET)


@pytest.mark.parametrize(
    "reply",
    [b"", b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{}"],
)
async def test_a_connection_that_breaks_is_unavailable(client: httpx.AsyncClient, reply: bytes) -> None:
    async with raw_server(reply) as address:
        with pytest.raises(ProviderUnavailableError) as caught:
            await exchange(client, at(f"http://{address}/v1"), request(), SECRET)
    assert KEY not in everything_in(caught.value)


async def test_a_reset_connection_is_unavailable(
    client: httpx.AsyncClient, provider: HttpProvider, fake: OpenAIFake
) -> None:
    fake.faults.append(Fault(reset=True))
    with pytest.raises(ProviderUnavailableError):
        await exchange(client, provider, request(), SECRET)


@pytest.mark.parametrize(
    "reply",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 9\r\n\r\nno gzip!!",
    ],
)
async def test_what_is_no_http_is_unexpected(client: httpx.AsyncClient, reply: bytes) -> None:
    async with raw_server(reply) as address:
        with pytest.raises(ProviderUnexpectedResponseError) as caught:
            await exchange(client, at(f"http://{address}/v1"), request(), SECRET)
    assert KEY not in everything_in(caught.value)


async def test_a_silent_provider_is_a_timeout(
    client: httpx.AsyncClient, provider: HttpProvider, fake: OpenAIFake
) -> None:
    client.timeout = httpx.Timeout(0.05)
    fake.faults.append(Fault(hang=True))
    with pytest.raises(ProviderTimeoutError) as caught:
        await exchange(client, provider, request(), SECRET)
    assert caught.value.http_status is None


async def test_a_reply_without_end_is_not_read_to_its_end(
    client: httpx.AsyncClient, provider: HttpProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_REPLY_BYTES", 100)
    with pytest.raises(ProviderUnexpectedResponseError, match="too large"):
        await exchange(client, provider, request(), SECRET)


def shuffled(payload: dict[str, list[object]]) -> dict[str, list[object]]:
    return {**payload, "data": payload["data"][::-1]}


async def test_vectors_in_another_order_are_put_right(
    client: httpx.AsyncClient, provider: HttpProvider, fake: OpenAIFake
) -> None:
    plain, _ = await exchange(client, provider, request(), SECRET)
    fake.faults.append(Fault(edit=shuffled))
    matrix, _ = await exchange(client, provider, request(), SECRET)
    assert matrix.tolist() == plain.tolist()


@pytest.mark.parametrize(
    "fault",
    [
        Fault(cut=-20),
        Fault(cut=0),
        Fault(content_type="text/html"),
        Fault(content_type=""),
        Fault(status=204),
        Fault(status=302, headers={"location": "http://127.0.0.1:9/"}),
        Fault(status=200, body={"error": {"message": "no"}}),
        Fault(status=200, body='{"data": [{"index": 0, "embedding": [NaN]}]}'),
        Fault(edit=lambda payload: {**payload, "data": payload["data"][:-1]}),
        Fault(edit=lambda payload: {**payload, "data": [{**each, "index": 0} for each in payload["data"]]}),
        Fault(edit=lambda payload: {**payload, "data": [{**each, "embedding": [1.0]} for each in payload["data"]]}),
    ],
)
async def test_a_success_that_is_not_what_was_asked_for_is_unexpected(
    client: httpx.AsyncClient, provider: HttpProvider, fake: OpenAIFake, fault: Fault
) -> None:
    fake.faults.append(fault)
    with pytest.raises(ProviderUnexpectedResponseError, match="OpenAI answered something unexpected: ") as caught:
        await exchange(client, provider, request(), SECRET)
    assert caught.value.http_status == (fault.status or 200)
    assert len(fake.received) == 1
