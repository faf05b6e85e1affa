"""What the fakes of all vendors share: keys, a log of requests, faults on demand, and embeddings in which words count.

A vendor's own module adds its wire format: how it is asked, what it refuses, what it answers. Fakes are strict, so that
a provider that sends anything undocumented fails its tests.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import math
import re
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send


@dataclass(frozen=True, kw_only=True)
class Received:
    """A request as it came, before anything was checked. `arrived` is the event loop's time, in seconds."""

    method: str
    path: str
    query: Mapping[str, str]
    key: str | None
    headers: Mapping[str, str]
    body: Any
    arrived: float


@dataclass(frozen=True, kw_only=True)
class Fault:
    """What happens to one request: a status of its own, or a proper answer that comes late, never, cut, or changed."""

    status: int | None = None
    body: object = None
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0
    hang: bool = False
    reset: bool = False
    edit: Callable[[Any], Any] = lambda payload: payload
    cut: int | None = None
    content_type: str = "application/json"


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What a valid request asks for."""

    texts: Sequence[str]
    dimension: int
    model: str
    base64: bool = False


@dataclass(frozen=True)
class Complaint:
    """What a vendor has to say about a request, before it has a shape."""

    status: int
    message: str
    code: str | None = None


class RefusedError(Exception):
    """The vendor's answer to a request that it does not accept, in the vendor's shape."""

    def __init__(self, status: int, payload: object) -> None:
        super().__init__(status)
        self.status = status
        self.payload = payload


class VendorFake(ABC):
    """An ASGI application. Tests set `keys` and `refused_texts`, append to `faults`, close `gate`, read `received`."""

    base = "/v1"
    """What of the path belongs to the base URL: `provider_urls[key] = server + fake.base`."""
    path: str
    """A regular expression for the whole of the request's path."""
    query: Mapping[str, str] = MappingProxyType({})
    """The whole of the request's query string."""
    input_field = "input"

    def __init__(self, *keys: str) -> None:
        self.keys = set(keys)
        self.url = ""
        self.refused_texts: set[str] = set()
        self.faults: deque[Fault] = deque()
        self.received: list[Received] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.in_flight = 0
        self.most_in_flight = 0
        self._moved = asyncio.Event()

    # --- the vendor's part ---
    @abstractmethod
    def error(self, complaint: Complaint) -> object:
        """The body of an error. A plain text goes without a content type."""

    @abstractmethod
    def asked(self, received: Received) -> Asked:
        """What a request asks for; its body is an object. Raises RefusedError for what the vendor does not document."""

    @abstractmethod
    def answer(self, asked: Asked) -> object:
        """The body of a success."""

    def key_of(self, headers: Mapping[str, str]) -> str | None:
        scheme, _, key = headers.get("authorization", "").partition(" ")
        return key if scheme == "Bearer" and key else None

    # --- for tests ---
    def fail(self, status: int, message: str = "made to fail", code: str | None = None, **headers: str) -> None:
        """Let one more request be answered with this error; `retry_after="1"` becomes the header Retry-After."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        body = self.error(Complaint(status, message, code))
        self.faults.append(Fault(status=status, body=body, headers=named, content_type=_type_of(body)))

    @property
    def texts(self) -> list[list[str]]:
        """The texts of each request."""
        return [each.body[self.input_field] for each in self.received]

    async def until_in_flight(self, count: int) -> None:
        """Wait until exactly so many requests are being answered."""
        while self.in_flight != count:
            self._moved.clear()
            await self._moved.wait()

    def _moves(self, difference: int) -> None:
        self.in_flight += difference
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        self._moved.set()

    # --- how a request is treated ---
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise NotImplementedError(scope["type"])
        request = Request(scope, receive)
        self._moves(+1)
        try:
            response = await self._respond(request)
        finally:
            self._moves(-1)
        if response:
            await response(scope, receive, send)

    async def _respond(self, request: Request) -> Response | None:
        received = await self._receive(request)
        fault = self.faults.popleft() if self.faults else Fault()
        if fault.reset:
            request.scope["state"]["abort"]()
        if fault.reset or fault.hang:
            await _disconnected(request)
            return None
        await asyncio.sleep(fault.delay)
        await self.gate.wait()
        if fault.status is not None:
            return _response(fault.status, fault.body, fault)
        try:
            return _response(200, fault.edit(self.answer(self._accepted(received))), fault)
        except RefusedError as refused:
            return _response(refused.status, refused.payload, Fault(content_type=_type_of(refused.payload)))

    async def _receive(self, request: Request) -> Received:
        content = await request.body()
        headers = dict(request.headers)
        received = Received(
            method=request.method,
            path=request.url.path,
            query=dict(request.query_params),
            key=self.key_of(headers),
            headers=headers,
            body=json.loads(content) if content else None,
            arrived=asyncio.get_running_loop().time(),
        )
        self.received.append(received)
        return received

    def _accepted(self, received: Received) -> Asked:
        if not re.fullmatch(self.path, received.path) or received.query != self.query:
            raise self.refused(404, f"Unknown path {received.path}")
        if received.method != "POST":
            raise self.refused(405, "Only POST")
        if received.headers.get("content-type") != "application/json":
            raise self.refused(415, "Only application/json")
        if received.key not in self.keys:
            raise self.refused(401, f"Incorrect API key provided: {masked(received.key or '')}.", "invalid_api_key")
        if not isinstance(received.body, dict):
            raise self.refused(400, "The body is not an object")
        asked = self.asked(received)
        if self.refused_texts & set(asked.texts):
            raise self.refused(400, "One of the inputs cannot be embedded")
        return asked

    def refused(self, status: int, message: str, code: str | None = None) -> RefusedError:
        return RefusedError(status, self.error(Complaint(status, message, code)))


def masked(key: str) -> str:
    """A key as vendors quote it: too much of it."""
    return f"{key[:10]}{'*' * 8}{key[-4:]}"


def embed(text: str, dimension: int) -> list[float]:
    """A vector of length 1 that depends on the text alone; texts that share words are near each other."""
    vector = [0.0] * dimension
    for word in re.findall(r"\w+", text.lower()) or [text]:
        for position, sign in _places(word):
            vector[position % dimension] += sign
    length = math.sqrt(sum(value * value for value in vector))
    return [value / length for value in vector] if length else [1.0] + [0.0] * (dimension - 1)


def tokens(texts: Sequence[str]) -> int:
    """Four characters a token, at least one token a text."""
    return sum(max(1, len(text) // 4) for text in texts)


@lru_cache(maxsize=10_000)
def _places(word: str) -> list[tuple[int, float]]:
    """Where a word adds to a vector: eight places, so that two words seldom look alike."""
    digest = hashlib.sha256(word.encode()).digest()
    numbers = (int.from_bytes(digest[start : start + 4]) for start in range(0, 32, 4))
    return [(number >> 1, 1.0 if number & 1 else -1.0) for number in numbers]


def _response(status: int, payload: object, fault: Fault) -> Response:
    content = payload if isinstance(payload, str) else json.dumps(payload)
    content_type = {"content-type": fault.content_type} if fault.content_type else {}
    return Response(content[: fault.cut], status_code=status, headers={**content_type, **fault.headers})


def _type_of(payload: object) -> str:
    return "" if isinstance(payload, str) else "application/json"


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
