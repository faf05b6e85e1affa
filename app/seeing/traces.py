"""Traces for an OpenTelemetry collector, by its standard instrumentation of asyncpg and httpx. What leaves the process is on a list."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import httpx
from graphql import ExecutionResult, GraphQLSchema
from opentelemetry.context import Context
from opentelemetry.instrumentation.asyncpg import AsyncPGInstrumentor
from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor
from opentelemetry.propagate import get_global_textmap, set_global_textmap
from opentelemetry.propagators.composite import CompositePropagator
from opentelemetry.sdk.resources import SERVICE_NAME, OTELResourceDetector, Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import Link, Span, SpanKind, Status, StatusCode, Tracer, get_current_span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.gateway import Gateway
from app.seeing.names import shown
from app.web.middleware import request_id
from resolvers.operation.execution import Ready, Runner

if TYPE_CHECKING:
    from opentelemetry.instrumentation.httpx import RequestInfo

TRACED: Final = "/graphql"
"""Paths that begin so; the others are asked by machines, all day long."""

CALLER: Final = b"traceparent"
"""Of a client's trace only the ids are noted: its other headers may say anything."""

ALLOWED: Final = frozenset(
    (
        "http.request.method",
        "http.response.status_code",
        "url.path",
        "vectorgate.request_id",
        "graphql.operation.type",
        "graphql.operation.name",
        "graphql.document.hash",
        "db.system",
        "db.system.name",
        "db.name",
        "db.namespace",
        "db.statement",
        "db.query.text",
        "http.method",
        "http.status_code",
        "server.address",
        "error.type",
    )
)
"""Attributes that may leave. Statements have placeholders where values are; addresses are left out for their query strings."""


class Discreet(SpanExporter):
    """Hands on what may leave: without other attributes, and without the words of exceptions, which may quote what was sent."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        return self._exporter.export([_discreet(span) for span in spans])

    def shutdown(self) -> None:
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._exporter.force_flush(timeout_millis)


def _discreet(span: ReadableSpan) -> ReadableSpan:
    return ReadableSpan(
        name=span.name,
        context=span.context,
        parent=span.parent,
        resource=span.resource,
        attributes={name: value for name, value in (span.attributes or {}).items() if name in ALLOWED},
        links=[Link(each.context) for each in span.links],
        kind=span.kind,
        instrumentation_scope=span.instrumentation_scope,
        status=Status(span.status.status_code),
        start_time=span.start_time,
        end_time=span.end_time,
    )


class Traces:
    """Spans of one application, sent to one exporter. `begin` instruments the whole process, `end` undoes it."""

    def __init__(self, exporter: SpanExporter) -> None:
        ours = Resource({SERVICE_NAME: "vectorgate"})
        resource = Resource.create().merge(ours).merge(OTELResourceDetector().detect())
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(Discreet(exporter)))
        self._tracer = self._provider.get_tracer("vectorgate")
        self._statements = AsyncPGInstrumentor()  # type: ignore[no-untyped-call] # its constructor has no types
        self._propagated = get_global_textmap()

    def around(self, app: ASGIApp) -> ASGIApp:
        """The application with a span for each request to the API."""
        return _Traced(app, self._tracer)

    def runner(self, run: Runner) -> Runner:
        """The runner with a span for each operation."""

        async def traced(schema: GraphQLSchema, ready: Ready, context: object) -> ExecutionResult:
            attributes = _operation(ready)
            name = f"{attributes['graphql.operation.type']} {attributes['graphql.operation.name']}".rstrip()
            with self._tracer.start_as_current_span(name, attributes=attributes) as span:
                result = await run(schema, ready, context)
                if result.errors:
                    span.set_status(StatusCode.ERROR)
                return result

        return traced

    def begin(self, gateway: Gateway) -> None:
        """From now on statements and requests to providers are spans. Providers are not told of our traces."""
        self._propagated = get_global_textmap()
        set_global_textmap(CompositePropagator([]))
        self._statements.instrument(tracer_provider=self._provider)
        HTTPXClientInstrumentor.instrument_client(
            gateway.client, tracer_provider=self._provider, request_hook=_name_host
        )

    def flush(self) -> None:
        """Send what has ended so far."""
        self._provider.force_flush()

    def end(self) -> None:
        self._statements.uninstrument()
        set_global_textmap(self._propagated)
        self._provider.shutdown()


def exported() -> Traces:
    """Traces that go where OpenTelemetry's variables say, by OTLP over HTTP."""
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415 - tests need none

    return Traces(OTLPSpanExporter())


class _Traced:
    """Pure ASGI. A socket lasts for hours and has no span; its operations do."""

    def __init__(self, app: ASGIApp, tracer: Tracer) -> None:
        self._app = app
        self._tracer = tracer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(TRACED):
            await self._app(scope, receive, send)
            return
        attributes = {"http.request.method": scope["method"], "vectorgate.request_id": request_id(scope)}
        with self._tracer.start_as_current_span(
            scope["method"], kind=SpanKind.SERVER, attributes=attributes, links=_caller(scope)
        ) as span:

            async def noting(message: Message) -> None:
                if message["type"] == "http.response.start":
                    _note(span, scope, message["status"])
                await send(message)

            await self._app(scope, receive, noting)


def _note(span: Span, scope: Scope, status: int) -> None:
    span.set_attribute("http.response.status_code", status)
    if "endpoint" in scope:  # any other path may be something that was pasted
        span.update_name(f"{scope['method']} {scope['path']}")
        span.set_attribute("url.path", scope["path"])
    if status >= 500:
        span.set_status(StatusCode.ERROR)


def _caller(scope: Scope) -> list[Link]:
    """The client's span. As a parent it would decide, before anybody knows whose it is, whether we record and under which id."""
    sent = [value.decode("latin-1") for name, value in scope["headers"] if name == CALLER]
    told = TraceContextTextMapPropagator().extract({CALLER.decode(): sent[0]}, Context()) if sent else Context()
    theirs = get_current_span(told).get_span_context()
    return [Link(theirs)] if theirs.is_valid else []


def _operation(ready: Ready) -> dict[str, str]:
    return {
        "graphql.operation.type": ready.operation.kind.value,
        "graphql.operation.name": shown(ready.operation.name),
        "graphql.document.hash": ready.document.hash,
    }


async def _name_host(span: Span, request: RequestInfo) -> None:
    """Which provider is asked; the rest of the address may hold a key."""
    host = request.url.host if isinstance(request.url, httpx.URL) else request.url[1].decode()
    span.set_attribute("server.address", host)
