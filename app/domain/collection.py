"""Collections: created with a permanent embedding configuration, with vectors of the caller's own, or without vectors (rules 19 and 20)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from uuid import UUID

from app.access import Actor, Permission
from app.domain import attaching, audit, database, target
from app.domain.vector import check_dimension
from app.errors import BadInput, NotFound
from app.gateway import Gateway
from app.postgres import Connection
from app.store import collection
from app.store.record import Attachment, Collection, Database, Metric
from app.value import check_identifier


async def find(gateway: Gateway, actor: Actor, collection_id: UUID) -> Collection:
    """Raises NotFound."""
    async with gateway.postgres.catalogue.connection() as connection:
        found = await collection.by_ids(connection, actor.organization_id, actor.databases, [collection_id])
    if not found:
        raise NotFound("There is no collection with this id.")
    return found[0]


async def create(
    gateway: Gateway,
    actor: Actor,
    database_id: UUID,
    *,
    name: str,
    embedding: attaching.Embedding | None,
    dimension: int | None,
    metric: Metric,
) -> Collection:
    """A new collection; what it is attached to is checked now and stored as resolved. Nobody sees it before its table is there."""
    [home] = await database.find_all(gateway, actor, [database_id])
    actor.require(Permission.CREATE_COLLECTION)
    check_identifier(name, "A collection's name")
    database.check_active(home)
    if embedding is not None and dimension is not None:
        raise BadInput(
            "Give embedding, or dimension for vectors of your own; a dimension of the model goes into embedding."
        )
    wanted = await attaching.attachable(gateway, actor, home, embedding) if embedding is not None else None
    length = wanted.dimension if wanted is not None else dimension
    check_dimension(length)

    async def note(connection: Connection, created: Collection) -> None:
        await audit.done(connection, actor, "create_collection", "Collection", created.id, name, **using(wanted))

    return await make(gateway, actor, home, name=name, wanted=wanted, dimension=length, metric=metric, note=note)


async def make(
    gateway: Gateway,
    actor: Actor,
    home: Database,
    *,
    name: str,
    wanted: Attachment | None,
    dimension: int | None,
    metric: Metric | None,
    note: Callable[[Connection, Collection], Awaitable[None]],
    indexed: bool = True,
) -> Collection:
    """A new collection of what was checked before; `note` is called in the transaction that lets it be seen.

    Without `indexed` its vector index is left to whoever fills it.
    """
    created = await _insert(gateway, actor, home, name, wanted, dimension, metric if dimension is not None else None)

    async def told(connection: Connection) -> None:
        await note(connection, created)

    await target.create(gateway, created, lambda: make_table(gateway, created, told, indexed=indexed))
    return created


def using(wanted: Attachment | None) -> dict[str, str]:
    """What the audit log says of an embedding configuration."""
    return {"provider": wanted.provider, "model": wanted.model} if wanted else {}


async def make_table(
    gateway: Gateway, created: Collection, note: audit.Note | None = None, *, indexed: bool = True
) -> None:
    """Make the table if it is not there, then let the collection be seen; also how the sweep finishes halves."""

    async def physically(connection: Connection) -> None:
        await collection.create_table(connection, created, indexed=indexed)

    await target.make(gateway, created, physically, note)


async def drop(gateway: Gateway, actor: Actor, collection_id: UUID, confirm_name: str) -> Database:
    """Drop a collection with its documents; answers the database that it was in."""
    found = await find(gateway, actor, collection_id)
    actor.require(Permission.DROP_COLLECTION)
    return await target.drop(gateway, actor, found, confirm_name)


async def _insert(
    gateway: Gateway,
    actor: Actor,
    home: Database,
    name: str,
    wanted: Attachment | None,
    dimension: int | None,
    metric: Metric | None,
) -> Collection:
    async with gateway.postgres.catalogue.transaction() as connection:
        await database.hold_all(connection, actor, [home.id])
        created = await collection.insert(connection, actor.organization_id, home.id, name, dimension, metric)
        if created is None:
            raise target.name_taken(home, name)
        if wanted is not None:
            await attaching.attach(connection, wanted, created.id)
    return created
