"""Collections: created with a permanent embedding configuration, with vectors of the caller's own, or without vectors (rules 19 and 20)."""

from __future__ import annotations

from uuid import UUID

from app.access import Actor, Permission
from app.domain import attaching, audit, database, debris
from app.domain.vector import check_dimension
from app.errors import AlreadyExists, BadInput, ConfirmationMismatch, NotFound
from app.gateway import Gateway
from app.postgres import Connection
from app.store import collection
from app.store import debris as debris_store
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
    created = await _insert(gateway, actor, home, name, wanted, length, metric if length is not None else None)

    async def note(connection: Connection) -> None:
        using = {"provider": wanted.provider, "model": wanted.model} if wanted else {}
        await audit.done(connection, actor, "create_collection", "Collection", created.id, name, **using)

    try:
        await make_table(gateway, created, note)
    except Exception as error:
        if not await _undo(gateway, created):
            raise NotFound("The database was dropped while the collection was being created.") from error
        raise
    return created


async def make_table(gateway: Gateway, created: Collection, note: audit.Note | None = None) -> None:
    """Make the table if it is not there, then let the collection be seen; also how the sweep finishes halves."""
    async with gateway.postgres.region(created.region).transaction() as connection:
        await collection.create_table(connection, created)
    async with gateway.postgres.catalogue.transaction() as connection:
        if not await collection.activate(connection, created.organization_id, created.id):
            raise NotFound("The collection was dropped with its database while it was being created.")
        if note:
            await note(connection)


async def drop(gateway: Gateway, actor: Actor, collection_id: UUID, confirm_name: str) -> Database:
    """Drop a collection with its documents; answers the database that it was in."""
    found = await find(gateway, actor, collection_id)
    actor.require(Permission.DROP_COLLECTION)
    if confirm_name != found.name:
        raise ConfirmationMismatch(f"confirmName must be the collection's name, {found.name!r}, letter for letter.")
    async with gateway.postgres.catalogue.transaction() as connection:
        [home] = await database.hold_all(connection, actor, [found.database_id])
        if not await collection.delete(connection, actor.organization_id, collection_id):
            raise NotFound("There is no collection with this id any more.")
        left = await debris_store.insert(connection, found.region, found.database_id, collection_id)
        await audit.done(connection, actor, "drop_collection", "Collection", collection_id, found.name)
    await debris.try_to_remove(gateway, left)
    return home


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
            raise AlreadyExists(
                f"{home.name} has a collection or table named {name!r} already: choose another name.",
                database=home.name,
            )
        if wanted is not None:
            await attaching.attach(connection, wanted, created.id)
    return created


async def _undo(gateway: Gateway, created: Collection) -> bool:
    """Nothing of the collection stays, and its name is free. False when it was gone with its database already."""
    async with gateway.postgres.catalogue.transaction() as connection:
        if not await collection.delete(connection, created.organization_id, created.id):
            return False
        left = await debris_store.insert(connection, created.region, created.database_id, created.id)
    await debris.try_to_remove(gateway, left)
    return True
