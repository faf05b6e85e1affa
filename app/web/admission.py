"""Whether a request is let in, on every transport over HTTP: who asks, what for, and the answer to whoever is refused."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Protocol

from graphql import OperationType
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response

from app.errors import (
    BadInput,
    DatabaseUnavailable,
    GatewayError,
    PermissionDenied,
    RateLimited,
    Unauthenticated,
)
from app.web.message import JSON, HttpError, encode_json, posted, queried
from resolvers.operation.execution import Answer, Executor, Ready
from resolvers.operation.failure import answer_failure
from resolvers.operation.subscription import Forgetful


class Caller(Forgetful, Protocol):
    """Who is let in, as the transports see it: the context that resolvers meet as `info.context`."""

    @property
    def holder(self) -> str:
        """Whose limits count: one key for all tokens of one holder."""


Authenticate = Callable[[Headers, str | None, str], Awaitable[Caller]]
"""(headers, client address, request id) -> who asks. Raises GatewayError."""

STATUS: Final[Mapping[type[GatewayError], int]] = {
    Unauthenticated: 401,
    PermissionDenied: 403,
    RateLimited: 429,
    DatabaseUnavailable: 503,
}
"""Statuses of a whole request's refusal; other GatewayErrors are 503 if they pass, else 400."""

CLIENT_GONE: Final = 499
"""Nobody reads it; it marks the access line, as nginx marks it."""

RETRY_AFTER_SECONDS: Final = 60
"""For a rate limit that does not say: limits are per minute."""


@dataclass(frozen=True, slots=True)
class Admission:
    """The door of one route. `kinds`: the operations that each method may ask for."""

    executor: Executor
    authenticate: Authenticate
    kinds: Mapping[str, AbstractSet[OperationType]]
    max_body_bytes: int

    async def of(self, request: Request, identifier: str) -> tuple[Caller, Ready | Answer]:
        """Who asks, and what is prepared for it. Raises HttpError and GatewayError for what is refused as a whole."""
        kinds = self.kinds.get(request.method)
        if kinds is None:
            reads = sorted(kind.value for kind in self.kinds["GET"])
            allowed = ", ".join(self.kinds)
            raise HttpError(405, BadInput(f"Use POST, or GET for: {', '.join(reads)}."), {"allow": allowed})
        # Authentication comes before the body: whoever is not let in gets none of it read.
        address = request.client.host if request.client else None
        caller = await self.authenticate(request.headers, address, identifier)
        asked = queried(request) if request.method == "GET" else await posted(request, self.max_body_bytes)
        return caller, self.executor.prepare(asked, identifier, kinds)


def refusal(failure: Exception, identifier: str, media: str) -> Response:
    """The answer to a request that is refused as a whole: its status says so under every media type."""
    error, status, headers = failure, 500, dict[str, str]()
    if isinstance(failure, HttpError):
        error, status, headers = failure.error, failure.status, failure.headers
    elif isinstance(failure, GatewayError):
        status, headers = STATUS.get(type(failure), 503 if failure.retryable else 400), _headers(failure)
    answer = Answer([answer_failure(error, identifier)], status=status, json_status=status)
    return response_of(answer, media, headers)


def _headers(error: GatewayError) -> dict[str, str]:
    if isinstance(error, Unauthenticated):
        return {"www-authenticate": "Bearer"}
    if isinstance(error, RateLimited):
        seconds = error.facts.get("retryAfterSeconds", RETRY_AFTER_SECONDS)
        return {"retry-after": str(math.ceil(seconds) if isinstance(seconds, int | float) else RETRY_AFTER_SECONDS)}
    return {}


def response_of(answer: Answer, media: str, headers: Mapping[str, str] = MappingProxyType({})) -> Response:
    """An answer in this media type."""
    status = answer.json_status if media == JSON else answer.status
    allow = {"allow": "POST"} if status == 405 else {}
    return Response(
        encode_json(answer.body),
        status,
        {**allow, **headers, "content-type": f"{media}; charset=utf-8"},
    )
