"""GraphQL requests and answers as HTTP messages: media types, bodies, parameters. Nothing is executed here.

Source: the GraphQL-over-HTTP draft, sections 4 (serialization), 5 (requests) and 6 (responses).
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final, NoReturn, TypeVar

import numpy as np
import orjson
from starlette.requests import ClientDisconnect, Request

from app.errors import BadInput, GatewayError, LimitExceeded
from resolvers.operation.execution import GraphQLRequest
from resolvers.operation.plan.written import Json

JSON: Final = "application/json"
GRAPHQL_JSON: Final = "application/graphql-response+json"
HTML: Final = "text/html"
EVENT_STREAM: Final = "text/event-stream"

MAX_NESTING: Final = 1024
"""How deep arrays and objects may be nested: orjson's own bound, which then holds for the parser behind it, too."""

PREFLIGHTED: Final = (
    "authorization",
    "x-requested-with",
    "graphql-require-preflight",
    "apollo-require-preflight",
    "x-apollo-operation-name",
)
"""Headers that a page of another origin can only send after a preflight, which it does not pass."""

T = TypeVar("T")
_QUALITY = re.compile(r"\s*q\s*=\s*([01](?:\.\d{0,3})?)\s*", re.IGNORECASE)


class HttpError(Exception):
    """A refusal for which HTTP has a status of its own."""

    def __init__(self, status: int, error: GatewayError, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(error.message)
        self.status = status
        self.error = error
        self.headers = dict(headers or {})


@lru_cache(64)
def answer_type(accept: str) -> str | None:
    """The media type to answer with; application/json for whoever does not say; None when neither is accepted."""
    if not accept.strip():
        return JSON
    liked = _qualities(accept)
    plain = next((liked[media] for media in (JSON, "application/*", "*/*") if media in liked), 0.0)
    modern = liked.get(GRAPHQL_JSON, 0.0)
    if modern == plain == 0:
        return GRAPHQL_JSON if accepts(accept, GRAPHQL_JSON) else None
    # Liked as much, the newer one says more: its status tells whether the operation was run.
    return GRAPHQL_JSON if modern >= plain else JSON


def accepts(accept: str, media: str) -> bool:
    """Whether a client that sends this header, or none, takes this media type."""
    kinds = (media, f"{media.partition('/')[0]}/*", "*/*")
    liked = _qualities(accept)
    return not accept.strip() or next((liked[kind] for kind in kinds if kind in liked), 0.0) > 0


def prefers_page(accept: str) -> bool:
    """Whether a browser asks: it names HTML, and not the types of answers before it."""
    liked = _qualities(accept)
    return liked.get(HTML, 0.0) > max(liked.get(JSON, 0.0), liked.get(GRAPHQL_JSON, 0.0))


def _qualities(accept: str) -> dict[str, float]:
    liked = {}
    for entry in accept.lower().split(","):
        media, *parameters = entry.split(";")
        quality = next((match for match in map(_QUALITY.fullmatch, parameters) if match), None)
        liked[media.strip()] = float(quality.group(1)) if quality else 1.0
    return liked


def bearer(authorization: str | None) -> str | None:
    """The access token in the value of an Authorization header; None where there is none."""
    scheme, _, token = (authorization or "").partition(" ")
    return (token.strip() or None) if scheme.lower() == "bearer" else None


async def posted(request: Request, limit: int) -> GraphQLRequest:
    """What a POST asks for. Raises HttpError 415 and 413, BadInput for anything else that is wrong with it."""
    media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media != JSON:
        # Also what keeps forms and scripts of other origins out: this type needs a preflight.
        raise HttpError(415, BadInput(f"Send the request as {JSON}."))
    if request.headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise HttpError(415, BadInput("Send the body as it is: no Content-Encoding is taken."))
    return asked(parse_json(await _body(request, limit), "The body"))


def queried(request: Request) -> GraphQLRequest:
    """What a GET asks for in its query string. Raises BadInput."""
    if not any(name in request.headers for name in PREFLIGHTED):
        raise BadInput(f"A GET request needs one of these headers: {', '.join(PREFLIGHTED)}.")
    given: dict[str, object] = dict(request.query_params)
    for name in ("variables", "extensions"):
        if name in given:
            given[name] = parse_json(str(given[name]).encode("utf-8", "surrogatepass"), name)
    return asked(given)


async def _body(request: Request, limit: int) -> bytes:
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and len(declared) < 19 and int(declared) > limit:
        raise _too_large(limit, int(declared))
    chunks, size, more = [], 0, True
    while more:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
        if size > limit:
            raise _too_large(limit, size)
        more = message.get("more_body", False)
    return b"".join(chunks)


def _too_large(limit: int, actual: int) -> HttpError:
    # The connection is left open: closed with a body half sent, it would be reset, and the answer lost on its way.
    refusal = LimitExceeded(f"MAX_BODY_BYTES allows {limit}, and the body has more.", limit=limit, actual=actual)
    return HttpError(413, refusal)


def parse_json(raw: bytes, what: str) -> object:
    """JSON as orjson reads it, and lone surrogates besides: the item that holds one is refused where it is stored.

    Raises BadInput, which quotes nothing.
    """
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError:
        return _parse_slowly(raw, what)


def _parse_slowly(raw: bytes, what: str) -> object:
    try:
        value = json.loads(raw, parse_constant=_no_number, parse_float=_finite)
    except (ValueError, RecursionError):
        raise BadInput(f"{what} is not JSON, or is nested too deeply.") from None
    if _is_too_deep(value):
        raise BadInput(f"{what} is nested too deeply: arrays and objects may be {MAX_NESTING} deep.", limit=MAX_NESTING)
    return value


def _no_number(_word: str) -> NoReturn:
    raise ValueError


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError
    return number


def _is_too_deep(value: object) -> bool:
    level = [value]
    for _ in range(MAX_NESTING + 1):
        level = [item for each in level for item in _items(each)]
        if not level:
            return False
    return True


def _items(value: object) -> list[object]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def asked(parameters: object) -> GraphQLRequest:
    """What the parameters of a request say, whatever transport brought them. Raises BadInput."""
    if isinstance(parameters, list):
        raise BadInput("Batches are not accepted: send each operation in a request of its own.")
    if not isinstance(parameters, dict):
        raise BadInput("The request must be a JSON object that has the document in query.")
    query = _parameter(parameters, "query", str, "a string: the GraphQL document")
    document_id = _parameter(parameters, "documentId", str, "a string: the identifier of a trusted document")
    if query is None and document_id is None:
        raise BadInput("query is missing: the GraphQL document, as a string.")
    _parameter(parameters, "extensions", dict, "an object")
    return GraphQLRequest(
        query,
        _parameter(parameters, "operationName", str, "a string") or None,
        _parameter(parameters, "variables", dict, "an object") or {},
        document_id,
    )


def _parameter(parameters: Mapping[str, object], name: str, type_: type[T], kind: str) -> T | None:
    value = parameters.get(name)
    if value is not None and not isinstance(value, type_):
        raise BadInput(f"{name} must be {kind}.")
    return value


def encode_json(body: object) -> bytes:
    """JSON in UTF-8. Raises TypeError, ValueError or RecursionError for what JSON cannot hold."""
    try:
        return orjson.dumps(body, default=_plain, option=orjson.OPT_SERIALIZE_NUMPY)
    except TypeError:
        # Lone surrogates, integers beyond 64 bits, values nested more than 254 deep.
        return json.dumps(body, default=_parsed, allow_nan=False, separators=(",", ":")).encode()


def _parsed(value: object) -> object:
    return orjson.loads(value.text) if isinstance(value, Json) else _plain(value)


def _plain(value: object) -> object:
    """JSON as it is; an array as the shortest decimals of its type, also where its memory layout is not one that orjson reads."""
    if isinstance(value, Json):
        return orjson.Fragment(value.text)
    if not isinstance(value, (np.ndarray, np.generic)):
        raise TypeError
    return orjson.loads(orjson.dumps(np.ascontiguousarray(value), option=orjson.OPT_SERIALIZE_NUMPY))
