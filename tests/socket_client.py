"""A client of graphql-transport-ws that a test leads by hand: it says what it is told, and nothing by itself."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from tests.factory import TOKEN
from tests.patience import in_time

SUBPROTOCOL = "graphql-transport-ws"

Json = dict[str, Any]


@dataclass(frozen=True)
class SocketClient:
    connection: ClientConnection

    async def say(self, type_: str, **fields: Any) -> None:  # noqa: ANN401 - JSON
        await self.connection.send(json.dumps({"type": type_, **fields}))

    async def heard(self) -> Json:
        """The next message."""
        async with in_time():
            received: Json = json.loads(await self.connection.recv())
            return received

    async def init(self, token: str = TOKEN) -> None:
        await self.say("connection_init", payload={"token": token})
        assert await self.heard() == {"type": "connection_ack"}

    async def ask(self, id_: str, query: str, **variables: Any) -> None:  # noqa: ANN401 - JSON
        await self.say("subscribe", id=id_, payload={"query": query, "variables": variables})

    async def next_of(self, id_: str) -> Any:  # noqa: ANN401 - JSON
        """The data of the next message, which must be an answer of this operation without errors."""
        message = await self.heard()
        assert (message["type"], message["id"]) == ("next", id_), message
        assert "errors" not in message["payload"], message
        return message["payload"]["data"]

    async def refused(self, id_: str) -> Json:
        """The one error of the next message, which must end this operation."""
        message = await self.heard()
        assert (message["type"], message["id"]) == ("error", id_), message
        (error,) = message["payload"]
        return dict(error)

    async def completed(self, id_: str) -> None:
        assert await self.heard() == {"type": "complete", "id": id_}

    async def answered(self, id_: str, query: str, **variables: Any) -> Any:  # noqa: ANN401 - JSON
        """The data of a query or mutation, from question to end."""
        await self.ask(id_, query, **variables)
        data = await self.next_of(id_)
        await self.completed(id_)
        return data

    async def closed(self) -> tuple[int | None, str]:
        """Code and reason of the server's closing; whatever it said before is skipped."""
        try:
            async with in_time():
                while True:
                    await self.connection.recv()
        except ConnectionClosed as end:
            return (end.rcvd.code, end.rcvd.reason) if end.rcvd else (None, "")


@asynccontextmanager
async def socket(url: str, *subprotocols: str, **options: Any) -> AsyncIterator[SocketClient]:  # noqa: ANN401 - of websockets
    """A socket at /graphql of a server; by default it offers the one sub-protocol."""
    offered = [Subprotocol(each) for each in subprotocols or (SUBPROTOCOL,)]
    address = url.replace("http://", "ws://") + "/graphql"
    async with connect(address, subprotocols=offered, proxy=None, max_size=None, **options) as connection:
        yield SocketClient(connection)
