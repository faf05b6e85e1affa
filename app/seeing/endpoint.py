"""The endpoint `/metrics`. It needs no token, so what it costs does not grow with how often it is asked."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from app.errors import RateLimited
from app.web.address import address_of
from app.web.admission import refusal
from app.web.message import JSON
from app.web.middleware import request_id
from app.web.rate import Arrival

KEPT_SECONDS: Final = 1.0
"""How long the numbers are good for."""

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


class MetricsEndpoint:
    """Answers what `read` does, which is asked by one at a time."""

    def __init__(self, read: Callable[[], Awaitable[bytes]], arrive: Arrival) -> None:
        self._read = read
        self._arrive = arrive
        self._reading = asyncio.Lock()
        self._text = b""
        self._read_at = -math.inf

    async def respond(self, request: Request) -> Response:
        """For a route."""
        try:
            self._arrive(address_of(request))
        except RateLimited as refused:
            return refusal(refused, request_id(request.scope), JSON)
        async with self._reading:
            if time.monotonic() - self._read_at >= KEPT_SECONDS:
                self._text = await self._read()
                self._read_at = time.monotonic()
        return Response(self._text, headers={"content-type": CONTENT_TYPE})
