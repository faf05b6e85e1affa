"""The messages of graphql-transport-ws: what a client may say, what it is answered, and the codes of closing. No socket here.

Source: PROTOCOL.md of enisdenj/graphql-ws. Close codes below 4000 are those of RFC 6455 and its registry.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, Final, TypeAlias

from starlette.types import Message

from app.errors import BadInput
from app.web.message import asked, bearer, encode_json, parse_json
from resolvers.operation.execution import GraphQLRequest

SUBPROTOCOL: Final = "graphql-transport-ws"

LONGEST_REASON: Final = 123
"""Bytes; RFC 6455, section 5.5: a control frame holds 125, and two of them are the code."""

Payload: TypeAlias = Mapping[str, Any] | None


class CloseCode(IntEnum):
    """Why the server closes a socket."""

    IDLE = 1000
    POLICY = 1008
    INTERNAL = 1011
    STOPPING = 1012
    TRY_AGAIN = 1013
    BAD_MESSAGE = 4400
    UNAUTHORIZED = 4401
    FORBIDDEN = 4403
    INIT_TIMEOUT = 4408
    DUPLICATE_ID = 4409
    SECOND_INIT = 4429


@dataclass(frozen=True, slots=True)
class Close:
    """How a socket ends; without a code, its client is gone already."""

    code: CloseCode | None
    reason: str = ""

    @property
    def told(self) -> str:
        """The reason, as much of it as a close frame holds."""
        return self.reason.encode("utf-8", "replace")[:LONGEST_REASON].decode("utf-8", "ignore")


class Closing(Exception):
    """The socket has to be closed."""

    def __init__(self, code: CloseCode, reason: str) -> None:
        super().__init__(reason)
        self.close = Close(code, reason)


@dataclass(frozen=True, slots=True)
class ConnectionInit:
    payload: Payload = field(repr=False)  # it holds the access token

    @property
    def token(self) -> str | None:
        """The access token: in `token`, or as the Authorization header would have it; None where there is none."""
        payload = self.payload or {}
        named = next((payload[name] for name in ("Authorization", "authorization") if name in payload), None)
        given = bearer(named) if isinstance(named, str) else payload.get("token")
        return given if isinstance(given, str) and given.isascii() else None


@dataclass(frozen=True, slots=True)
class Ping:
    payload: Payload


@dataclass(frozen=True, slots=True)
class Pong: ...


@dataclass(frozen=True, slots=True)
class Subscribe:
    id: str
    request: GraphQLRequest


@dataclass(frozen=True, slots=True)
class Complete:
    id: str


Received: TypeAlias = ConnectionInit | Ping | Pong | Subscribe | Complete


def read(message: Message) -> Received:
    """A client's message. Raises Closing 4400 for anything that the protocol does not have a client say."""
    text = message.get("text")
    if text is None:
        raise _bad("Messages are text, not binary.")
    try:
        given = parse_json(text.encode("utf-8", "surrogatepass"), "The message")
        return _read(given)
    except BadInput as error:
        raise _bad(error.message) from None


def _read(given: object) -> Received:
    if not isinstance(given, dict):
        raise _bad("A message is a JSON object.")
    match given.get("type"):
        case "connection_init":
            return ConnectionInit(_payload(given))
        case "ping":
            return Ping(_payload(given))
        case "pong":
            _payload(given)
            return Pong()
        case "subscribe":
            return Subscribe(_id(given), asked(given.get("payload")))
        case "complete":
            return Complete(_id(given))
    raise _bad("type must be connection_init, ping, pong, subscribe or complete.")


def _payload(given: Mapping[str, Any]) -> Payload:
    payload = given.get("payload")
    if payload is not None and not isinstance(payload, dict):
        raise _bad("payload must be an object.")
    return payload


def _id(given: Mapping[str, Any]) -> str:
    identifier = given.get("id")
    if not isinstance(identifier, str) or not identifier:
        raise _bad("id must be a string that is not empty.")
    return identifier


def _bad(reason: str) -> Closing:
    return Closing(CloseCode.BAD_MESSAGE, reason)


def write(type_: str, **fields: object) -> str:
    """A message for the client. Raises TypeError, ValueError or RecursionError for what JSON cannot hold."""
    return encode_json({"type": type_, **fields}).decode()
