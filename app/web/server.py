"""How uvicorn serves the application, wherever it is started: its protocols, with what ASGI has no word for, and its options.

Whoever serves the application without these loses only what their docstrings promise.
"""

from __future__ import annotations

import asyncio
import resource
from typing import Any, Final
from weakref import WeakKeyDictionary

import structlog
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState
from websockets.frames import Frame

from app.settings import Settings
from app.web import slowness
from app.web.address import PEER
from app.web.idleness import Idle
from app.web.slowness import Body, Head, Unread

ON_STOP: Final = "on_stop"
"""In the lifespan's state: what the application wants called when the server begins to stop."""

PING_SECONDS: Final = 20.0
"""Between pings of a socket, and for their answer: what is between client and server keeps it open, and the dead are noticed."""

CLOSE_SECONDS: Final = 5.0
"""How long a peer may take to read what is left for it, once its socket is closed."""

LOOK_SECONDS: Final = 10.0
"""Between looks at a connection, at the longest: one timer serves all that it may be slow at."""

STRANGERS_FRAME_BYTES: Final = 32_768
"""Of a message before the application has called what stands at ACKNOWLEDGE: a token fits, and nothing that costs."""

ACKNOWLEDGE: Final = "acknowledge"
"""In a socket's state: what the application calls when it knows whose the socket is."""


def connections_below(descriptors: int) -> int:
    """How many connections leave room among so many file descriptors for databases, providers and files."""
    return descriptors - max(64, descriptors // 4)


MOST_CONNECTIONS: Final = connections_below(resource.getrlimit(resource.RLIMIT_NOFILE)[0])
"""Of this process. At the end of its descriptors it could not even reach its database."""

FULL: Final = b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 10\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
BAD: Final = b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
TOO_LONG: Final = b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"

IDLE: Final = WeakKeyDictionary[ServerState, Idle]()
"""Of each server of this process: uvicorn's state of a server has no place for more."""

log = structlog.get_logger(__name__)


def protocols(settings: Settings) -> dict[str, Any]:
    """uvicorn's options that the application relies on."""
    return {
        "http": HttpProtocol,
        "ws": SocketProtocol,
        "timeout_keep_alive": settings.keep_alive_seconds,
        "ws_max_size": settings.max_body_bytes,
        "ws_ping_interval": PING_SECONDS,
        "ws_ping_timeout": PING_SECONDS,
        "ws_per_message_deflate": False,  # each socket would keep two windows of what it has seen
    }


def _stop(app_state: dict[str, Any]) -> None:
    on_stop = app_state.get(ON_STOP)
    if on_stop is not None:
        on_stop()


class HeadTooLongError(Exception):
    """Ends the parser's work at a request."""


class HttpProtocol(HttpToolsProtocol):
    """Tells the application that the server stops: event streams end by themselves then, and only then.

    A connection is taken while there is room for it, or an idle one to be ended for it. It ends when its client is too slow: at
    the head of a request, at the rest of a body that is already answered, or at reading its answers. It also ends when a head is
    too long, or what comes around a body: uvicorn would keep all trailers, and does not pause for what is no body.
    """

    _look: asyncio.TimerHandle | None = None
    _too_long = False
    _body: Body | None = None
    """From the end of a request's head to its own."""
    _answered: Body | None = None
    """The body that still came at the last look, although its answer was complete."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as its base class does
        super().connection_made(transport)
        self._head, self._unread = Head(self.loop.time()), Unread()
        self._idle = IDLE.setdefault(self.server_state, Idle())
        self.app_state = {**self.app_state, PEER: self.client}
        if len(self.connections) > MOST_CONNECTIONS and not self._idle.end_one(self.loop.time()):
            log.warning("connection_refused", most=MOST_CONNECTIONS)
            self._refuse(FULL)
        self._look = self.loop.call_later(min(LOOK_SECONDS, slowness.HEAD_SECONDS), self._look_at_it)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._unset_keepalive_if_required()  # which uvicorn leaves to a connection that was reset
        self._look_no_more()
        self._idle.discard(self)

    def handle_websocket_upgrade(self) -> None:
        self._look_no_more()
        super().handle_websocket_upgrade()

    def shutdown(self) -> None:
        _stop(self.app_state)
        super().shutdown()

    # --- what arrives ---
    def data_received(self, data: bytes) -> None:
        self._idle.discard(self)
        head, body = self._head, self._body
        if head.between:
            head.begin(self.loop.time())
        if head.since is not None:
            head.size += len(data)
        super().data_received(data)
        # With another body than before, the head and what else came with its beginning have been weighed as such.
        if self._is_too_much(len(data) if body is self._body else 0) and not self.transport.is_closing():
            self._refuse(TOO_LONG)
        self._rest()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._unread.read_on()
        if self not in self.connections:  # it has become a socket meanwhile
            self._unset_keepalive_if_required()
        self._rest()

    def _rest(self) -> None:
        """Wait for the next request, if the last has come whole and is answered; after an answer alone uvicorn does so itself."""
        if not self._is_done() or self.transport.is_closing() or self not in self.connections:
            return
        self.cycle.body.clear()
        if self.timeout_keep_alive_task is None:
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )
        self._idle.add(self, self.loop.time())

    def _is_done(self) -> bool:
        return self._head.between and self.cycle is not None and self.cycle.response_complete

    def _is_too_much(self, size: int) -> bool:
        if self._head.since is not None:
            return self._head.size > slowness.HEAD_BYTES
        return self._body is not None and self._body.is_padded(size)

    def on_message_begin(self) -> None:
        if self._head.between:
            self._head.begin(self.loop.time())
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._body is None:  # nobody reads trailers, and among the headers they would be what no proxy has looked at
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        head = self._head
        head.since = None
        # What was counted may have a body's beginning in it: only then are the headers themselves weighed.
        self._too_long = head.size > slowness.HEAD_BYTES and self._weight() > slowness.HEAD_BYTES
        if self._too_long:
            raise HeadTooLongError
        super().on_headers_complete()
        self._body = Body()  # with an exchange: what uvicorn cannot read has ended the parser's work before

    def on_body(self, body: bytes) -> None:
        if self._body is not None:
            self._body.carry(len(body))
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._head.between, self._body = True, None
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        if self._too_long:
            self._refuse(TOO_LONG)
        else:
            super().send_400_response(msg)

    def _weight(self) -> int:
        return len(self.url) + sum(len(name) + len(value) + len(b": \r\n") for name, value in self.headers)

    def _refuse(self, answer: bytes) -> None:
        # While a body comes, its own answer or that of an earlier request may have been begun: ours would be in the middle of it.
        if self._body is None or not (self.cycle.response_started or self.pipeline):
            self.transport.write(answer)
        self.transport.close()

    # --- what does not ---
    def resume_writing(self) -> None:
        self._unread.read_on()
        super().resume_writing()

    def _look_at_it(self) -> None:
        now = self.loop.time()
        left = self._is_done() and self.transport.get_write_buffer_size() > 0
        if self._unread.is_stuck(self.transport, now, paused=self.flow.write_paused or left):
            self.transport.abort()
        elif self._head.is_late(now) or self._body_is_late():
            self.transport.close()
        since = self._head.since
        wait = LOOK_SECONDS if since is None else max(0.001, since + slowness.HEAD_SECONDS - now)
        self._look = self.loop.call_later(min(LOOK_SECONDS, wait), self._look_at_it)

    def _body_is_late(self) -> bool:
        """Whether a body still comes that was answered before the last look, without having been read."""
        answered = self._body if self._body is not None and self.cycle.response_complete else None
        late = answered is not None and answered is self._answered
        self._answered = answered
        return late

    def _look_no_more(self) -> None:
        if self._look is not None:
            self._look.cancel()


class SocketProtocol(WebSocketsSansIOProtocol):
    """Lets the application close its sockets when the server stops, and waits for nobody who does not read."""

    _abort: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        # The parser refuses by a frame's header, before it keeps any of it: 1009, as for messages over MAX_BODY_BYTES.
        self.conn.max_message_size = min(STRANGERS_FRAME_BYTES, self.config.ws_max_size)
        self.app_state = {**self.app_state, ACKNOWLEDGE: self._acknowledge}

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.conn.handshake_exc is not None and not (self.handshake_initiated or self.close_sent):
            self._refuse_handshake()

    def _refuse_handshake(self) -> None:
        """The parser takes no such head (a body's, a long line, many lines): uvicorn would neither answer nor ever close."""
        self.handshake_complete = self.close_sent = True
        self.transport.write(b"".join(self.conn.data_to_send()) or BAD)
        self.transport.close()
        self._abort_soon()

    def _acknowledge(self) -> None:
        self.conn.max_message_size = self.config.ws_max_size

    def shutdown(self) -> None:
        _stop(self.app_state)
        if not self.handshake_complete or self.close_sent or ON_STOP not in self.app_state:
            super().shutdown()

    async def send(self, message: Any) -> None:  # noqa: ANN401 - uvicorn keeps its types of messages to itself
        if message["type"] == "websocket.close":
            self._abort_soon()
        await self.writable.wait()
        if self.close_sent:
            raise ClientDisconnected  # uvicorn has closed it itself, and would call this message unexpected
        await super().send(message)
        if message["type"] == "websocket.http.response.body":
            self.handshake_complete = True  # by a refusal, which uvicorn would log as a fault

    def keepalive_timeout(self) -> None:
        super().keepalive_timeout()
        self._abort_soon()

    def handle_ping(self) -> None:
        if self.writable.is_set():
            super().handle_ping()
        else:
            self.conn.data_to_send()  # answers to pings of a client that reads none would be heaped up

    def handle_close(self, event: Frame) -> None:
        super().handle_close(event)
        self._abort_soon()

    def handle_parser_exception(self) -> None:
        super().handle_parser_exception()
        self._abort_soon()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self._abort is not None:
            self._abort.cancel()

    def _abort_soon(self) -> None:
        """A closed transport stays for as long as its peer leaves something unread."""
        if self._abort is None and not self.disconnected:
            self._abort = self.loop.call_later(CLOSE_SECONDS, self.transport.abort)
