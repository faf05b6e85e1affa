"""One GraphQL socket, from its acceptance to its end. Its messages are in socket_message.py, its handshake in websocket.py.

A message waits in the task that has made it until the client has room: whoever reads slowly slows the sources of its own
operations, and nothing is heaped up.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack, aclosing, contextmanager
from dataclasses import dataclass
from typing import Final

import structlog
import uuid_utils
from graphql import OperationType
from starlette.datastructures import Headers
from starlette.types import Message
from starlette.websockets import WebSocket, WebSocketDisconnect
from structlog.contextvars import bind_contextvars

from app.errors import GatewayError, LimitExceeded, PermissionDenied, Unauthenticated
from app.web.address import address_of
from app.web.admission import Authenticate, Caller
from app.web.middleware import request_id
from app.web.places import Places
from app.web.server import ACKNOWLEDGE
from app.web.socket_message import (
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
from resolvers.operation.subscription import STREAMED_KINDS, answers

MOST_OPERATIONS: Final = 50
"""Operations of one socket at a time."""

QUICK: Final = 1_048_576
"""Characters of a message that are read in passing; more are read in a thread, beside what others are answered."""

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
class Service:
    """What all sockets of a route share. `timeout_seconds` is the time for each answer."""

    executor: Executor
    authenticate: Authenticate
    vigil: Vigil
    timeout_seconds: float
    patience: Patience


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

    def __init__(self, service: Service, websocket: WebSocket, fresh: ExitStack, places: Places) -> None:
        """`fresh`: left as soon as the socket has shown a token; `places`: one of them is taken then."""
        self._service = service
        self._places = places
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
        self._timer = self._end_in(service.patience.init, CloseCode.INIT_TIMEOUT, "Connection initialisation timeout")

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
        self._watches.enter_context(self._service.vigil.watch(token, lambda end: self._end(ENDS[end])))

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
        log.info("socket_closed", code=close.code)  # a reason may name the client's id, which is any text
        if close.code is None:
            return
        try:
            async with asyncio.timeout(self._service.patience.close):
                await self._websocket.close(close.code, close.told)
        except (WebSocketDisconnect, TimeoutError):
            pass  # its client has left meanwhile, or reads nothing: there is nobody to tell

    # --- what the client says ---
    async def _read(self) -> None:
        with self._ending():
            while (message := await self._websocket.receive())["type"] != "websocket.disconnect":
                await self._heard(await _read(message))
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
            caller = await self._caller(headers, request_id(self._websocket.scope))
            self._watches.enter_context(self._places.taken(caller.holder))
        except GatewayError as refused:
            raise Closing(CloseCode.TRY_AGAIN, refused.message) from None
        self._fresh.close()
        self._headers = headers
        self._watch(received.token)
        self._websocket.scope["state"].get(ACKNOWLEDGE, _nothing)()
        await self._send(write("connection_ack"))
        self._rest()

    async def _subscribe(self, received: Subscribe) -> None:
        headers = self._headers
        if headers is None:
            raise Closing(CloseCode.UNAUTHORIZED, "Unauthorized")
        if received.id in self._known:
            raise Closing(CloseCode.DUPLICATE_ID, f"Subscriber for {received.id} already exists")
        if len(self._under_way) == MOST_OPERATIONS:
            await self._send(write("error", id=received.id, payload=[_one_too_many()]))
            return
        operation = self._known[received.id] = Operation(received.id)
        self._under_way.add(operation)
        self._timer.cancel()
        operation.task = self._tasks.create_task(self._operate(operation, received.request, headers))
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
        caller = await self._caller(headers, identifier)
        executor, seconds = self._service.executor, self._service.timeout_seconds
        ready = executor.prepare(asked, identifier, STREAMED_KINDS)
        operation.lasting = isinstance(ready, Ready) and ready.operation.kind is OperationType.MUTATION
        async with aclosing(answers(executor, ready, caller, identifier, seconds=seconds)) as made:
            async for answer in made:
                await self._tell(operation, answer)
        if self._forget(operation):
            await self._send(write("complete", id=operation.id))

    async def _caller(self, headers: Headers, identifier: str) -> Caller:
        try:
            return await self._service.authenticate(headers, address_of(self._websocket), identifier)
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
            idle = self._service.patience.idle
            self._timer = self._end_in(idle, CloseCode.IDLE, f"No operation for {idle:g} seconds.")

    async def _send(self, text: str) -> None:
        async with self._sending:
            if self._ended.done():
                return
            try:
                async with asyncio.timeout(self._service.patience.room):
                    await self._websocket.send_text(text)
            except TimeoutError:
                raise Closing(CloseCode.POLICY, "The client does not read what it is sent.") from None


async def _read(message: Message) -> Received:
    if len(message.get("text") or "") <= QUICK:
        return read(message)
    return await asyncio.to_thread(read, message)


def _nothing() -> None:
    """A server without bounds of its own for strangers has none to lift."""


def _one_too_many() -> object:
    message = f"A socket carries {MOST_OPERATIONS} operations at a time: complete one of them first."
    refused = LimitExceeded(message, limit=MOST_OPERATIONS, actual=MOST_OPERATIONS + 1)
    return answer_failure(refused, str(uuid_utils.uuid7()))
