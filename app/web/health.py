"""The endpoints that need no token: is the process up, can it serve, and what is its schema."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable
from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from app.errors import GatewayError, NotFound, RateLimited
from app.gateway import Gateway
from app.store import migration
from app.web.address import address_of
from app.web.admission import refusal
from app.web.message import JSON, HttpError
from app.web.middleware import request_id
from app.web.rate import Arrival

KEPT_SECONDS: Final = 1.0
"""How long an answer of /readyz is good for."""


async def healthz(_: Request) -> Response:
    """The process answers."""
    return JSONResponse({"status": "up"})


class Readiness:
    """200 when the catalogue is reachable and migrated, else 503 with the reason.

    Whoever asks meanwhile waits for the same check, and its answer is good for a while: no token is needed here, so what it costs
    must not grow with how often it is asked.
    """

    def __init__(self, gateway: Gateway, arrive: Arrival) -> None:
        self._gateway = gateway
        self._arrive = arrive
        self._checking = asyncio.Lock()
        self._found: tuple[dict[str, object], int] = {}, 0
        self._checked = -math.inf

    async def respond(self, request: Request) -> Response:
        """For a route."""
        try:
            self._arrive(address_of(request))
        except RateLimited as refused:
            return refusal(refused, request_id(request.scope), JSON)
        async with self._checking:
            if time.monotonic() - self._checked >= KEPT_SECONDS:
                self._found = await self._check()
                self._checked = time.monotonic()
        body, status = self._found
        return JSONResponse(body, status)

    async def _check(self) -> tuple[dict[str, object], int]:
        try:
            async with self._gateway.postgres.catalogue.connection() as connection:
                missing = await migration.pending(connection, "catalogue")
        except GatewayError as error:
            return {"status": "unavailable", "reason": error.message}, 503
        return ({"status": "migrating", "missing": missing}, 503) if missing else ({"status": "ready"}, 200)


def schema_text(text: str) -> Callable[[Request], Awaitable[Response]]:
    """The schema in the schema definition language, for code generators."""

    async def respond(_: Request) -> Response:
        return PlainTextResponse(text)

    return respond


async def closed_schema(request: Request) -> Response:
    """Where introspection is off: what GraphQL does not tell of itself is not to be had beside it either."""
    closed = NotFound("The schema is not published here: the operator has set VECTORGATE_INTROSPECTION=off.")
    return refusal(HttpError(404, closed), request_id(request.scope), JSON)
