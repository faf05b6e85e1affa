"""Around every request: an id, log context, headers that harden browsers, and one access line. Pure ASGI."""

from __future__ import annotations

import re
import time
from typing import Final

import structlog
import uuid_utils
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

REQUEST_ID_HEADER: Final = "x-request-id"
NOT_STORED: Final = "/graphql"
"""Answers of paths that begin so are for the caller alone."""

NOWHERE: Final = "(no route)"
"""What the access line says of a path that no route has; routes leave their endpoint in the scope."""

SWITCHED: Final = 101
"""The status of an accepted WebSocket handshake, which its message leaves out."""

_BEGINNINGS: Final = ("http.response.start", "websocket.accept", "websocket.http.response.start")
_ACCEPTED_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_HARDENED: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),  # a page that needs more sets its own
)
_NO_STORE: Final = (b"cache-control", b"no-store")

log = structlog.get_logger(__name__)


def request_id(scope: Scope) -> str:
    """The request's id: the client's own when it is plain enough for headers and logs, else a new UUIDv7."""
    state = scope.setdefault("state", {})
    if "request_id" not in state:
        given = Headers(scope=scope).get(REQUEST_ID_HEADER, "")
        state["request_id"] = given if _ACCEPTED_ID.fullmatch(given) else str(uuid_utils.uuid7())
    return str(state["request_id"])


class RequestMiddleware:
    """The outermost layer, so that even the server's own errors carry an id and are counted."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id(scope))
        exchange = _Exchange(scope, send)
        try:
            await self.app(scope, receive, exchange.send)
        finally:
            exchange.log()


class _Exchange:
    """One request's answer on its way out."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self.scope = scope
        self._send = send
        self.begun = time.perf_counter()
        self.status: int | None = None

    async def send(self, message: Message) -> None:
        if message["type"] in _BEGINNINGS:
            self.status = message.get("status", SWITCHED)
            message = {**message, "headers": [*message.get("headers", ()), *self._added(message)]}
        await self._send(message)

    def _added(self, message: Message) -> list[tuple[bytes, bytes]]:
        """What the application has not set itself."""
        present = {name for name, _ in message.get("headers", ())}
        stored = not self.scope["path"].startswith(NOT_STORED)
        wanted = _HARDENED if stored else (*_HARDENED, _NO_STORE)
        identified = (REQUEST_ID_HEADER.encode(), request_id(self.scope).encode())
        return [identified, *(header for header in wanted if header[0] not in present)]

    def log(self) -> None:
        """The path without its query string, which may hold a document; its hash is in the log context.

        A path that leads nowhere is left out: it may be anything that somebody has pasted.
        """
        log.info(
            "request",
            method=self.scope.get("method", self.scope["type"]),
            path=self.scope["path"] if "endpoint" in self.scope else NOWHERE,
            status=self.status,
            milliseconds=round((time.perf_counter() - self.begun) * 1000, 1),
        )
