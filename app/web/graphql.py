"""The endpoint for GraphQL over HTTP: who asks, what for, and the answer with its status. Nothing is resolved here."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from graphql import OperationType
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from app.errors import (
    BadInput,
)
from app.web.admission import CLIENT_GONE, Admission, Authenticate, refusal, response_of
from app.web.departure import EndedByDeparture
from app.web.message import GRAPHQL_JSON, JSON, HttpError, answer_type, prefers_page
from app.web.middleware import request_id
from resolvers.operation.execution import REQUEST_KINDS, Answer, Executor, Ready
from resolvers.operation.failure import answer_failure
from resolvers.operation.limits import took_too_long

Page = Callable[[Request], Awaitable[Response]]
"""Answers a browser that opens the endpoint."""

KINDS: Final = {"POST": REQUEST_KINDS, "GET": frozenset((OperationType.QUERY,))}
"""Operations by method: what changes anything needs a POST."""


class GraphQLEndpoint:
    """An ASGI application for one route, shared by all requests.

    `page` is asked for GET and HEAD requests that prefer HTML. `timeout_seconds` covers a whole request: reading it,
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
        self.admission = Admission(executor, authenticate, KINDS, max_body_bytes)
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
        if self.page is not None and request.method in {"GET", "HEAD"} and prefers_page(accept):
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
                return response_of(await self._answer(request, identifier), media)
        except ClientDisconnect:
            raise
        except Exception as failure:  # noqa: BLE001 - whatever it is, the client gets an answer and the log the reason
            if isinstance(failure, TimeoutError) and deadline.expired():
                return response_of(self._late(identifier), media)
            return refusal(failure, identifier, media)

    async def _answer(self, request: Request, identifier: str) -> Answer:
        context, ready = await self.admission.of(request, identifier)
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
