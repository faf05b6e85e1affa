"""Batch reads for the time of one request: whatever a level of a query asks for is one statement. How, stands in batch.py."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import TypeVar
from uuid import UUID

from app.domain import document, row
from app.postgres import Connection
from app.shape import Shape
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
from app.store.record import Collection, Document, Table, TableRow
from app.store.row import Wanted as WantedOfRow
from resolvers.batch import Batch, Loader, Loading, OwnLoader, Sight, each, many, one, otherwise, owned, seen

V = TypeVar("V")


async def _tables_by_column(connection: Connection, sight: Sight, ids: list[UUID]) -> Mapping[UUID, Table | None]:
    read = await table.by_columns(connection, sight.organization_id, sight.databases, ids)
    found = {column.id: home for home in read for column in home.columns}
    return {asked: found.get(asked) for asked in ids}


class Loaders(Loading):
    """A loader for what, by what; each is made when it is first asked for."""

    integrations_by_organization = Batch(
        many(
            lambda connection, _, ids: integration.of_organizations(connection, ids),
            lambda found: found.organization_id,
        )
    )
    integration_by_id = one(owned(integration.by_ids))
    credential_by_id = one(owned(credential.by_ids))
    database_by_id = one(seen(database.by_ids))
    collection_by_id = one(seen(collection.by_ids))
    collection_by_name = each(seen(collection.by_names), lambda found: (found.database_id, found.name))
    """By database and name."""
    collection_count_by_database = otherwise(seen(collection.counts), 0)
    table_by_id = one(seen(table.by_ids))
    table_by_column = Batch(_tables_by_column)
    """By the id of one of its columns."""
    table_by_name = each(seen(table.by_names), lambda found: (found.database_id, found.name))
    """By database and name."""
    table_count_by_database = otherwise(seen(table.counts), 0)
    attachment_by_column = each(seen(attachment.of_columns), lambda found: found.column_id)
    job_by_id = one(seen(job.by_ids))
    attachment_by_id = one(seen(attachment.by_ids))
    attachment_by_collection = each(seen(attachment.of_collections), lambda found: found.target_id)
    credentials_by_integration = Batch(many(owned(credential.of_integrations), lambda found: found.integration_id))
    credential_by_name = each(owned(credential.by_names), lambda found: (found.integration_id, found.name))
    """By integration and name."""
    scope_by_credential = Batch(
        many(
            lambda connection, sight, ids: scoped_database.of_credentials(
                connection, sight.organization_id, ids, sight.databases
            ),
            lambda found: found.credential_id,
        )
    )
    scopes_by_database = Batch(many(owned(scoped_database.of_databases), lambda found: found.database_id))
    scoped_database_by_id = one(
        lambda connection, sight, ids: scoped_database.by_ids(connection, sight.organization_id, ids, sight.databases)
    )
    access_token_by_id = one(owned(access_token.by_ids))
    role_by_id = one(owned(role.by_ids))
    audit_event_by_id = one(owned(audit_event.by_ids))
    state_by_attachment = otherwise(owned(attachment.states), (False, False))
    """Whether an attachment's credential exists, and whether its database is in scope."""

    def written_credentials(self, shape: Shape) -> Loader[UUID, str]:
        """Lists of credentials as JSON, by integration."""
        read = partial(_written, credential.written_of_integrations, shape)
        return self.loader(("written credentials", shape), read)

    def written_scopes(self, shape: Shape) -> Loader[UUID, str]:
        """Scopes as JSON, by credential."""
        read = partial(_written, scoped_database.written_of_credentials, shape)
        return self.loader(("written scopes", shape), read)

    def collections(self, after: UUID | None, limit: int) -> Loader[UUID, list[Collection]]:
        """Pages of collections by database."""
        return self.loader(
            ("collections", after, limit), many(_paged(collection.pages, after, limit), lambda found: found.database_id)
        )

    def tables(self, after: UUID | None, limit: int) -> Loader[UUID, list[Table]]:
        """Pages of tables by database."""
        return self.loader(
            ("tables", after, limit), many(_paged(table.pages, after, limit), lambda found: found.database_id)
        )

    def documents(self, home: Collection, wanted: Wanted) -> OwnLoader[Document | None]:
        """Documents of a collection by stored key, with the wanted columns."""
        return self.own_loader(
            ("documents", home.id, wanted), partial(document.by_keys, self._gateway, self._actor, home, wanted)
        )

    def rows(self, home: Table, wanted: WantedOfRow) -> OwnLoader[TableRow | None]:
        """Rows of a table by stored key, with the wanted columns."""
        return self.own_loader(
            ("rows", home.id, wanted), partial(row.by_keys, self._gateway, self._actor, home, wanted)
        )


async def _written(
    read: Callable[[Connection, UUID, list[UUID], Sequence[UUID] | None, Shape], Awaitable[Mapping[UUID, str]]],
    shape: Shape,
    connection: Connection,
    sight: Sight,
    ids: list[UUID],
) -> Mapping[UUID, str]:
    found = await read(connection, sight.organization_id, ids, sight.databases, shape)
    return {asked: found.get(asked, "[]") for asked in ids}


def _paged(
    pages: Callable[[Connection, UUID, Sequence[UUID] | None, list[UUID], UUID | None, int], Awaitable[Iterable[V]]],
    after: UUID | None,
    limit: int,
) -> Callable[[Connection, Sight, list[UUID]], Awaitable[Iterable[V]]]:
    return lambda connection, sight, ids: pages(connection, sight.organization_id, sight.databases, ids, after, limit)
