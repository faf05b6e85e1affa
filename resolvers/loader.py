"""Batch reads for the time of one request: whatever a level of a query asks for is one statement."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable, Iterable
from functools import cached_property
from typing import Protocol, TypeAlias, TypeVar
from uuid import UUID

from aiodataloader import DataLoader

from app.access import Actor
from app.domain import document
from app.gateway import Gateway
from app.postgres import Connection
from app.store import (
    access_token,
    attachment,
    audit_event,
    collection,
    credential,
    database,
    integration,
    scoped_database,
)
from app.store.document import Wanted
from app.store.record import (
    AccessToken,
    Attachment,
    AuditEvent,
    Collection,
    Credential,
    Database,
    Document,
    Integration,
    ScopedDatabase,
)

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Identified(Protocol):
    """A record with an id."""

    @property
    def id(self) -> UUID: ...


I = TypeVar("I", bound=Identified)  # noqa: E741 - as K and V

One: TypeAlias = "DataLoader[UUID, V | None]"
Many: TypeAlias = "DataLoader[UUID, list[V]]"
Named: TypeAlias = "DataLoader[tuple[UUID, str], V | None]"


class Loaders:
    """A loader for what, by what; each is made when it is first asked for."""

    def __init__(self, gateway: Gateway, actor: Actor) -> None:
        self._gateway = gateway
        self._organization_id = actor.organization_id
        self._databases = actor.databases
        self._actor = actor
        self._collections: dict[tuple[UUID | None, int], Many[Collection]] = {}
        self._documents: dict[tuple[UUID, Wanted], DataLoader[str, Document | None]] = {}

    @cached_property
    def integrations_by_organization(self) -> Many[Integration]:
        return self._many(integration.of_organizations, lambda each: each.organization_id)

    @cached_property
    def integration_by_id(self) -> One[Integration]:
        return self._one(lambda connection, ids: integration.by_ids(connection, self._organization_id, ids))

    @cached_property
    def credential_by_id(self) -> One[Credential]:
        return self._one(lambda connection, ids: credential.by_ids(connection, self._organization_id, ids))

    @cached_property
    def database_by_id(self) -> One[Database]:
        return self._one(
            lambda connection, ids: database.by_ids(connection, self._organization_id, self._databases, ids)
        )

    @cached_property
    def collection_by_id(self) -> One[Collection]:
        return self._one(
            lambda connection, ids: collection.by_ids(connection, self._organization_id, self._databases, ids)
        )

    @cached_property
    def collection_by_name(self) -> Named[Collection]:
        """By database and name."""

        async def load(connection: Connection, names: list[tuple[UUID, str]]) -> list[Collection | None]:
            read = await collection.by_names(connection, self._organization_id, self._databases, names)
            found = {(each.database_id, each.name): each for each in read}
            return [found.get(each) for each in names]

        return self._loader(load)

    @cached_property
    def collection_count_by_database(self) -> DataLoader[UUID, int]:
        async def load(connection: Connection, ids: list[UUID]) -> list[int]:
            found = await collection.counts(connection, self._organization_id, self._databases, ids)
            return [found.get(each, 0) for each in ids]

        return self._loader(load)

    @cached_property
    def attachment_by_id(self) -> One[Attachment]:
        return self._one(
            lambda connection, ids: attachment.by_ids(connection, self._organization_id, self._databases, ids)
        )

    @cached_property
    def attachment_by_collection(self) -> One[Attachment]:
        async def load(connection: Connection, ids: list[UUID]) -> list[Attachment | None]:
            found = await attachment.of_collections(connection, self._organization_id, self._databases, ids)
            by_target = {each.target_id: each for each in found}
            return [by_target.get(each) for each in ids]

        return self._loader(load)

    @cached_property
    def credentials_by_integration(self) -> Many[Credential]:
        return self._many(
            lambda connection, ids: credential.of_integrations(connection, self._organization_id, ids),
            lambda each: each.integration_id,
        )

    @cached_property
    def credential_by_name(self) -> Named[Credential]:
        """By integration and name."""

        async def load(connection: Connection, names: list[tuple[UUID, str]]) -> list[Credential | None]:
            found = {
                (each.integration_id, each.name): each
                for each in await credential.by_names(connection, self._organization_id, names)
            }
            return [found.get(each) for each in names]

        return self._loader(load)

    @cached_property
    def scope_by_credential(self) -> Many[ScopedDatabase]:
        return self._many(
            lambda connection, ids: scoped_database.of_credentials(
                connection, self._organization_id, ids, self._databases
            ),
            lambda each: each.credential_id,
        )

    @cached_property
    def scopes_by_database(self) -> Many[ScopedDatabase]:
        return self._many(
            lambda connection, ids: scoped_database.of_databases(connection, self._organization_id, ids),
            lambda each: each.database_id,
        )

    @cached_property
    def scoped_database_by_id(self) -> One[ScopedDatabase]:
        return self._one(
            lambda connection, ids: scoped_database.by_ids(connection, self._organization_id, ids, self._databases)
        )

    @cached_property
    def access_token_by_id(self) -> One[AccessToken]:
        return self._one(lambda connection, ids: access_token.by_ids(connection, self._organization_id, ids))

    @cached_property
    def audit_event_by_id(self) -> One[AuditEvent]:
        return self._one(lambda connection, ids: audit_event.by_ids(connection, self._organization_id, ids))

    @cached_property
    def state_by_attachment(self) -> DataLoader[UUID, tuple[bool, bool]]:
        """Whether an attachment's credential exists, and whether its database is in scope."""

        async def load(connection: Connection, ids: list[UUID]) -> list[tuple[bool, bool]]:
            found = await attachment.states(connection, self._organization_id, ids)
            return [found.get(each, (False, False)) for each in ids]

        return self._loader(load)

    def collections(self, after: UUID | None, limit: int) -> Many[Collection]:
        """Pages of collections by database."""
        if (after, limit) not in self._collections:
            self._collections[after, limit] = self._many(
                lambda connection, ids: collection.pages(
                    connection, self._organization_id, self._databases, ids, after, limit
                ),
                lambda each: each.database_id,
            )
        return self._collections[after, limit]

    def documents(self, home: Collection, wanted: Wanted) -> DataLoader[str, Document | None]:
        """Documents of a collection by stored key, with the wanted columns."""
        loader = self._documents.get((home.id, wanted))
        if loader is None:

            async def load(keys: list[str]) -> list[Document | None]:
                found = await document.by_keys(self._gateway, self._actor, home, wanted, keys)
                return [found.get(key) for key in keys]

            loader = self._documents[home.id, wanted] = DataLoader(load)
        return loader

    def _one(self, read: Callable[[Connection, list[UUID]], Awaitable[Iterable[I]]]) -> One[I]:
        async def load(connection: Connection, ids: list[UUID]) -> list[I | None]:
            found = {each.id: each for each in await read(connection, ids)}
            return [found.get(each) for each in ids]

        return self._loader(load)

    def _many(
        self, read: Callable[[Connection, list[UUID]], Awaitable[Iterable[V]]], owner: Callable[[V], UUID]
    ) -> Many[V]:
        async def load(connection: Connection, ids: list[UUID]) -> list[list[V]]:
            found: dict[UUID, list[V]] = {each: [] for each in ids}
            for each in await read(connection, ids):
                found[owner(each)].append(each)
            return [found[each] for each in ids]

        return self._loader(load)

    def _loader(self, load: Callable[[Connection, list[K]], Awaitable[list[V]]]) -> DataLoader[K, V]:
        async def batch(keys: list[K]) -> list[V]:
            async with self._gateway.postgres.catalogue.connection() as connection:
                return await load(connection, keys)

        return DataLoader(batch)
