"""GraphQL over server-sent events: an operation to a request, and its answers as they come.

Source: PROTOCOL.md of enisdenj/graphql-sse, "distinct connections mode". A request that cannot be taken at all is refused with a
status, as at /graphql; what is wrong with its operation is told in the stream.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import ExitStack, aclosing
from dataclasses import dataclass
from typing import Final

from graphql import OperationType
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from app.errors import BadInput, Unauthenticated
from app.web.departure import EndedByDeparture
from app.web.graphql import CLIENT_GONE, Authenticate, refusal
from app.web.message import EVENT_STREAM, JSON, HttpError, accepts, bearer, encode_json, posted, queried
from app.web.middleware import request_id
from app.web.vigil import End, Vigil
from resolvers.operation.execution import Answer, Executor, Ready
from resolvers.operation.failure import answer_failure
from resolvers.operation.limits import took_too_long
from resolvers.operation.subscription import STREAMED_KINDS, Forgetful, answers

KINDS: Final = {"POST": STREAMED_KINDS, "GET": STREAMED_KINDS - {OperationType.MUTATION}}
"""Operations by method, as at /graphql: what changes anything needs a POST."""

HEADERS: Final = (
    (b"content-type", f"{EVENT_STREAM}; charset=utf-8".encode()),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),  # nginx would collect the events
)
COMMENT: Final = b":\n\n"
COMPLETE: Final = b"event: complete\ndata: \n\n"


@dataclass(frozen=True, slots=True)
class Rhythm:
    """Seconds: between comments that keep a silent stream open, and that a client may leave unread what it is sent."""

    comment: float = 12
    room: float = 30


@dataclass(frozen=True, slots=True)
class Admitted:
    """A request that is let in, and what was prepared for it."""

    context: Forgetful
    ready: Ready | Answer
    token: str | None

    @property
    def lasting(self) -> bool:
        """Whether it goes on to its end though its client has left: mutations do, as at /graphql."""
        return isinstance(self.ready, Ready) and self.ready.operation.kind is OperationType.MUTATION


class StreamEndpoint:
    """An ASGI application for one route, shared by all requests. `timeout_seconds` is the time for each answer."""

    def __init__(
        self,
        executor: Executor,
        authenticate: Authenticate,
        vigil: Vigil,
        *,
        max_body_bytes: int,
        timeout_seconds: float,
        rhythm: Rhythm | None = None,
    ) -> None:
        self.executor = executor
        self.authenticate = authenticate
        self.vigil = vigil
        self.max_body_bytes = max_body_bytes
        self.timeout_seconds = timeout_seconds
        self.rhythm = rhythm or Rhythm()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        try:
            admitted = await self._admitted(request)
            if isinstance(admitted, Response):
                await admitted(scope, receive, send)
            else:
                await self._stream(request, admitted, send)
        except ClientDisconnect:
            await Response(status_code=CLIENT_GONE)(scope, receive, send)

    async def _admitted(self, request: Request) -> Admitted | Response:
        identifier = request_id(request.scope)
        try:
            async with asyncio.timeout(self.timeout_seconds) as deadline:
                return await self._admit(request, identifier)
        except ClientDisconnect:
            raise
        except Exception as failure:  # noqa: BLE001 - whatever it is, the client gets an answer and the log the reason
            late = isinstance(failure, TimeoutError) and deadline.expired()
            return refusal(took_too_long(self.timeout_seconds) if late else failure, identifier, JSON)
