"""The ASGI application: routes, and what lives as long as the process."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import strawberry
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.routing import Route, WebSocketRoute
from starlette.types import ASGIApp

from app import garbage, tenant
from app.assembly import at_work, build_gateway, opened
from app.domain import identity
from app.gateway import Gateway
from app.log import configure_logging
from app.seeing.observer import Observer
from app.seeing.tracing import Tracing, tracing
from app.settings import PREFIX, Settings, SettingsError
from app.web.admission import Authenticate
from app.web.graphql import GraphQLEndpoint
from app.web.health import Readiness, closed_schema, healthz, schema_text
from app.web.message import bearer
from app.web.middleware import RequestMiddleware, Shortcut
from app.web.origin import shared_with
from app.web.page import FILE_PATH, graphiql, graphiql_files
from app.web.rate import Arrival, arrivals, limited
from app.web.server import ON_STOP
from app.web.sse import StreamEndpoint
from app.web.vigil import Vigil
from app.web.websocket import WebSocketEndpoint
from resolvers.context import Context
from resolvers.operation.execution import Executor
from resolvers.operation.limits import RequestLimits
from resolvers.operation.trusted import TrustedDocuments, UnfitDocuments, trusted
from resolvers.refusal import heed
from resolvers.schema import build_schema, printed


class Application(Starlette):
    """Starlette answers what is caught by nobody; that answer, too, is one that RequestMiddleware sees."""

    def build_middleware_stack(self) -> ASGIApp:
        return RequestMiddleware(super().build_middleware_stack())


def create_app(gateway: Gateway, begun: Callable[[], None] | None = None, traces: Tracing | None = None) -> Starlette:
    """The application that serves this gateway; its lifespan opens and closes the gateway, and calls `begun` between."""

    schema, observer = build_schema(), Observer(gateway, traces)
    executor = _executor(gateway.settings, schema, observer.executor)
    sampler = observer.sampler(executor)
    vigil = Vigil(partial(identity.in_force, gateway), gateway.hub)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[dict[str, object]]:
        async with (
            observer.tracing(),
            opened(gateway) as first,
            at_work(gateway),
            vigil.kept(),
            sampler.kept(),
        ):
            announce(first.generated_token)
            if gateway.identity_provider is not None:
                await gateway.identity_provider.meet()
            if begun is not None:
                begun()
            yield {ON_STOP: vigil.stop}

    arrive = arrivals(gateway.settings.rate_limit_per_address)
    authenticate = observer.door(
        limited(_authenticate(gateway), arrive, per_token=gateway.settings.rate_limit_per_token)
    )
    graphql, *others = _routes(gateway.settings, executor, authenticate, vigil, arrive)
    routes = [
        graphql,
        *others,
        Route("/healthz", healthz),
        Route("/readyz", Readiness(gateway, arrive).respond),
        observer.route(sampler, arrive),
        Route("/schema.graphql", schema_text(printed(schema)) if gateway.settings.introspection else closed_schema),
    ]
    shortcut = Middleware(Shortcut, path=graphql.path, endpoint=graphql.app)
    middleware = [*observer.middleware(), *shared_with(gateway.settings.cors_origins), shortcut]
    return Application(routes=routes, middleware=middleware, lifespan=lifespan)


def from_environment() -> Starlette:
    """What each worker process runs."""
    settings = Settings.from_env()
    configure_logging(settings.log_format, settings.log_level)
    return create_app(build_gateway(settings), begun=garbage.settled, traces=tracing(os.environ))


def announce(generated_token: str | None) -> None:
    """The generated bootstrap token, once. It is in no log line; but who keeps a service's stderr (journald, Docker) keeps it, too."""
    if generated_token is not None:
        sys.stderr.write(f"Access token with every permission (it is not shown again): {generated_token}\n")


def _routes(
    settings: Settings, executor: Executor, authenticate: Authenticate, vigil: Vigil, arrive: Arrival
) -> list[Route | WebSocketRoute]:
    """GraphQL on every transport, over HTTP first: one executor, one way to authenticate."""
    seconds, most = settings.request_timeout_seconds, settings.max_body_bytes
    page = graphiql() if settings.graphiql else None
    endpoint = GraphQLEndpoint(executor, authenticate, max_body_bytes=most, timeout_seconds=seconds, page=page)
    sockets = WebSocketEndpoint(
        executor, authenticate, vigil, timeout_seconds=seconds, origins=settings.cors_origins, arrive=arrive
    )
    streams = StreamEndpoint(executor, authenticate, vigil, max_body_bytes=most, timeout_seconds=seconds)
    routes: list[Route | WebSocketRoute] = [
        Route("/graphql", endpoint),
        WebSocketRoute("/graphql", sockets),
        Route("/graphql/stream", streams),
    ]
    return [*routes, Route(FILE_PATH, graphiql_files())] if page else routes


def check_documents(settings: Settings) -> None:
    """Whether the operator's trusted documents can be served. Raises SettingsError."""
    if settings.trusted_documents is not None:
        _executor(settings, build_schema())


def _executor(settings: Settings, schema: strawberry.Schema, make: Callable[..., Executor] = Executor) -> Executor:
    limits = RequestLimits(
        max_depth=settings.max_depth,
        max_aliases=settings.max_aliases,
        max_tokens=settings.max_tokens,
        max_root_fields=settings.max_root_fields,
        max_cost=settings.max_cost,
        max_answer_bytes=settings.max_answer_bytes,
    )
    executor = make(schema, limits, introspection=settings.introspection, heed=heed)
    if settings.trusted_documents is not None:
        executor.choose = _trusted(settings.trusted_documents, executor)
    return executor


def _trusted(path: Path, executor: Executor) -> TrustedDocuments:
    try:
        return trusted(path.read_bytes(), executor.documents)
    except OSError as error:
        raise SettingsError([f"{PREFIX}TRUSTED_DOCUMENTS: cannot be read ({type(error).__name__})"]) from None
    except UnfitDocuments as unfit:
        raise SettingsError([f"{PREFIX}TRUSTED_DOCUMENTS: {problem}" for problem in unfit.problems]) from None


def _authenticate(gateway: Gateway) -> Authenticate:
    """Whoever holds an access token that is in force; from then on the request's connections see its organization alone."""

    async def authenticate(headers: Headers, address: str | None, request_id: str) -> Context:
        tenant.become(None)
        token = bearer(headers.get("authorization"))
        session = await identity.authenticate(gateway, token, request_id=request_id, address=address or "")
        tenant.become(session.organization.id)
        return Context(gateway, session)

    return authenticate
