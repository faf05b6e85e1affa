"""The ASGI application: routes, and what lives as long as the process."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import strawberry
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.types import ASGIApp

from app import tenant
from app.assembly import build_gateway, listening, opened, swept, working
from app.domain import identity
from app.gateway import Gateway
from app.log import configure_logging
from app.settings import Settings
from app.web.graphql import Authenticate, GraphQLEndpoint
from app.web.health import healthz, readyz, schema_text
from app.web.message import bearer
from app.web.middleware import RequestMiddleware
from app.web.origin import shared_with
from app.web.rate import limited
from app.web.server import ON_STOP
from app.web.sse import StreamEndpoint
from app.web.vigil import Vigil
from app.web.websocket import WebSocketEndpoint
from resolvers.context import Context
from resolvers.operation.execution import Executor
from resolvers.operation.limits import RequestLimits
from resolvers.schema import build_schema, printed


class Application(Starlette):
    """Starlette answers what is caught by nobody; that answer, too, is one that RequestMiddleware sees."""

    def build_middleware_stack(self) -> ASGIApp:
        return RequestMiddleware(super().build_middleware_stack())


def create_app(gateway: Gateway) -> Starlette:
    """The application that serves this gateway; its lifespan opens and closes the gateway."""

    vigil = Vigil(partial(identity.in_force, gateway), gateway.hub)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[dict[str, object]]:
        async with opened(gateway) as first, swept(gateway), listening(gateway), working(gateway), vigil.kept():
            announce(first.generated_token)
            if gateway.identity_provider is not None:
                await gateway.identity_provider.meet()
            yield {ON_STOP: vigil.stop}

    schema = build_schema()
    routes = [
        *_routes(gateway, schema, vigil),
        Route("/healthz", healthz),
        Route("/readyz", readyz(gateway)),
        Route("/schema.graphql", schema_text(printed(schema))),
    ]
    return Application(routes=routes, middleware=shared_with(gateway.settings.cors_origins), lifespan=lifespan)


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
    executor, seconds, most = _executor(gateway, schema), settings.request_timeout_seconds, settings.max_body_bytes
    authenticate = limited(
        _authenticate(gateway), per_token=settings.rate_limit_per_token, per_address=settings.rate_limit_per_address
    )
    endpoint = GraphQLEndpoint(executor, authenticate, max_body_bytes=most, timeout_seconds=seconds)
    sockets = WebSocketEndpoint(executor, authenticate, vigil, timeout_seconds=seconds, origins=settings.cors_origins)
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
        max_answer_bytes=settings.max_answer_bytes,
    )
    return Executor(schema, limits, introspection=settings.introspection)


def _authenticate(gateway: Gateway) -> Authenticate:
    """Whoever holds an access token that is in force; from then on the request's connections see its organization alone."""

    async def authenticate(headers: Headers, address: str | None, request_id: str) -> Context:
        tenant.become(None)
        token = bearer(headers.get("authorization"))
        session = await identity.authenticate(gateway, token, request_id=request_id, address=address or "")
        tenant.become(session.organization.id)
        return Context(gateway, session)

    return authenticate
