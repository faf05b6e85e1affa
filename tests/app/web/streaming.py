"""The small schema over transports that stay connected: a server of it, whom it lets in, and who is still let in."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.routing import Route, WebSocketRoute

from app.errors import DatabaseUnavailable, Unauthenticated
from app.notification import Hub, Topic
from app.settings import Settings
from app.web.middleware import RequestMiddleware
from app.web.places import Places
from app.web.rate import Arrival
from app.web.server import ON_STOP, protocols
from app.web.socket import Patience
from app.web.sse import Rhythm, StreamEndpoint
from app.web.vigil import Vigil
from app.web.websocket import Room, WebSocketEndpoint
from resolvers.operation.execution import Executor
from resolvers.operation.limits import RequestLimits
from tests.fakes.serving import serve
from tests.resolvers.operation.small import SCHEMA, Context

EXECUTOR = Executor(SCHEMA, RequestLimits(max_aliases=2))
LARGEST_MESSAGE = 5_000
SETTINGS = Settings.model_validate({"max_body_bytes": LARGEST_MESSAGE})


@dataclass
class Door:
    """Who is let in: whoever has a token of these, after `seconds`. `context` is what all of them work with."""

    tokens: set[str] = field(default_factory=lambda: {"t"})
    context: Context = field(default_factory=Context)
    hub: Hub = field(default_factory=Hub)
    away: bool = False
    seconds: float = 0
    seen: list[str | None] = field(default_factory=list)

    async def authenticate(self, headers: Headers, _address: str | None, _request_id: str) -> Context:
        self.seen.append(headers.get("authorization"))
        await asyncio.sleep(self.seconds)
        if self.away:
            raise DatabaseUnavailable("The database is away.")
        if (headers.get("authorization") or "").removeprefix("Bearer ") not in self.tokens:
            raise Unauthenticated("The access token is not valid.")
        return replace(self.context, holder=(headers.get("authorization") or "").removeprefix("Bearer "))

    async def in_force(self, tokens: Collection[str]) -> set[str]:
        if self.away:
            raise DatabaseUnavailable("The database is away.")
        return self.tokens & set(tokens)

    def say_that_tokens_changed(self) -> None:
        self.hub._heard(Topic.ACCESS_TOKEN, str(UUID(int=1)))


@dataclass(frozen=True)
class Served:
    url: str
    vigil: Vigil


@asynccontextmanager
async def served(
    door: Door,
    *,
    seconds: float = 30,
    patience: Patience | None = None,
    rhythm: Rhythm | None = None,
    room: Room | None = None,
    streams: Places | None = None,
    arrive: Arrival | None = None,
    **options: Any,  # noqa: ANN401 - uvicorn's
) -> AsyncIterator[Served]:
    """WebSocket at /graphql and server-sent events at /graphql/stream, as uvicorn serves them for us."""
    vigil = Vigil(door.in_force, door.hub, check_seconds=3600)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[dict[str, object]]:
        async with vigil.kept():
            yield {ON_STOP: vigil.stop}

    sockets = WebSocketEndpoint(
        EXECUTOR, door.authenticate, vigil, timeout_seconds=seconds, patience=patience, room=room, arrive=arrive
    )
    events = StreamEndpoint(
        EXECUTOR,
        door.authenticate,
        vigil,
        max_body_bytes=LARGEST_MESSAGE,
        timeout_seconds=seconds,
        rhythm=rhythm,
        places=streams,
    )
    routes = [WebSocketRoute("/graphql", sockets), Route("/graphql/stream", events)]
    app = RequestMiddleware(Starlette(routes=routes, lifespan=lifespan))
    async with serve(app, **(protocols(SETTINGS) | options)) as url:
        yield Served(url, vigil)
