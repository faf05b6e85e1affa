"""The ASGI application: routes, and what lives as long as the process."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import strawberry
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.routing import BaseRoute, Route, WebSocketRoute

from app.assembly import build_gateway, listening, opened, swept, working
from app.domain import access_token
from app.gateway import Gateway
from app.log import configure_logging
from app.settings import Settings
from app.web.graphql import Authenticate, GraphQLEndpoint
from app.web.health import healthz, readyz, schema_text
from app.web.message import bearer
from app.web.middleware import RequestMiddleware
from app.web.server import ON_STOP
from app.web.sse import StreamEndpoint
from app.web.vigil import Vigil
from app.web.websocket import WebSocketEndpoint
from resolvers.context import Context
from resolvers.operation.execution import Executor
from resolvers.operation.limits import RequestLimits
from resolvers.schema import build_schema, printed


def create_app(gateway: Gateway) -> Starlette:
    """The application that serves this gateway; its lifespan opens and closes the gateway."""

    vigil = Vigil(partial(access_token.in_force, gateway), gateway.hub)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[dict[str, object]]:
        async with opened(gateway) as first, swept(gateway), listening(gateway), working(gateway), vigil.kept():
            announce(first.generated_token)
            yield {ON_STOP: vigil.stop}

    schema = build_schema()
    routes = [
        *_routes(gateway, schema, vigil),
        Route("/healthz", healthz),
        Route("/readyz", readyz(gateway)),
        Route("/schema.graphql", schema_text(printed(schema))),
    ]
    return Starlette(routes=routes, middleware=[Middleware(RequestMiddleware)], lifespan=lifespan)


def from_environment() -> Starlette:
    """What each worker process runs."""
    settings = Settings.from_env()
    configure_logging(settings.log_format, settings.log_level)
    return create_app(build_gateway(settings))


def announce(generated_token: str | None) -> None:
    """The generated bootstrap token, once, where logs do not keep it."""
    if generated_token is not None:
        sys.stderr.write(f"Access token with every permission (it is not shown again): {generated_token}\n")


def _routes(gateway: Gateway, schema: strawberry.Schema, vigil: Vigil) -> list[BaseRoute]:
    """GraphQL on every transport: one executor, one way to authenticate."""
    settings = gateway.settings
    executor, authenticate, seconds = (
        _executor(gateway, schema),
        _authenticate(gateway),
        settings.request_timeout_seconds,
    )
    most = settings.max_body_bytes
    endpoint = GraphQLEndpoint(executor, authenticate, max_body_bytes=most, timeout_seconds=seconds)
    sockets = WebSocketEndpoint(executor, authenticate, vigil, timeout_seconds=seconds)
    streams = StreamEndpoint(executor, authenticate, vigil, max_body_bytes=most, timeout_seconds=seconds)
    return [Route("/graphql", endpoint), WebSocketRoute("/graphql", sockets), Route("/graphql/stream", streams)]


def _executor(gateway: Gateway, schema: strawberry.Schema) -> Executor:
    settings = gateway.settings
    limits = RequestLimits(
        max_depth=settings.max_depth,
        max_aliases=settings.max_aliases,
        max_tokens=settings.max_tokens,
        max_root_fields=settings.max_root_fields,
        max_cost=settings.max_cost,
    )
    return Executor(schema, limits, introspection=settings.introspection)


def _authenticate(gateway: Gateway) -> Authenticate:
    """Whoever holds an access token that is in force."""

    async def authenticate(headers: Headers, address: str | None, request_id: str) -> Context:
        token = bearer(headers.get("authorization"))
        session = await access_token.authenticate(gateway, token, request_id=request_id, address=address or "")
        return Context(gateway, session)

    return authenticate
