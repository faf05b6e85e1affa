"""Pages of other origins: which may call the gateway from a browser (CORS), and which may open sockets to it. Nobody else is asked."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from typing import Final

from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware

from app.web.message import PREFLIGHTED

ANY: Final = "*"
METHODS: Final = ("GET", "POST")
EXPOSED: Final = ("x-request-id", "retry-after")
"""Headers of answers that a page may read."""

TOLD: Final = (
    "apollographql-client-name",
    "apollographql-client-version",
    "baggage",
    "sentry-trace",
    "traceparent",
    "tracestate",
)
"""What clients and tracers add by themselves: a browser sends nothing at all where one header of its list is refused."""

SENT: Final = ("content-type", "x-request-id", *PREFLIGHTED, *TOLD)
"""Headers of requests that a page may send."""

REMEMBERED_SECONDS: Final = 600
"""How long a browser need not ask again."""


def shared_with(origins: AbstractSet[str] | None) -> list[Middleware]:
    """What answers browsers on behalf of these origins; nothing at all where there are none.

    Credentials in the sense of CORS (cookies) are never allowed: access tokens are sent by the page itself.
    """
    if not origins:
        return []
    return [
        Middleware(
            CORSMiddleware,
            allow_origins=sorted(origins),
            allow_methods=METHODS,
            allow_headers=SENT,
            expose_headers=EXPOSED,
            max_age=REMEMBERED_SECONDS,
        )
    ]


def may_connect(headers: Headers, origins: AbstractSet[str] | None) -> bool:
    """Whether a handshake is not one that a page of a stranger makes: browsers always name the page's origin, others need not.

    The scheme is left out of the comparison with the host: it may change on the way, where a proxy ends TLS.
    """
    origin = headers.get("origin")
    if origin is None:
        return True
    site = origin.partition("://")[2]
    return (site != "" and site == headers.get("host")) or not {origin, ANY}.isdisjoint(origins or ())
