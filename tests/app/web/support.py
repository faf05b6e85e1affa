"""A gateway of the small schema, a client for it, and exchanges by hand: what no client library would do."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any

import httpx
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route
from starlette.types import Message

from app.web.graphql import GraphQLEndpoint
from app.web.message import JSON
from app.web.middleware import RequestMiddleware
from resolvers.operation.execution import Executor
from resolvers.operation.limits import RequestLimits
from tests.resolvers.operation.small import SCHEMA, Context

LIMIT = 100_000
EXECUTOR = Executor(SCHEMA, RequestLimits())


@dataclass
class Doorkeeper:
    """The authenticate step: lets everybody in with `context`, or refuses with `refusal`."""

    context: Context = field(default_factory=Context)
    refusal: Exception | None = None
    seen: list[tuple[str | None, str | None, str]] = field(default_factory=list)

    async def __call__(self, headers: Headers, address: str | None, request_id: str) -> Context:
        self.seen.append((headers.get("authorization"), address, request_id))
        if self.refusal is not None:
            raise self.refusal
        return self.context


async def page(_request: Request) -> Response:
    return HTMLResponse("<title>GraphiQL</title>")


def gateway(doorkeeper: Doorkeeper, timeout_seconds: float = 30) -> RequestMiddleware:
    endpoint = GraphQLEndpoint(EXECUTOR, doorkeeper, max_body_bytes=LIMIT, timeout_seconds=timeout_seconds, page=page)
    return RequestMiddleware(Starlette(routes=[Route("/graphql", endpoint)]))


async def post(client: httpx.AsyncClient, query: str, accept: str | None = None, **rest: object) -> httpx.Response:
    headers = {} if accept is None else {"accept": accept}
    return await client.post("/graphql", json={"query": query, **rest}, headers=headers)


async def post_raw(client: httpx.AsyncClient, body: str | bytes, content_type: str = JSON) -> httpx.Response:
    return await client.post("/graphql", content=body, headers={"content-type": content_type})


def error(response: httpx.Response) -> dict[str, Any]:
    (only,) = response.json()["errors"]
    return dict(only)


def code(response: httpx.Response) -> str:
    return str(error(response)["extensions"]["code"])


@dataclass
class Sent:
    """What the application sent, and how many messages it took for it."""

    messages: list[Message]
    received: int

    @property
    def status(self) -> int:
        return int(self.messages[0]["status"])

    @property
    def headers(self) -> Headers:
        return Headers(raw=self.messages[0]["headers"])

    @property
    def body(self) -> dict[str, Any]:
        return dict(json.loads(b"".join(message.get("body", b"") for message in self.messages[1:])))

    @property
    def error(self) -> dict[str, Any]:
        return dict(self.body["errors"][0])


def asking(query: str, variables: str) -> str:
    """A request body whose variables are JSON text of the test's own making."""
    return f'{{"query": {json.dumps(query)}, "variables": {variables}}}'


def body_of(query: str) -> Message:
    return {"type": "http.request", "body": json.dumps({"query": query}).encode(), "more_body": False}


async def exchange(doorkeeper: Doorkeeper, incoming: list[Message], headers: dict[str, str]) -> Sent:
    """One POST whose client sends these messages and then waits."""
    waiting, sent = iter(incoming), Sent([], 0)

    async def receive() -> Message:
        message = next(waiting, None)
        if message is None:
            await asyncio.Event().wait()
            raise AssertionError
        sent.received += 1
        return message

    async def send(message: Message) -> None:
        sent.messages.append(message)

    raw = [(name.encode(), value.encode()) for name, value in {"content-type": JSON, **headers}.items()]
    scope = {"type": "http", "method": "POST", "path": "/graphql", "query_string": b"", "headers": raw}
    await gateway(doorkeeper)(scope, receive, send)
    return sent
