"""Server-sent events as clients meet them: an operation to a request, over real connections."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from app.web.sse import Rhythm
from tests.app.web.streaming import LARGEST_MESSAGE, Door, Served, served
from tests.patience import until
from tests.resolvers.operation.small import SECRET

STREAM = "/graphql/stream"
WAITING = "subscription { waiting }"
COMMENT = ":\n\n"
COMPLETE = "event: complete\ndata: \n\n"


@pytest.fixture
def door() -> Door:
    return Door()


@pytest.fixture
async def server(door: Door) -> AsyncIterator[Served]:
    async with served(door) as opened:
        yield opened


@pytest.fixture
async def client(server: Served) -> AsyncIterator[httpx.AsyncClient]:
    async with reader(server.url) as opened:
        yield opened


def reader(url: str) -> httpx.AsyncClient:
    """Somebody who is let in."""
    headers = {"authorization": "Bearer t", "accept": "text/event-stream"}
    return httpx.AsyncClient(base_url=url, headers=headers, timeout=20)


async def streamed(client: httpx.AsyncClient, query: str, **variables: object) -> str:
    """A whole stream."""
    response = await client.post(STREAM, json={"query": query, "variables": variables})
    assert response.status_code == 200
    return response.text


def event(data: dict[str, Any]) -> str:
    return f"event: next\ndata: {json.dumps({'data': data}, separators=(',', ':'))}\n\n"


def errors_of(stream: str) -> list[dict[str, Any]]:
    """The errors of a stream's only event, behind which it must be complete."""
    assert stream.startswith(f"{COMMENT}event: next\ndata: ")
    assert stream.endswith(f"\n\n{COMPLETE}")
    answer = json.loads(stream.removeprefix(f"{COMMENT}event: next\ndata: ").removesuffix(f"\n\n{COMPLETE}"))
    return list(answer["errors"])


async def chunks_until(response: httpx.Response, *expected: str) -> None:
    """Read the stream until it has brought exactly this."""
    text, chunks = "", response.aiter_text()
    while len(text) < len("".join(expected)):
        text += await anext(chunks)
    assert text == "".join(expected)


async def called(door: Door, *calls: str) -> None:
    async def noted() -> bool:
        return set(calls) <= set(door.context.calls)

    await until(noted)


# --- streams ---
async def test_events_come_as_they_are_made_and_then_the_stream_is_complete(client: httpx.AsyncClient) -> None:
    names = ["a", "b\nc"]
    query = "subscription S($names: [String!]!) { collections(names: $names) { name } }"
    whole = await streamed(client, query, names=names)
    assert whole == "".join([COMMENT, *(event({"collections": {"name": name}}) for name in names), COMPLETE])


async def test_the_stream_says_what_it_is_and_is_not_stored(client: httpx.AsyncClient) -> None:
    response = await client.post(STREAM, json={"query": "subscription { ticks }"}, headers={"x-request-id": "mine-1"})
    headers = response.headers
    assert headers["content-type"] == "text/event-stream; charset=utf-8"
    assert (headers["cache-control"], headers["x-accel-buffering"]) == ("no-store", "no")
    assert headers["x-request-id"] == "mine-1"


async def test_queries_and_mutations_are_answered_too(client: httpx.AsyncClient, door: Door) -> None:
    assert await streamed(client, "{ organization { name } }") == "".join(
        [COMMENT, event({"organization": {"name": "acme"}}), COMPLETE]
    )
    door.context.release.set()
    assert await streamed(client, "mutation { slow }") == "".join([COMMENT, event({"slow": "mutation"}), COMPLETE])


async def test_a_get_request_queries_and_subscribes_and_never_mutates(client: httpx.AsyncClient, door: Door) -> None:
    got = await client.get(STREAM, params={"query": "subscription { ticks }"})
    assert got.text == "".join([COMMENT, event({"ticks": 1}), COMPLETE])
    refused = await client.get(STREAM, params={"query": "mutation { slow }"})
    (error,) = errors_of(refused.text)
    assert error["extensions"]["code"] == "BAD_INPUT"
    assert not door.context.begun.is_set()


async def test_what_is_wrong_with_an_operation_is_told_in_the_stream(client: httpx.AsyncClient) -> None:
    (unknown,) = errors_of(await streamed(client, "subscription { nothing }"))
    assert unknown["extensions"]["code"] == "BAD_INPUT"
    aliases = "{ a: organization { name } b: organization { name } c: organization { name } }"
    (many,) = errors_of(await streamed(client, aliases))
    assert (many["extensions"]["code"], many["extensions"]["limit"]) == ("LIMIT_EXCEEDED", 2)
    (refused,) = errors_of(await streamed(client, "subscription { refused }"))
    assert (refused["extensions"]["code"], refused["path"]) == ("NOT_FOUND", ["refused"])
    broken = await streamed(client, "subscription { broken }")
    assert broken.startswith(COMMENT + event({"broken": 1}))
    assert '"INTERNAL"' in broken
    assert broken.endswith(COMPLETE)
    assert SECRET not in broken


async def test_an_answer_that_takes_too_long_ends_the_stream(door: Door) -> None:
    async with served(door, seconds=0.05) as opened, reader(opened.url) as client:
        (late,) = errors_of(await streamed(client, "{ slow }"))
    assert (late["extensions"]["code"], late["extensions"]["limit"]) == ("LIMIT_EXCEEDED", 0.05)
    assert door.context.calls == ["query cancelled"]


# --- requests that are refused as a whole ---
@pytest.mark.parametrize(
    ("status", "code", "request_"),
    [
        (401, "UNAUTHENTICATED", {"json": {"query": WAITING}, "headers": {"authorization": "Bearer wrong"}}),
        (406, "BAD_INPUT", {"json": {"query": WAITING}, "headers": {"accept": "application/json"}}),
        (406, "BAD_INPUT", {"json": {"query": WAITING}, "headers": {"accept": "text/event-stream;q=0, */*"}}),
        (415, "BAD_INPUT", {"content": "{}", "headers": {"content-type": "text/plain"}}),
        (413, "LIMIT_EXCEEDED", {"json": {"query": "#" * LARGEST_MESSAGE}}),
        (400, "BAD_INPUT", {"content": "{", "headers": {"content-type": "application/json"}}),
        (400, "BAD_INPUT", {"json": {"variables": {}}}),
        (405, "BAD_INPUT", {"method": "PUT", "json": {"query": WAITING}}),
    ],
    ids=str,
)
async def test_a_request_that_cannot_be_taken_is_refused_with_its_status(
    client: httpx.AsyncClient, door: Door, status: int, code: str, request_: dict[str, Any]
) -> None:
    response = await client.request(**{"method": "POST", "url": STREAM, **request_})
    assert response.status_code == status
    (error,) = response.json()["errors"]
    assert error["extensions"]["code"] == code
    assert ("www-authenticate" in response.headers) == (status == 401)
    assert door.context.calls == []


async def test_while_tokens_cannot_be_checked_it_is_503(client: httpx.AsyncClient, door: Door) -> None:
    door.away = True
    response = await client.post(STREAM, json={"query": WAITING})
    assert (response.status_code, response.json()["errors"][0]["extensions"]["code"]) == (503, "DATABASE_UNAVAILABLE")


# --- the end ---
async def test_a_silent_stream_is_kept_open_with_comments(door: Door) -> None:
    async with (
        served(door, rhythm=Rhythm(comment=0.02)) as opened,
        reader(opened.url) as client,
        client.stream("POST", STREAM, json={"query": WAITING}) as response,
    ):
        await chunks_until(response, COMMENT, event({"waiting": 1}), COMMENT, COMMENT)
    await called(door, "source closed")


async def test_when_its_client_leaves_the_source_is_closed_and_a_mutation_goes_on(
    client: httpx.AsyncClient, door: Door
) -> None:
    async with client.stream("POST", STREAM, json={"query": WAITING}) as response:
        await chunks_until(response, COMMENT, event({"waiting": 1}))
    await called(door, "source closed")
    async with client.stream("POST", STREAM, json={"query": "{ slow }"}):
        await begun(door)
    await called(door, "query cancelled")
    async with client.stream("POST", STREAM, json={"query": "mutation { slow }"}):
        await begun(door)
    door.context.release.set()
    await called(door, "mutation finished")


async def begun(door: Door) -> None:
    await door.context.begun.wait()
    door.context.begun.clear()


async def test_a_token_that_ends_ends_its_streams(client: httpx.AsyncClient, door: Door) -> None:
    async with client.stream("POST", STREAM, json={"query": WAITING}) as response:
        text = response.aiter_text()
        await door_opened(door)
        door.tokens.clear()
        door.say_that_tokens_changed()
        rest = "".join([each async for each in text])
    assert rest.endswith(COMPLETE)
    assert "UNAUTHENTICATED" in rest
    await called(door, "source closed")


async def door_opened(door: Door) -> None:
    """Wait until a subscription has had its first event."""
    await called(door, "forgot")


async def test_a_server_that_stops_ends_streams_without_completing_them(door: Door) -> None:
    async with (
        served(door) as opened,
        reader(opened.url) as client,
        client.stream("POST", STREAM, json={"query": WAITING}) as response,
    ):
        await door_opened(door)
        opened.vigil.stop()
        whole = "".join([each async for each in response.aiter_text()])
    assert whole == COMMENT + event({"waiting": 1})


async def test_a_client_that_does_not_read_is_left_and_its_source_closed(door: Door) -> None:
    async with served(door, rhythm=Rhythm(room=0.2)) as opened:
        host, port = opened.url.removeprefix("http://").split(":")
        _, writer = await asyncio.open_connection(host, int(port), limit=1)
        body = json.dumps({"query": "subscription { flood(length: 100000) }"})
        writer.write(
            f"POST {STREAM} HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer t\r\ncontent-type: application/json\r\n"
            f"content-length: {len(body)}\r\n\r\n{body}".encode()
        )
        await called(door, "source closed")
        assert door.context.calls.count("made") < 200, "no more is made than sockets' buffers hold"
        writer.transport.abort()
