"""Serving on a loopback port: the application's lifespan is that of the block."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from tests.fakes.serving import serve


async def hello(request: Request) -> PlainTextResponse:
    return PlainTextResponse(request.state.word)


async def test_an_application_is_served_within_its_lifespan() -> None:
    events: list[str] = []

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[dict[str, str]]:
        events.append("begun")
        yield {"word": "hello"}
        events.append("ended")

    async with serve(Starlette(routes=[Route("/", hello)], lifespan=lifespan)) as url:
        async with httpx.AsyncClient(trust_env=False) as client:
            assert (await client.get(url)).text == "hello"
        assert events == ["begun"]
    assert events == ["begun", "ended"]
    async with httpx.AsyncClient(trust_env=False) as client:
        with pytest.raises(httpx.ConnectError):
            await client.get(url)


async def test_an_application_that_cannot_start_is_told() -> None:
    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        open_database()
        yield

    def open_database() -> None:
        raise OSError("no database")

    with pytest.raises(RuntimeError, match="did not start"):
        async with serve(Starlette(lifespan=lifespan)):
            pytest.fail("it started")
