"""Time limits, and clients that hang up."""

from __future__ import annotations

import asyncio

import httpx
import pytest
from starlette.types import Message

from app.web.message import GRAPHQL_JSON, JSON
from tests.app.web.support import Doorkeeper, body_of, error, exchange, gateway, post
from tests.fakes.serving import serve


async def test_a_request_that_takes_too_long_is_stopped_and_may_be_repeated(doorkeeper: Doorkeeper) -> None:
    app = gateway(doorkeeper, timeout_seconds=0.05)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway") as client:
        for query, accept, status in (("{ slow }", JSON, 200), ("mutation { slow }", GRAPHQL_JSON, 503)):
            response = await post(client, query, accept)
            assert response.status_code == status
            extensions = error(response)["extensions"]
            assert (extensions["code"], extensions["retryable"], extensions["limit"]) == ("LIMIT_EXCEEDED", True, 0.05)
    assert doorkeeper.context.calls == ["query cancelled", "mutation cancelled"]


async def test_a_query_ends_when_its_client_leaves(doorkeeper: Doorkeeper) -> None:
    before = asyncio.all_tasks()
    sent = await exchange(doorkeeper, [body_of("{ slow }"), {"type": "http.disconnect"}], {})
    assert doorkeeper.context.calls == ["query cancelled"]
    assert sent.status == 499
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == before


async def test_a_mutation_goes_on_when_its_client_leaves(doorkeeper: Doorkeeper) -> None:
    context = doorkeeper.context
    work = asyncio.create_task(exchange(doorkeeper, [body_of("mutation { slow }"), {"type": "http.disconnect"}], {}))
    await context.begun.wait()
    await asyncio.sleep(0.1)
    assert context.calls == []
    context.release.set()
    assert (await work).status == 200
    assert context.calls == ["mutation finished"]


async def test_a_slow_query_is_answered_while_its_client_waits(doorkeeper: Doorkeeper) -> None:
    before = asyncio.all_tasks()
    context = doorkeeper.context
    asyncio.get_running_loop().call_later(0.1, context.release.set)
    sent = await exchange(doorkeeper, [body_of("{ slow }")], {})
    assert sent.body == {"data": {"slow": "query"}}
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == before


async def test_a_server_that_stops_cancels_as_usual(doorkeeper: Doorkeeper) -> None:
    work = asyncio.create_task(exchange(doorkeeper, [body_of("{ slow }")], {}))
    await doorkeeper.context.begun.wait()
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    assert doorkeeper.context.calls == ["query cancelled"]


async def test_a_client_that_leaves_in_mid_body_is_no_failure(doorkeeper: Doorkeeper) -> None:
    part: Message = {"type": "http.request", "body": b"{", "more_body": True}
    assert (await exchange(doorkeeper, [part, {"type": "http.disconnect"}], {})).status == 499


async def test_over_a_socket_a_query_ends_when_the_connection_does(doorkeeper: Doorkeeper) -> None:
    body = b'{"query": "{ slow }"}'
    head = f"POST /graphql HTTP/1.1\r\nhost: g\r\ncontent-type: {JSON}\r\ncontent-length: {len(body)}\r\n\r\n"
    async with serve(gateway(doorkeeper)) as url:
        _, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
        writer.write(head.encode() + body)
        await doorkeeper.context.begun.wait()
        writer.close()
        await writer.wait_closed()
    assert doorkeeper.context.calls == ["query cancelled"]
