"""GraphQL over server-sent events: an operation to a request, and its answers as they come.

Source: PROTOCOL.md of enisdenj/graphql-sse, "distinct connections mode". A request that cannot be taken at all is refused with a
status, as at /graphql; what is wrong with its operation is told in the stream.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import ExitStack, aclosing, suppress
from dataclasses import dataclass
from typing import Final

from graphql import OperationType
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from app.errors import BadInput, Unauthenticated
from app.web.admission import CLIENT_GONE, Admission, Authenticate, Caller, refusal
from app.web.departure import EndedByDeparture
from app.web.message import EVENT_STREAM, JSON, HttpError, accepts, bearer, encode_json
from app.web.middleware import request_id
from app.web.pace import paced
from app.web.places import Places
from app.web.vigil import End, Vigil
from resolvers.operation.execution import Answer, Executor, Ready
from resolvers.operation.failure import answer_failure
from resolvers.operation.limits import took_too_long
from resolvers.operation.subscription import STREAMED_KINDS, answers

KINDS: Final = {"POST": STREAMED_KINDS, "GET": STREAMED_KINDS - {OperationType.MUTATION}}
"""Operations by method, as at /graphql: what changes anything needs a POST."""

HEADERS: Final = (
    (b"content-type", f"{EVENT_STREAM}; charset=utf-8".encode()),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),  # nginx would collect the events
)
MOST_STREAMS: Final = 10_000
MOST_STREAMS_OF_TOKEN: Final = 1_000

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

    caller: Caller
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
        places: Places | None = None,
    ) -> None:
        self.executor = executor
        self.admission = Admission(executor, authenticate, KINDS, max_body_bytes)
        self.vigil = vigil
        self.timeout_seconds = timeout_seconds
        self.rhythm = rhythm or Rhythm()
        self.places = places or Places("streams", MOST_STREAMS, MOST_STREAMS_OF_TOKEN)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        try:
            admitted = await self._admitted(request)
        except ClientDisconnect:
            admitted = Response(status_code=CLIENT_GONE)
        if isinstance(admitted, Response):
            await admitted(scope, receive, send)
        else:
            await self._stream(request, admitted, send)

    async def _admitted(self, request: Request) -> Admitted | Response:
        """Who asks, and what for; or the refusal of the request as a whole."""
        identifier = request_id(request.scope)
        try:
            async with asyncio.timeout(self.timeout_seconds) as deadline:
                return await self._admit(request, identifier)
        except ClientDisconnect:
            raise
        except Exception as failure:  # noqa: BLE001 - whatever it is, the client gets an answer and the log the reason
            late = isinstance(failure, TimeoutError) and deadline.expired()
            refused = HttpError(503, took_too_long(self.timeout_seconds)) if late else failure
            return refusal(refused, identifier, JSON)

    async def _admit(self, request: Request, identifier: str) -> Admitted:
        if request.method in KINDS and not accepts(",".join(request.headers.getlist("accept")), EVENT_STREAM):
            raise HttpError(406, BadInput(f"Accept {EVENT_STREAM}: there is no other form of answers here."))
        caller, ready = await self.admission.of(request, identifier)
        self.places.check(caller.holder)
        return Admitted(caller, ready, bearer(request.headers.get("authorization")))

    async def _stream(self, request: Request, admitted: Admitted, send: Send) -> None:
        ended: asyncio.Future[End] = asyncio.get_running_loop().create_future()

        def end(why: End) -> None:
            if not ended.done():
                ended.set_result(why)

        with ExitStack() as watches:
            watches.enter_context(suppress(ClientDisconnect))
            watches.enter_context(self.places.taken(admitted.caller.holder))
            if not admitted.lasting:
                watches.enter_context(self.vigil.watch(admitted.token, end))
                watches.enter_context(EndedByDeparture(request.receive))
            await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
            async with aclosing(self._chunks(request, admitted, ended)) as chunks:
                async for chunk in chunks:
                    await self._send(send, chunk)
            await self._send(send, b"", more=False)

    async def _chunks(
        self, request: Request, admitted: Admitted, ended: asyncio.Future[End]
    ) -> AsyncGenerator[bytes, None]:
        identifier = request_id(request.scope)
        made = answers(self.executor, admitted.ready, admitted.caller, identifier, seconds=self.timeout_seconds)
        yield COMMENT
        async with aclosing(paced(made, self.rhythm.comment, ended)) as steps:
            async for answer in steps:
                yield COMMENT if answer is None else _next(answer, identifier)
        if not ended.done():
            yield COMPLETE
        elif ended.result() is End.TOKEN:
            refused = Unauthenticated("The access token is not valid any more: ask an administrator for a new one.")
            yield _next(Answer([answer_failure(refused, identifier)]), identifier)
            yield COMPLETE

    async def _send(self, send: Send, chunk: bytes, *, more: bool = True) -> None:
        try:
            async with asyncio.timeout(self.rhythm.room):
                await send({"type": "http.response.body", "body": chunk, "more_body": more})
        except TimeoutError:
            raise ClientDisconnect from None  # it does not read, which comes to the same


def _next(answer: Answer, identifier: str) -> bytes:
    try:
        data = encode_json(answer.body)
    except (TypeError, ValueError, RecursionError) as failure:  # what JSON cannot hold
        data = encode_json(Answer([answer_failure(failure, identifier)]).body)
    return b"event: next\ndata: " + data + b"\n\n"
