"""The ASGI application: routes, and what lives as long as the process."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import strawberry
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.routing import Route

from app.assembly import build_gateway, opened, swept
from app.domain import access_token
from app.gateway import Gateway
from app.log import configure_logging
from app.settings import Settings
from app.web.graphql import Authenticate, GraphQLEndpoint
from app.web.health import healthz, readyz, schema_text
from app.web.middleware import RequestMiddleware
from resolvers.context import Context
from resolvers.operation.execution import Executor
from resolvers.operation.limits import RequestLimits
from resolvers.schema import build_schema, printed


def create_app(gateway: Gateway) -> Starlette:
    """The application that serves this gateway; its lifespan opens and closes the gateway."""

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with opened(gateway) as first, swept(gateway):
            announce(first.generated_token)
            yield

    schema = build_schema()
    routes = [
        Route("/graphql", _endpoint(gateway, schema)),
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


def _endpoint(gateway: Gateway, schema: strawberry.Schema) -> GraphQLEndpoint:
    settings = gateway.settings
    limits = RequestLimits(
        max_depth=settings.max_depth,
        max_aliases=settings.max_aliases,
        max_tokens=settings.max_tokens,
        max_root_fields=settings.max_root_fields,
        max_cost=settings.max_cost,
    )
    return GraphQLEndpoint(
        Executor(schema, limits, introspection=settings.introspection),
        _authenticate(gateway),
        max_body_bytes=settings.max_body_bytes,
        timeout_seconds=settings.request_timeout_seconds,
    )


def _authenticate(gateway: Gateway) -> Authenticate:
    async def authenticate(headers: Headers, address: str | None, request_id: str) -> Context:
        scheme, _, token = headers.get("authorization", "").partition(" ")
        given = token.strip() if scheme.lower() == "bearer" else None
        session = await access_token.authenticate(gateway, given or None, request_id=request_id, address=address or "")
        return Context(gateway, session)

    return authenticate
