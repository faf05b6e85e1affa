"""Around every request: an id, log context, headers that harden browsers, and one access line. Pure ASGI."""

from __future__ import annotations

import re
import time
from typing import Final

import structlog
import uuid_utils
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.web.address import keep_only_addresses

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
_UNSTORED: Final = (*_HARDENED, (b"cache-control", b"no-store"))
_ID: Final = REQUEST_ID_HEADER.encode()

log = structlog.get_logger(__name__)


def request_id(scope: Scope) -> str:
    """The request's id: the client's own when it is plain enough for headers and logs, else a new UUIDv7."""
    state = scope.setdefault("state", {})
    known: str | None = state.get("request_id")
    if known is None:
        known = state["request_id"] = _given_id(scope) or str(uuid_utils.uuid7())
    return known


def _given_id(scope: Scope) -> str | None:
    for name, value in scope["headers"]:
        if name == _ID:
            given: str = value.decode("latin-1")
            return given if _ACCEPTED_ID.fullmatch(given) else None
    return None


class Shortcut:
    """Takes requests for one path to their endpoint; all else goes on to the routes, which are asked one after the other."""

    def __init__(self, app: ASGIApp, path: str, endpoint: ASGIApp) -> None:
        self.app = app
        self.path = path
        self.endpoint = endpoint

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == self.path:
            scope["endpoint"] = self.endpoint
            await self.endpoint(scope, receive, send)
        else:
            await self.app(scope, receive, send)


class RequestMiddleware:
    """The outermost layer, so that even the server's own errors carry an id and are counted."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        keep_only_addresses(scope)
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
        wanted = _UNSTORED if self.scope["path"].startswith(NOT_STORED) else _HARDENED
        return [(_ID, request_id(self.scope).encode()), *(header for header in wanted if header[0] not in present)]

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
