"""How reads are batched: a request asks for each thing once, and all that is asked for at the same time is one statement.

Requests that see the same rows share the statement, and what it has read. What there is to read stands in loader.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, Protocol, TypeAlias, TypeVar
from uuid import UUID

from aiodataloader import DataLoader

from app.access import Actor
from app.gateway import Gateway
from app.postgres import Connection
from app.together import Together

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
R = TypeVar("R")


class Identified(Protocol):
    """A record with an id."""

    @property
    def id(self) -> UUID: ...


I = TypeVar("I", bound=Identified)  # noqa: E741 - as K and V


@dataclass(frozen=True, slots=True)
class Sight:
    """Whose rows are read: those of an organization, as far as a token sees them."""

    organization_id: UUID
    databases: Sequence[UUID] | None
    """The only ones that it sees; None: all."""


Read: TypeAlias = Callable[[Connection, Sight, list[K]], Awaitable[Mapping[K, V]]]
"""A value for each of the keys, in one statement."""


class Loader(Generic[K, V]):
    """What a request has asked for; each key is asked for once."""

    def __init__(self, together: Together[K, V]) -> None:
        self._together = together
        self._asked: dict[K, asyncio.Future[V]] = {}

    def load(self, key: K) -> asyncio.Future[V]:
        """The value of a key. Whoever leaves takes it from nobody: a field that fails has graphql-core cancel its siblings."""
        asked = self._asked.get(key)
        if asked is None:
            asked = self._asked[key] = self._together.get(key)
        return asyncio.shield(asked)

    def load_many(self, keys: Iterable[K]) -> asyncio.Future[list[V]]:
        """The values of keys, in their order."""
        return asyncio.gather(*map(self.load, keys))


class OwnLoader(DataLoader[str, V]):
    """aiodataloader's, which hands the same future to all who ask for a key: see `Loader.load`."""

    def load(self, key: str) -> asyncio.Future[V]:
        return asyncio.shield(super().load(key))


class Loading:
    """Makes a request's loaders, each of them once."""

    def __init__(self, gateway: Gateway, actor: Actor) -> None:
        self._gateway = gateway
        self._actor = actor
        self._sight = Sight(actor.organization_id, actor.databases)
        self._made: dict[Hashable, Loader[Any, Any]] = {}
        self._own: dict[Hashable, OwnLoader[Any]] = {}

    def loader(self, name: Hashable, read: Read[K, V]) -> Loader[K, V]:
        """What is read in the catalogue, under a name that no other read has."""
        made: Loader[K, V] | None = self._made.get(name)
        if made is None:
            ask = partial(_ask, self._gateway, self._sight, read)
            made = self._made[name] = Loader(self._gateway.questions.of((name, self._actor.sight), ask))
        return made

    def own_loader(
        self, name: Hashable, read: Callable[[list[str]], Awaitable[Mapping[str, V]]]
    ) -> OwnLoader[V | None]:
        """What is read by stored key in a region, for this request alone: it is measured by what its answer may carry."""
        made: OwnLoader[V | None] | None = self._own.get(name)
        if made is None:
            made = self._own[name] = OwnLoader(partial(_found, read))
        return made


async def _ask(gateway: Gateway, sight: Sight, read: Read[K, V], keys: Sequence[K]) -> Mapping[K, V]:
    async with gateway.postgres.catalogue.connection() as connection:
        return await read(connection, sight, list(keys))


async def _found(read: Callable[[list[str]], Awaitable[Mapping[str, V]]], keys: list[str]) -> list[V | None]:
    found = await read(keys)
    return [found.get(each) for each in keys]


class Batch(Generic[K, V]):
    """Declares a loader: an attribute that each request's loaders make when it is first asked for."""

    def __init__(self, read: Read[K, V]) -> None:
        self._read = read

    def __set_name__(self, _owner: type[Loading], name: str) -> None:
        self._name = name

    def __get__(self, loaders: Loading, _owner: type[Loading]) -> Loader[K, V]:
        made = loaders.__dict__[self._name] = loaders.loader(self._name, self._read)
        return made


def seen(
    read: Callable[[Connection, UUID, Sequence[UUID] | None, list[K]], Awaitable[R]],
) -> Callable[[Connection, Sight, list[K]], Awaitable[R]]:
    """What reads of these, as far as a token sees them."""
    return lambda connection, sight, keys: read(connection, sight.organization_id, sight.databases, keys)


def owned(
    read: Callable[[Connection, UUID, list[K]], Awaitable[R]],
) -> Callable[[Connection, Sight, list[K]], Awaitable[R]]:
    """What reads of these, which every token of the organization sees."""
    return lambda connection, sight, keys: read(connection, sight.organization_id, keys)


def one(read: Callable[[Connection, Sight, list[UUID]], Awaitable[Iterable[I]]]) -> Batch[UUID, I | None]:
    """By id; None for what is not there."""
    return each(read, lambda found: found.id)


def each(
    read: Callable[[Connection, Sight, list[K]], Awaitable[Iterable[V]]], key: Callable[[V], K | None]
) -> Batch[K, V | None]:
    """By another key of which there is one at most."""

    async def load(connection: Connection, sight: Sight, keys: list[K]) -> Mapping[K, V | None]:
        found = {key(record): record for record in await read(connection, sight, keys)}
        return {asked: found.get(asked) for asked in keys}

    return Batch(load)


def many(
    read: Callable[[Connection, Sight, list[K]], Awaitable[Iterable[V]]], owner: Callable[[V], K]
) -> Read[K, list[V]]:
    """All that an owner has, in the order of the read."""

    async def load(connection: Connection, sight: Sight, keys: list[K]) -> Mapping[K, list[V]]:
        found: dict[K, list[V]] = {asked: [] for asked in keys}
        for record in await read(connection, sight, keys):
            found[owner(record)].append(record)
        return found

    return load


def otherwise(read: Callable[[Connection, Sight, list[K]], Awaitable[Mapping[K, V]]], default: V) -> Batch[K, V]:
    """A value for each, and the default where there is none."""

    async def load(connection: Connection, sight: Sight, keys: list[K]) -> Mapping[K, V]:
        found = await read(connection, sight, keys)
        return {asked: found.get(asked, default) for asked in keys}

    return Batch(load)
