"""Serves an ASGI application on a loopback port inside the running event loop: real sockets, no process, no polling."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from starlette.types import ASGIApp
from uvicorn import Config
from uvicorn.server import ServerState

from app.web.server import HttpProtocol

PATIENCE_SECONDS = 5.0
"""How long requests in flight may take to end when the server stops; they are cancelled then."""


class _Protocol(HttpProtocol):
    """Gives the application `scope["state"]["abort"]`, which resets the connection: ASGI has no word for that."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as its base class does
        super().connection_made(transport)
        self.app_state = {**self.app_state, "abort": transport.abort}


@asynccontextmanager
async def serve(app: ASGIApp, **options: Any) -> AsyncIterator[str]:  # noqa: ANN401 - uvicorn's
    """The base URL of `app`, without a slash at the end. The application's lifespan, if any, is that of the block."""
    config = Config(app, log_config=None, access_log=False, **options)
    config.load()
    lifespan = config.lifespan_class(config)
    await lifespan.startup()
    if lifespan.should_exit:
        raise RuntimeError("the application did not start")
    connections = ServerState()
    server = await asyncio.get_running_loop().create_server(
        _protocol(config, connections, lifespan.state), "127.0.0.1", 0
    )
    try:
        yield "http://{}:{}".format(*server.sockets[0].getsockname())
    finally:
        server.close()
        await _finish(connections)
        await server.wait_closed()
        await lifespan.shutdown()


def _protocol(config: Config, connections: ServerState, state: dict[str, Any]) -> Callable[[], asyncio.Protocol]:
    return lambda: _Protocol(config=config, server_state=connections, app_state=state)


async def _finish(connections: ServerState) -> None:
    for connection in list(connections.connections):
        connection.shutdown()
    if connections.tasks:
        _, unfinished = await asyncio.wait(connections.tasks, timeout=PATIENCE_SECONDS)
        for task in unfinished:
            task.cancel()
