"""node(id): reads anything again by its global id. A foreign, unknown or malformed id is null, never an error."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, TypeAlias, cast
from uuid import UUID

import strawberry

from app.access import Permission
from app.errors import LimitExceeded
from resolvers import document, integration, role, row
from resolvers.access_token import AccessToken
from resolvers.attachment import Attachment
from resolvers.audit_event import AuditEvent
from resolvers.collection import Collection
from resolvers.column import Column
from resolvers.context import Info
from resolvers.credential import Credential
from resolvers.database import Database, Region
from resolvers.job import Job
from resolvers.node import Node, as_uuid, split
from resolvers.organization import Organization
from resolvers.provider import provider_by_key
from resolvers.scoped_database import ScopedDatabase
from resolvers.table import Table
from resolvers.viewer import MOST_NODES

Refetch: TypeAlias = Callable[[Info, str], Awaitable[Node | None]]


def _by_id(load: Callable[[Info, UUID], Awaitable[Node | None]]) -> Refetch:
    async def refetch(info: Info, key: str) -> Node | None:
        identifier = as_uuid(key)
        return await load(info, identifier) if identifier is not None else None

    return refetch


async def _organization(info: Info, key: UUID) -> Node | None:
    own = info.context.organization
    return Organization.of(own) if key == own.id else None


async def _provider(info: Info, key: str) -> Node | None:
    return provider_by_key(info, key)


async def _region(info: Info, key: str) -> Node | None:
    return Region.of(info, key) if key in info.context.gateway.postgres.regions else None


async def _credential(info: Info, key: UUID) -> Node | None:
    found = await info.context.loaders.credential_by_id.load(key)
    return Credential.of(found) if found else None


async def _scoped_database(info: Info, key: UUID) -> Node | None:
    found = await info.context.loaders.scoped_database_by_id.load(key)
    return ScopedDatabase.of(found) if found else None


async def _attachment(info: Info, key: UUID) -> Node | None:
    found = await info.context.loaders.attachment_by_id.load(key)
    return Attachment.of(found) if found else None


async def _database(info: Info, key: UUID) -> Node | None:
    found = await info.context.loaders.database_by_id.load(key)
    return Database.of(found) if found else None


async def _collection(info: Info, key: UUID) -> Node | None:
    found = await info.context.loaders.collection_by_id.load(key)
    return Collection.of(found) if found else None


async def _table(info: Info, key: UUID) -> Node | None:
    found = await info.context.loaders.table_by_id.load(key)
    return Table.of(found) if found else None


async def _column(info: Info, key: UUID) -> Node | None:
    found = await info.context.loaders.table_by_column.load(key)
    return next((Column.of(found, each) for each in found.shown if each.id == key), None) if found else None


async def _job(info: Info, key: UUID) -> Node | None:
    found = await info.context.loaders.job_by_id.load(key)
    return Job.of(found) if found else None


async def _access_token(info: Info, key: UUID) -> Node | None:
    """Whoever may not manage access does not see that a token exists."""
    if not info.context.actor.may(Permission.MANAGE_ACCESS):
        return None
    found = await info.context.loaders.access_token_by_id.load(key)
    return AccessToken.of(found) if found else None


async def _audit_event(info: Info, key: UUID) -> Node | None:
    if not info.context.actor.may(Permission.MANAGE_ACCESS):
        return None
    found = await info.context.loaders.audit_event_by_id.load(key)
    return AuditEvent.of(found) if found else None


REFETCH: Mapping[str, Refetch] = {
    "Organization": _by_id(_organization),
    "EmbeddingProvider": _provider,
    "Region": _region,
    "Integration": integration.by_key,
    "Credential": _by_id(_credential),
    "ScopedDatabase": _by_id(_scoped_database),
    "Attachment": _by_id(_attachment),
    "Database": _by_id(_database),
    "Collection": _by_id(_collection),
    "Table": _by_id(_table),
    "Column": _by_id(_column),
    "Document": document.by_key,
    "Row": row.by_key,
    "Job": _by_id(_job),
    "AccessToken": _by_id(_access_token),
    "Role": role.by_key,
    "AuditEvent": _by_id(_audit_event),
}


async def refetch(info: Info, identifier: str) -> Node | None:
    """Whatever has this id, if the caller may see it."""
    kind, key = split(identifier) or ("", "")
    found = REFETCH.get(kind)
    return await found(info, key) if found else None


@strawberry.type
class NodeQuery:
    @strawberry.field(
        description="Anything by its id; null for an id that is unknown, malformed or another organization's."
    )
    async def node(
        self, info: Info, id: Annotated[strawberry.ID, strawberry.argument(description="Its id.")]
    ) -> Node | None:
        return await refetch(info, id)

    @strawberry.field(
        description="Several things by their ids, in that order, with null for those that cannot be seen."
    )
    async def nodes(
        self, info: Info, ids: Annotated[list[strawberry.ID], strawberry.argument(description="At most 100 ids.")]
    ) -> list[Node | None]:
        if len(ids) > MOST_NODES:
            message = f"nodes takes {MOST_NODES} ids, and got {len(ids)}: ask in several queries."
            raise LimitExceeded(message, limit=MOST_NODES, actual=len(ids))
        found = await asyncio.gather(*(refetch(info, each) for each in ids), return_exceptions=True)
        return cast("list[Node | None]", found)  # an exception in a list is the error of its item, and null there
