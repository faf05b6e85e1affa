"""Batch reads for the time of one request: whatever a level of a query asks for is one statement."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Protocol, TypeAlias, TypeVar
from uuid import UUID

from aiodataloader import DataLoader

from app.access import Actor
from app.domain import document, row
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
    job,
    role,
    scoped_database,
    table,
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
    Job,
    Role,
    ScopedDatabase,
    Table,
    TableRow,
)
from app.store.row import Wanted as WantedOfRow

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
R = TypeVar("R")


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
        self._tables: dict[tuple[UUID | None, int], Many[Table]] = {}
        self._documents: dict[tuple[UUID, Wanted], DataLoader[str, Document | None]] = {}
        self._rows: dict[tuple[UUID, WantedOfRow], DataLoader[str, TableRow | None]] = {}

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
        return self._one(self._seen(database.by_ids))

    @cached_property
    def collection_by_id(self) -> One[Collection]:
        return self._one(self._seen(collection.by_ids))

    @cached_property
    def collection_by_name(self) -> Named[Collection]:
        """By database and name."""
        return self._each(self._seen(collection.by_names), lambda each: (each.database_id, each.name))

    @cached_property
    def collection_count_by_database(self) -> DataLoader[UUID, int]:
        return self._counted(self._seen(collection.counts))

    @cached_property
    def table_by_id(self) -> One[Table]:
        return self._one(self._seen(table.by_ids))

    @cached_property
    def table_by_column(self) -> One[Table]:
        """By the id of one of its columns."""

        async def load(connection: Connection, ids: list[UUID]) -> list[Table | None]:
            read = await table.by_columns(connection, self._organization_id, self._databases, ids)
            found = {column.id: each for each in read for column in each.columns}
            return [found.get(each) for each in ids]

        return self._loader(load)

    @cached_property
    def table_by_name(self) -> Named[Table]:
        """By database and name."""
        return self._each(self._seen(table.by_names), lambda each: (each.database_id, each.name))

    @cached_property
    def table_count_by_database(self) -> DataLoader[UUID, int]:
        return self._counted(self._seen(table.counts))

    @cached_property
    def attachment_by_column(self) -> One[Attachment]:
        return self._each(self._seen(attachment.of_columns), lambda each: each.column_id)

    @cached_property
    def job_by_id(self) -> One[Job]:
        return self._one(self._seen(job.by_ids))

    @cached_property
    def attachment_by_id(self) -> One[Attachment]:
        return self._one(self._seen(attachment.by_ids))

    @cached_property
    def attachment_by_collection(self) -> One[Attachment]:
        return self._each(self._seen(attachment.of_collections), lambda each: each.target_id)

    @cached_property
    def credentials_by_integration(self) -> Many[Credential]:
        return self._many(
            lambda connection, ids: credential.of_integrations(connection, self._organization_id, ids),
            lambda each: each.integration_id,
        )

    @cached_property
    def credential_by_name(self) -> Named[Credential]:
        """By integration and name."""
        return self._each(
            lambda connection, names: credential.by_names(connection, self._organization_id, names),
            lambda each: (each.integration_id, each.name),
        )

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
    def role_by_id(self) -> One[Role]:
        return self._one(lambda connection, ids: role.by_ids(connection, self._organization_id, ids))

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

    def tables(self, after: UUID | None, limit: int) -> Many[Table]:
        """Pages of tables by database."""
        if (after, limit) not in self._tables:
            self._tables[after, limit] = self._many(
                lambda connection, ids: table.pages(
                    connection, self._organization_id, self._databases, ids, after, limit
                ),
                lambda each: each.database_id,
            )
        return self._tables[after, limit]

    def documents(self, home: Collection, wanted: Wanted) -> DataLoader[str, Document | None]:
        """Documents of a collection by stored key, with the wanted columns."""
        if (home.id, wanted) not in self._documents:
            self._documents[home.id, wanted] = _stored(
                lambda keys: document.by_keys(self._gateway, self._actor, home, wanted, keys)
            )
        return self._documents[home.id, wanted]

    def rows(self, home: Table, wanted: WantedOfRow) -> DataLoader[str, TableRow | None]:
        """Rows of a table by stored key, with the wanted columns."""
        if (home.id, wanted) not in self._rows:
            self._rows[home.id, wanted] = _stored(
                lambda keys: row.by_keys(self._gateway, self._actor, home, wanted, keys)
            )
        return self._rows[home.id, wanted]

    def _seen(
        self, read: Callable[[Connection, UUID, Sequence[UUID] | None, list[K]], Awaitable[R]]
    ) -> Callable[[Connection, list[K]], Awaitable[R]]:
        """What reads of these, as the actor may see them."""
        return lambda connection, keys: read(connection, self._organization_id, self._databases, keys)

    def _one(self, read: Callable[[Connection, list[UUID]], Awaitable[Iterable[I]]]) -> One[I]:
        return self._each(read, lambda each: each.id)

    def _each(
        self, read: Callable[[Connection, list[K]], Awaitable[Iterable[V]]], key: Callable[[V], K | None]
    ) -> DataLoader[K, V | None]:
        async def load(connection: Connection, keys: list[K]) -> list[V | None]:
            found = {key(each): each for each in await read(connection, keys)}
            return [found.get(each) for each in keys]

        return self._loader(load)

    def _counted(
        self, read: Callable[[Connection, list[UUID]], Awaitable[Mapping[UUID, int]]]
    ) -> DataLoader[UUID, int]:
        async def load(connection: Connection, ids: list[UUID]) -> list[int]:
            found = await read(connection, ids)
            return [found.get(each, 0) for each in ids]

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


def _stored(read: Callable[[list[str]], Awaitable[Mapping[str, V]]]) -> DataLoader[str, V | None]:
    """By stored key, in the region: `read` takes its own connection."""

    async def load(keys: list[str]) -> list[V | None]:
        found = await read(keys)
        return [found.get(key) for key in keys]

    return DataLoader(load)
