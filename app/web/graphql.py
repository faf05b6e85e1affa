"""The endpoint for GraphQL over HTTP: who asks, what for, and the answer with its status. Nothing is resolved here."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import Final

from graphql import OperationType
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from app.errors import (
    BadInput,
    DatabaseUnavailable,
    GatewayError,
    PermissionDenied,
    RateLimited,
    Unauthenticated,
)
from app.web.departure import EndedByDeparture
from app.web.message import GRAPHQL_JSON, JSON, HttpError, answer_type, encode_json, posted, prefers_page, queried
from app.web.middleware import request_id
from resolvers.operation.execution import REQUEST_KINDS, Answer, Executor, Ready
from resolvers.operation.failure import answer_failure
from resolvers.operation.limits import took_too_long
from resolvers.operation.subscription import Forgetful

Authenticate = Callable[[Headers, str | None, str], Awaitable[Forgetful]]
"""(headers, client address, request id) -> the context that resolvers meet as `info.context`. Raises GatewayError."""

Page = Callable[[Request], Awaitable[Response]]
"""Answers a browser that opens the endpoint."""

KINDS: Final = {"POST": REQUEST_KINDS, "GET": frozenset((OperationType.QUERY,))}
"""Operations by method: what changes anything needs a POST."""

STATUS: Final[Mapping[type[GatewayError], int]] = {
    Unauthenticated: 401,
    PermissionDenied: 403,
    RateLimited: 429,
    DatabaseUnavailable: 503,
}
"""Statuses of a whole request's refusal; other GatewayErrors are 503 if they pass, else 400."""

CLIENT_GONE: Final = 499
"""Nobody reads it; it marks the access line, as nginx marks it."""

RETRY_AFTER_SECONDS: Final = 60
"""For a rate limit that does not say: limits are per minute."""


class GraphQLEndpoint:
    """An ASGI application for one route, shared by all requests.

    `page` is asked for GET requests that prefer HTML. `timeout_seconds` covers a whole request: reading it,
    authenticating, and running it.
    """

    def __init__(
        self,
        executor: Executor,
        authenticate: Authenticate,
        *,
        max_body_bytes: int,
        timeout_seconds: float,
        page: Page | None = None,
    ) -> None:
        self.executor = executor
        self.authenticate = authenticate
        self.max_body_bytes = max_body_bytes
        self.timeout_seconds = timeout_seconds
        self.page = page

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        try:
            response = await self.respond(request)
        except ClientDisconnect:
            response = Response(status_code=CLIENT_GONE)
        await response(scope, receive, send)

    async def respond(self, request: Request) -> Response:
        accept = ",".join(request.headers.getlist("accept"))
        if self.page is not None and request.method == "GET" and prefers_page(accept):
            return await self.page(request)
        media = answer_type(accept)
        if media is None:
            unlike = BadInput(f"Accept {GRAPHQL_JSON} or {JSON}: there is no other form of answers.")
            return refusal(HttpError(406, unlike), request_id(request.scope), JSON)
        return await self._answered(request, media)

    async def _answered(self, request: Request, media: str) -> Response:
        identifier = request_id(request.scope)
        try:
            async with asyncio.timeout(self.timeout_seconds) as deadline:
                return _response(await self._answer(request, identifier), media)
        except ClientDisconnect:
            raise
        except Exception as failure:  # noqa: BLE001 - whatever it is, the client gets an answer and the log the reason
            if isinstance(failure, TimeoutError) and deadline.expired():
                return _response(self._late(identifier), media)
            return refusal(failure, identifier, media)

    async def _answer(self, request: Request, identifier: str) -> Answer:
        kinds = KINDS.get(request.method)
        if kinds is None:
            raise HttpError(405, BadInput("Use POST, or GET for queries."), {"allow": ", ".join(KINDS)})
        # Authentication comes before the body: whoever is not let in gets none of it read.
        address = request.client.host if request.client else None
        context = await self.authenticate(request.headers, address, identifier)
        asked = queried(request) if request.method == "GET" else await posted(request, self.max_body_bytes)
        ready = self.executor.prepare(asked, identifier, kinds)
        return ready if isinstance(ready, Answer) else await self._run(ready, request, context, identifier)

    async def _run(self, ready: Ready, request: Request, context: object, identifier: str) -> Answer:
        if ready.operation.kind is OperationType.MUTATION:
            # A client that hung up cannot know what was done, so a mutation goes on to its end: nobody watches for it.
            # It runs in the request's own task, which the server awaits when it stops: nothing to shield or leak.
            return await self.executor.run(ready, context, identifier)
        with EndedByDeparture(request.receive):
            return await self.executor.run(ready, context, identifier)

    def _late(self, identifier: str) -> Answer:
        return Answer([answer_failure(took_too_long(self.timeout_seconds), identifier)], status=503)


def refusal(failure: Exception, identifier: str, media: str) -> Response:
    """The answer to a request that is refused as a whole: its status says so under every media type."""
    error, status, headers = failure, 500, dict[str, str]()
    if isinstance(failure, HttpError):
        error, status, headers = failure.error, failure.status, failure.headers
    elif isinstance(failure, GatewayError):
        status, headers = STATUS.get(type(failure), 503 if failure.retryable else 400), _headers(failure)
    answer = Answer([answer_failure(error, identifier)], status=status, json_status=status)
    return _response(answer, media, headers)


def _headers(error: GatewayError) -> dict[str, str]:
    if isinstance(error, Unauthenticated):
        return {"www-authenticate": "Bearer"}
    if isinstance(error, RateLimited):
        seconds = error.facts.get("retryAfterSeconds", RETRY_AFTER_SECONDS)
        return {"retry-after": str(math.ceil(seconds) if isinstance(seconds, int | float) else RETRY_AFTER_SECONDS)}
    return {}


def _response(answer: Answer, media: str, headers: Mapping[str, str] = MappingProxyType({})) -> Response:
    status = answer.json_status if media == JSON else answer.status
    allow = {"allow": "POST"} if status == 405 else {}
    return Response(
        encode_json(answer.body),
        status,
        {**allow, **headers, "content-type": f"{media}; charset=utf-8"},
    )
