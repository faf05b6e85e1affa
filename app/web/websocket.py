"""GraphQL over WebSocket: which handshakes are taken, and how many. What a socket says after that is in socket.py."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Final

from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket

from app.errors import BadInput, GatewayError
from app.web.address import address_of
from app.web.admission import Authenticate, refusal
from app.web.message import JSON, HttpError
from app.web.middleware import request_id
from app.web.origin import may_connect
from app.web.places import Places
from app.web.rate import Arrival, arrivals
from app.web.socket import Patience, Service, Socket
from app.web.socket_message import SUBPROTOCOL
from app.web.vigil import Vigil
from resolvers.operation.execution import Executor

MOST_SOCKETS: Final = 10_000
MOST_SOCKETS_OF_TOKEN: Final = 1_000
MOST_FRESH: Final = 1_000
MOST_FRESH_OF_ADDRESS: Final = 100
"""Sockets that have shown no token yet: each is closed after some seconds, and meanwhile costs what it costs."""


@dataclass(frozen=True, slots=True)
class Room:
    """How many sockets may be open: by access token, and before they have shown one, by address."""

    known: Places = field(default_factory=lambda: Places("sockets", MOST_SOCKETS, MOST_SOCKETS_OF_TOKEN))
    fresh: Places = field(default_factory=lambda: Places("sockets without a token", MOST_FRESH, MOST_FRESH_OF_ADDRESS))


class WebSocketEndpoint:
    """An ASGI application for one route, shared by all sockets. `timeout_seconds` is the time for each answer.

    `origins`: those whose pages may connect beside the gateway's own; clients that are no browsers name none. `arrive` counts
    handshakes; by default nobody does.
    """

    def __init__(
        self,
        executor: Executor,
        authenticate: Authenticate,
        vigil: Vigil,
        *,
        timeout_seconds: float,
        origins: AbstractSet[str] | None = None,
        patience: Patience | None = None,
        room: Room | None = None,
        arrive: Arrival | None = None,
    ) -> None:
        self.service = Service(executor, authenticate, vigil, timeout_seconds, patience or Patience())
        self.origins = origins
        self.room = room or Room()
        self.arrive = arrive or arrivals(0)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        websocket = WebSocket(scope, receive, send)
        with ExitStack() as fresh:
            try:
                self._check_handshake(websocket)
                fresh.enter_context(self.room.fresh.taken(address_of(websocket)))
            except (HttpError, GatewayError) as refused:
                await websocket.send_denial_response(refusal(refused, request_id(scope), JSON))
                return
            await websocket.accept(SUBPROTOCOL)
            await Socket(self.service, websocket, fresh, self.room.known).serve()

    def _check_handshake(self, websocket: WebSocket) -> None:
        """Raises what the handshake is refused with."""
        self.arrive(address_of(websocket))
        if not may_connect(websocket.headers, self.origins):
            raise HttpError(
                403, BadInput("Pages of this origin may not connect: the operator lists who may, in CORS_ORIGINS.")
            )
        if SUBPROTOCOL not in websocket.scope["subprotocols"]:
            raise BadInput(f"The sub-protocol {SUBPROTOCOL} is the only one here: offer it in Sec-WebSocket-Protocol.")
