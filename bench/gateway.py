"""The gateway with an account of each request: how much of its time went to PostgreSQL and to the provider.

`python -m bench.gateway` serves with the environment's settings, and writes one JSON line a GraphQL request to $ACCOUNT:
[milliseconds in all, in SQL, in the provider].
"""

from __future__ import annotations

import os
import time
from contextvars import ContextVar
from pathlib import Path
from typing import Any, TextIO

import httpx
import orjson
import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from app.assembly import build_gateway
from app.log import configure_logging
from app.main import create_app
from app.settings import Settings

spent: ContextVar[dict[str, float]] = ContextVar("spent")


class Account:
    """Middleware that adds up what a request waited for."""

    def __init__(self, app: ASGIApp, lines: TextIO) -> None:
        self.app = app
        self.lines = lines

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] != "/graphql":
            await self.app(scope, receive, send)
            return
        own = {"sql": 0.0, "provider": 0.0}
        token = spent.set(own)
        begun = time.perf_counter()
        try:
            await self.app(scope, receive, send)
        finally:
            spent.reset(token)
            whole = time.perf_counter() - begun
            self.lines.write(
                orjson.dumps([1000 * each for each in (whole, own["sql"], own["provider"])]).decode() + "\n"
            )


def note_statement(query: Any) -> None:  # noqa: ANN401 - asyncpg's LoggedQuery, which it does not export
    own = spent.get(None)
    if own is not None:
        own["sql"] += query.elapsed


class Timed(httpx.AsyncBaseTransport):
    """Times what the provider takes, reading its answer included."""

    def __init__(self, transport: httpx.AsyncBaseTransport) -> None:
        self._transport = transport

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        begun = time.perf_counter()
        response = await self._transport.handle_async_request(request)
        await response.aread()
        own = spent.get(None)
        if own is not None:
            own["provider"] += time.perf_counter() - begun
        return response

    async def aclose(self) -> None:
        await self._transport.aclose()


def main() -> None:
    settings = Settings.from_env()
    configure_logging(settings.log_format, settings.log_level)
    gateway = build_gateway(settings, note_statement)
    gateway.client._transport = Timed(gateway.client._transport)  # noqa: SLF001 - httpx has no way to wrap a transport later
    with Path(os.environ["ACCOUNT"]).open("w", buffering=1) as lines:
        app = Account(create_app(gateway), lines)
        uvicorn.run(
            app,
            port=settings.port,
            log_config=None,
            access_log=False,
            loop="uvloop",
            http="httptools",
            timeout_graceful_shutdown=5,
        )


if __name__ == "__main__":
    main()
