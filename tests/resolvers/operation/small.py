"""A small schema with the shapes that matter here: connections, inputs with secrets, scalars, and fields that fail."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any, NewType

import numpy as np
import strawberry

from app.errors import BadInput, NotFound

SECRET = "sk-live-9f8e7d6c5b4a39281706f5e4d3c2b1a0"

if TYPE_CHECKING:
    JSONObject = Any
    Moment = Any
    Careful = Any
    Floats = Any
else:
    JSONObject = NewType("JSONObject", object)
    Moment = NewType("Moment", object)
    Careful = NewType("Careful", object)
    Floats = NewType("Floats", object)


@dataclass
class Context:
    """What the tests hand in as `info.context`, and what resolvers note there."""

    name: str = "tester"
    holder: str = "tester"
    calls: list[str] = field(default_factory=list)
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    release: asyncio.Event = field(default_factory=asyncio.Event)

    def forget(self) -> None:
        self.calls.append("forgot")


def _object(value: object) -> object:
    if not isinstance(value, dict):
        raise BadInput("Expected a JSON object.", limit=1)
    return value


def _moment(value: object) -> object:
    raise ValueError(f"{value} is no moment")


SCALARS: dict[object, Any] = {
    JSONObject: strawberry.scalar(name="JSONObject", parse_value=_object),
    Moment: strawberry.scalar(name="Moment", parse_value=_moment),
    Floats: strawberry.scalar(name="Floats", serialize=lambda value: value),
}


@strawberry.enum
class Metric(Enum):
    COSINE = "COSINE"
    EUCLIDEAN = "EUCLIDEAN"


@strawberry.input
class AddCredentialInput:
    provider: str
    name: str
    api_key: str
    labels: list[str] = strawberry.field(default_factory=list)
    metric: Metric = Metric.COSINE
    parameters: JSONObject | None = None
    expires_at: Moment | None = None
    size: int | None = None
    parent: AddCredentialInput | None = None


@strawberry.input(one_of=True)
class Choice:
    text: str | None = strawberry.UNSET
    number: int | None = strawberry.UNSET


@strawberry.type
class Collection:
    name: str
    count: int


@strawberry.type
class CollectionConnection:
    nodes: list[Collection]


@strawberry.type
class Database:
    name: str

    @strawberry.field
    def collections(self, first: int = 50) -> CollectionConnection:
        return CollectionConnection(nodes=[Collection(name=f"c{n}", count=n) for n in range(first)])

    @strawberry.field
    def owner(self) -> Organization:
        return Organization(name="acme")


@strawberry.type
class Edge:
    cursor: str
    node: Database


@strawberry.type
class DatabaseConnection:
    nodes: list[Database]

    @strawberry.field
    def edges(self) -> list[Edge]:
        return [Edge(cursor=node.name, node=node) for node in self.nodes]


@strawberry.type
class Organization:
    name: str

    @strawberry.field
    async def databases(self, first: int = 50) -> DatabaseConnection:
        return DatabaseConnection(nodes=[Database(name=f"d{n}") for n in range(first)])

    @strawberry.field
    def tags(self) -> list[Collection]:
        return []


@strawberry.type
class Query:
    @strawberry.field
    def organization(self) -> Organization:
        return Organization(name="acme")

    @strawberry.field
    def nodes(self, ids: list[strawberry.ID]) -> list[Collection]:
        return [Collection(name=identifier, count=0) for identifier in ids]

    @strawberry.field
    def who(self, info: strawberry.Info[Context, None]) -> str:
        assert info.schema is SCHEMA
        assert info.operation.name is not None
        chosen = [type(field).__name__ for field in info.selected_fields]
        return f"{info.context.name} {info.operation.name.value} {info.variable_values} {info.field_name} {chosen}"

    @strawberry.field
    def echo(self, text: str | None = None, id: strawberry.ID | None = None, choice: Choice | None = None) -> str:
        return text or id or str(choice)

    @strawberry.field
    def item(self, document: JSONObject, at: Moment | None = None) -> JSONObject | None:
        del at
        return document

    @strawberry.field
    def vector(self, *, strided: bool = False) -> Floats:
        numbers = np.array([0.1, 0.2, 0.3, 0.4], dtype=np.float32)
        return numbers[::2] if strided else numbers

    @strawberry.field
    def missing(self) -> str | None:
        raise NotFound("There is no such thing.", database="d1")

    @strawberry.field
    def crash(self) -> str | None:
        raise ValueError(f"cannot use {SECRET}")

    @strawberry.field
    def fatal(self) -> str:
        raise NotFound("There is no such thing.")

    @strawberry.field
    def overflow(self) -> int | None:
        return 2**40

    @strawberry.field
    async def slow(self, info: strawberry.Info[Context, None]) -> str:
        return await _slow(info.context, "query")


@strawberry.type
class Mutation:
    @strawberry.mutation
    def add_credential(self, info: strawberry.Info[Context, None], input: AddCredentialInput) -> str:
        info.context.calls.append(input.name)
        return input.name

    @strawberry.mutation
    async def slow(self, info: strawberry.Info[Context, None]) -> str:
        return await _slow(info.context, "mutation")


@strawberry.type
class SlowEvent:
    @strawberry.field
    async def text(self, info: strawberry.Info[Context, None]) -> str:
        return await _slow(info.context, "event")


@strawberry.type
class Subscription:
    @strawberry.subscription
    async def ticks(self) -> AsyncIterator[int]:
        yield 1

    @strawberry.subscription
    async def collections(self, names: list[str]) -> AsyncIterator[Collection]:
        for name in names:
            yield Collection(name=name, count=len(name))

    @strawberry.subscription
    async def waiting(self, info: strawberry.Info[Context, None]) -> AsyncIterator[int]:
        try:
            yield 1
            await info.context.release.wait()
            yield 2
        finally:
            info.context.calls.append("source closed")

    @strawberry.subscription
    async def flood(self, info: strawberry.Info[Context, None], length: int) -> AsyncIterator[str]:
        try:
            while True:
                info.context.calls.append("made")
                yield "x" * length
        finally:
            info.context.calls.append("source closed")

    @strawberry.subscription
    async def slow_events(self) -> AsyncIterator[SlowEvent]:
        yield SlowEvent()

    @strawberry.subscription
    async def refused(self) -> AsyncGenerator[int, None]:
        raise NotFound("There is no such thing.", database="d1")

    @strawberry.subscription
    async def broken(self) -> AsyncIterator[int]:
        yield 1
        raise ValueError(f"cannot use {SECRET}")


async def _slow(context: Context, name: str) -> str:
    context.begun.set()
    try:
        await context.release.wait()
    except asyncio.CancelledError:
        context.calls.append(f"{name} cancelled")
        raise
    context.calls.append(f"{name} finished")
    return name


SCHEMA = strawberry.Schema(
    Query, Mutation, Subscription, config=strawberry.schema.config.StrawberryConfig(scalar_map=SCALARS)
)
