"""The endpoints that need no token: is the process up, can it serve, and what is its schema."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from app.errors import GatewayError
from app.gateway import Gateway
from app.store import migration


async def healthz(_: Request) -> Response:
    """The process answers."""
    return JSONResponse({"status": "up"})


def readyz(gateway: Gateway) -> Callable[[Request], Awaitable[Response]]:
    """200 when the catalogue is reachable and migrated, else 503 with the reason."""

    async def respond(_: Request) -> Response:
        try:
            async with gateway.postgres.catalogue.connection() as connection:
                missing = await migration.pending(connection, "catalogue")
        except GatewayError as error:
            return JSONResponse({"status": "unavailable", "reason": error.message}, status_code=503)
        if missing:
            return JSONResponse({"status": "migrating", "missing": missing}, status_code=503)
        return JSONResponse({"status": "ready"})

    return respond


def schema_text(text: str) -> Callable[[Request], Awaitable[Response]]:
    """The schema in the schema definition language, for code generators."""

    async def respond(_: Request) -> Response:
        return PlainTextResponse(text)

    return respond
