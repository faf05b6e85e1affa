"""GraphQL over WebSocket: the course of a socket, from its handshake to its end. Its messages are in socket_message.py.

A message waits in the task that has made it until the client has room: whoever reads slowly slows the sources of its own
operations, and nothing is heaped up.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from contextlib import ExitStack, aclosing, contextmanager
from dataclasses import dataclass, field
from typing import Final

import structlog
import uuid_utils
from graphql import OperationType
from starlette.datastructures import Headers
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect
from structlog.contextvars import bind_contextvars

from app.errors import BadInput, GatewayError, LimitExceeded, PermissionDenied, Unauthenticated
from app.web.graphql import Authenticate, refusal
from app.web.message import JSON, HttpError
from app.web.middleware import request_id
from app.web.origin import may_connect
from app.web.places import Places
from app.web.socket_message import (
    SUBPROTOCOL,
    Close,
    CloseCode,
    Closing,
    Complete,
    ConnectionInit,
    Ping,
    Received,
    Subscribe,
    read,
    write,
)
from app.web.vigil import End, Vigil
from resolvers.operation.execution import Answer, Executor, GraphQLRequest, Ready
from resolvers.operation.failure import answer_failure
from resolvers.operation.subscription import STREAMED_KINDS, Forgetful, answers

MOST_OPERATIONS: Final = 50
"""Operations of one socket at a time."""

MOST_SOCKETS: Final = 10_000
MOST_SOCKETS_OF_TOKEN: Final = 1_000
MOST_FRESH: Final = 1_000
MOST_FRESH_OF_ADDRESS: Final = 100
"""Sockets that have shown no token yet: each is closed after some seconds, and meanwhile costs what it costs."""

GONE: Final = Close(None)
ENDS: Final = {
    End.TOKEN: Close(CloseCode.FORBIDDEN, "Forbidden: the access token is not valid any more."),
    End.STOP: Close(CloseCode.STOPPING, "The server is stopping: connect again."),
}

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a socket waits, in seconds: to be initialised, without any operation, for room to send, to be closed."""

    init: float = 10
    idle: float = 300
    room: float = 30
    close: float = 5


@dataclass(frozen=True, slots=True)
class Room:
    """How many sockets may be open: by access token, and before they have shown one, by address."""

    known: Places = field(default_factory=lambda: Places("sockets", MOST_SOCKETS, MOST_SOCKETS_OF_TOKEN))
    fresh: Places = field(default_factory=lambda: Places("sockets without a token", MOST_FRESH, MOST_FRESH_OF_ADDRESS))


class WebSocketEndpoint:
    """An ASGI application for one route, shared by all sockets. `timeout_seconds` is the time for each answer.

    `origins`: those whose pages may connect beside the gateway's own; clients that are no browsers name none.
    """

    def __init__(
        self,
        executor: Executor,
        authenticate: Authenticate,
        vigil: Vigil,
        *,
        timeout_seconds: float,
        origins: AbstractSet[str] | None = None,
        patience: Patience | None = None,
        room: Room | None = None,
    ) -> None:
        self.executor = executor
        self.authenticate = authenticate
        self.vigil = vigil
        self.timeout_seconds = timeout_seconds
        self.origins = origins
        self.patience = patience or Patience()
        self.room = room or Room()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        websocket = WebSocket(scope, receive, send)
        with ExitStack() as fresh:
            try:
                self._check_handshake(websocket)
                fresh.enter_context(self.room.fresh.taken(_address(websocket) or ""))
            except (HttpError, GatewayError) as refused:
                await websocket.send_denial_response(refusal(refused, request_id(scope), JSON))
                return
            await websocket.accept(SUBPROTOCOL)
            await Socket(self, websocket, fresh).serve()

    def _check_handshake(self, websocket: WebSocket) -> None:
        """Raises what the handshake is refused with."""
        if not may_connect(websocket.headers, self.origins):
            raise HttpError(
                403, BadInput("Pages of this origin may not connect: the operator lists who may, in CORS_ORIGINS.")
            )
        if SUBPROTOCOL not in websocket.scope["subprotocols"]:
            raise BadInput(f"The sub-protocol {SUBPROTOCOL} is the only one here: offer it in Sec-WebSocket-Protocol.")


@dataclass(eq=False, slots=True)
class Operation:
    """One operation under way. A mutation goes on to its end: a client that left cannot know what was done."""

    id: str
    lasting: bool = False
    task: asyncio.Task[None] | None = None

    def cancel(self) -> None:
        if self.task is not None and not self.lasting:
            self.task.cancel()


class Socket:
    """One socket. Whatever ends it says so to `_end`, and the first word counts."""

    def __init__(self, endpoint: WebSocketEndpoint, websocket: WebSocket, fresh: ExitStack) -> None:
        self._endpoint = endpoint
        self._websocket = websocket
        self._fresh = fresh
        self._headers: Headers | None = None
        self._known: dict[str, Operation] = {}
        """By the client's id, as long as the client may hear of it."""
        self._under_way: set[Operation] = set()
        self._tasks = asyncio.TaskGroup()
        self._watches = ExitStack()
        self._sending = asyncio.Lock()
        self._ended: asyncio.Future[Close] = asyncio.get_running_loop().create_future()
        self._timer = self._end_in(endpoint.patience.init, CloseCode.INIT_TIMEOUT, "Connection initialisation timeout")

    async def serve(self) -> None:
        """Talk until the end, and stay until the mutations under way have come to theirs."""
        try:
            with self._watches:
                self._watch(None)
                async with self._tasks:
                    reading = self._tasks.create_task(self._read())
                    close = await self._ended
                    reading.cancel()
                    self._known.clear()
                    for operation in self._under_way:
                        operation.cancel()
                    await self._close(close)
        finally:
            self._timer.cancel()

    # --- what ends it ---
    def _end(self, close: Close) -> None:
        if not self._ended.done():
            self._ended.set_result(close)

    def _end_in(self, seconds: float, code: CloseCode, reason: str) -> asyncio.TimerHandle:
        return asyncio.get_running_loop().call_later(seconds, self._end, Close(code, reason))

    def _watch(self, token: str | None) -> None:
        self._watches.enter_context(self._endpoint.vigil.watch(token, lambda end: self._end(ENDS[end])))

    @contextmanager
    def _ending(self) -> Iterator[None]:
        """In every task of the socket: what it raises may be the socket's end."""
        try:
            yield
        except Closing as closing:
            self._end(closing.close)
        except WebSocketDisconnect:
            self._end(GONE)
        except Exception:
            log.exception("failed")
            self._end(Close(CloseCode.INTERNAL, "The gateway failed at this."))

    async def _close(self, close: Close) -> None:
        log.info("socket_closed", code=close.code, reason=close.told)
        if close.code is None:
            return
        try:
            async with asyncio.timeout(self._endpoint.patience.close):
                await self._websocket.close(close.code, close.told)
        except (WebSocketDisconnect, TimeoutError):
            pass  # its client has left meanwhile, or reads nothing: there is nobody to tell

    # --- what the client says ---
    async def _read(self) -> None:
        with self._ending():
            while (message := await self._websocket.receive())["type"] != "websocket.disconnect":
                await self._heard(read(message))
            self._end(GONE)

    async def _heard(self, received: Received) -> None:
        match received:
            case ConnectionInit():
                await self._init(received)
            case Ping(None):
                await self._send(write("pong"))
            case Ping(payload):
                await self._send(write("pong", payload=payload))
            case Subscribe():
                await self._subscribe(received)
            case Complete():
                self._complete(received)

    async def _init(self, received: ConnectionInit) -> None:
        if self._headers is not None:
            raise Closing(CloseCode.SECOND_INIT, "Too many initialisation requests")
        self._timer.cancel()
        if received.token is None:
            raise Closing(CloseCode.FORBIDDEN, "Forbidden: connection_init needs an access token in its payload.")
        headers = Headers({"authorization": f"Bearer {received.token}"})
        try:
            await self._context(headers, request_id(self._websocket.scope))
            self._watches.enter_context(self._endpoint.room.known.taken(received.token))
        except GatewayError as refused:
            raise Closing(CloseCode.TRY_AGAIN, refused.message) from None
        self._fresh.close()
        self._headers = headers
        self._watch(received.token)
        await self._send(write("connection_ack"))
        self._rest()

    async def _subscribe(self, received: Subscribe) -> None:
        if self._headers is None:
            raise Closing(CloseCode.UNAUTHORIZED, "Unauthorized")
        if received.id in self._known:
            raise Closing(CloseCode.DUPLICATE_ID, f"Subscriber for {received.id} already exists")
        if len(self._under_way) == MOST_OPERATIONS:
            await self._send(write("error", id=received.id, payload=[_one_too_many()]))
            return
        operation = self._known[received.id] = Operation(received.id)
        self._under_way.add(operation)
        self._timer.cancel()
        operation.task = self._tasks.create_task(self._operate(operation, received.request, self._headers))
        operation.task.add_done_callback(lambda _task: self._done(operation))

    def _complete(self, received: Complete) -> None:
        operation = self._known.pop(received.id, None)
        if operation is not None:
            operation.cancel()

    # --- what is done for it ---
    async def _operate(self, operation: Operation, asked: GraphQLRequest, headers: Headers) -> None:
        identifier = str(uuid_utils.uuid7())
        bind_contextvars(socket=request_id(self._websocket.scope), request_id=identifier)
        with self._ending():
            try:
                await self._answer(operation, asked, headers, identifier)
            except (Closing, WebSocketDisconnect):
                raise
            except Exception as failure:  # noqa: BLE001 - whatever it is, the client gets an answer and the log the reason
                await self._tell(operation, Answer([answer_failure(failure, identifier)]))

    async def _answer(self, operation: Operation, asked: GraphQLRequest, headers: Headers, identifier: str) -> None:
        # Each operation authenticates anew: what its token may do is read, not remembered.
        context = await self._context(headers, identifier)
        executor, seconds = self._endpoint.executor, self._endpoint.timeout_seconds
        ready = executor.prepare(asked, identifier, STREAMED_KINDS)
        operation.lasting = isinstance(ready, Ready) and ready.operation.kind is OperationType.MUTATION
        async with aclosing(answers(executor, ready, context, identifier, seconds=seconds)) as made:
            async for answer in made:
                await self._tell(operation, answer)
        if self._forget(operation):
            await self._send(write("complete", id=operation.id))

    async def _context(self, headers: Headers, identifier: str) -> Forgetful:
        try:
            return await self._endpoint.authenticate(headers, _address(self._websocket), identifier)
        except (Unauthenticated, PermissionDenied) as refused:
            raise Closing(CloseCode.FORBIDDEN, f"Forbidden: {refused.message}") from None

    async def _tell(self, operation: Operation, answer: Answer) -> None:
        if answer.executed:
            if operation is self._known.get(operation.id):
                await self._send(write("next", id=operation.id, payload=answer.body))
        elif self._forget(operation):
            await self._send(write("error", id=operation.id, payload=answer.errors))

    def _forget(self, operation: Operation) -> bool:
        """Let its id be used again; answers whether the client still waits for it."""
        known = operation is self._known.get(operation.id)
        if known:
            del self._known[operation.id]
        return known

    def _done(self, operation: Operation) -> None:
        self._under_way.discard(operation)
        self._forget(operation)
        self._rest()

    def _rest(self) -> None:
        """Nothing is under way: a socket that stays so is closed."""
        if not self._under_way:
            self._timer.cancel()
            idle = self._endpoint.patience.idle
            self._timer = self._end_in(idle, CloseCode.IDLE, f"No operation for {idle:g} seconds.")

    async def _send(self, text: str) -> None:
        async with self._sending:
            if self._ended.done():
                return
            try:
                async with asyncio.timeout(self._endpoint.patience.room):
                    await self._websocket.send_text(text)
            except TimeoutError:
                raise Closing(CloseCode.POLICY, "The client does not read what it is sent.") from None


def _address(websocket: WebSocket) -> str | None:
    return websocket.client.host if websocket.client else None


def _one_too_many() -> object:
    message = f"A socket carries {MOST_OPERATIONS} operations at a time: complete one of them first."
    refused = LimitExceeded(message, limit=MOST_OPERATIONS, actual=MOST_OPERATIONS + 1)
    return answer_failure(refused, str(uuid_utils.uuid7()))
