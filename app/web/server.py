"""How uvicorn serves the application, wherever it is started: its protocols, with what ASGI has no word for, and its options.

Whoever serves the application without these loses only what their docstrings promise.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from app.settings import Settings

ON_STOP: Final = "on_stop"
"""In the lifespan's state: what the application wants called when the server begins to stop."""

PING_SECONDS: Final = 20.0
"""Between pings of a socket, and for their answer: what is between client and server keeps it open, and the dead are noticed."""

CLOSE_SECONDS: Final = 5.0
"""How long a peer may take to read what is left for it, once its socket is closed."""


def protocols(settings: Settings) -> dict[str, Any]:
    """uvicorn's options that the application relies on."""
    return {
        "http": HttpProtocol,
        "ws": SocketProtocol,
        "ws_max_size": settings.max_body_bytes,
        "ws_ping_interval": PING_SECONDS,
        "ws_ping_timeout": PING_SECONDS,
        "ws_per_message_deflate": False,  # each socket would keep two windows of what it has seen
    }


def _stop(app_state: dict[str, Any]) -> None:
    on_stop = app_state.get(ON_STOP)
    if on_stop is not None:
        on_stop()


class HttpProtocol(HttpToolsProtocol):
    """Tells the application that the server stops: event streams end by themselves then, and only then."""

    def shutdown(self) -> None:
        _stop(self.app_state)
        super().shutdown()


class SocketProtocol(WebSocketsSansIOProtocol):
    """Lets the application close its sockets when the server stops, and waits for nobody who does not read."""

    _abort: asyncio.TimerHandle | None = None

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
