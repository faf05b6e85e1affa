"""What collections and tables share: made and dropped in two transactions, the catalogue's and their region's (rule 17)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from app.access import Actor
from app.domain import audit, database, debris, job
from app.errors import AlreadyExists, ConfirmationMismatch, NotFound
from app.gateway import Gateway
from app.postgres import Connection
from app.store import debris as debris_store
from app.store import target
from app.store.record import Collection, Database, Table
from app.store.target import Undone


async def create(gateway: Gateway, created: Collection | Table, make: Callable[[], Awaitable[None]]) -> None:
    """Make what is in the catalogue already; nothing of it stays, and its name is free, when that fails before it can be seen."""
    try:
        await make()
    except Exception as error:
        if await _undo(gateway, created) is Undone.GONE:
            raise NotFound(f"The database was dropped while the {_word(created)} was being created.") from error
        raise


async def make(
    gateway: Gateway,
    created: Collection | Table,
    physically: Callable[[Connection], Awaitable[None]],
    note: audit.Note | None = None,
) -> None:
    """Make it in its region, if it is not there, then let it be seen; also how the sweep finishes halves."""
    async with gateway.postgres.region(created.region).transaction() as connection:
        await physically(connection)
    async with gateway.postgres.catalogue.transaction() as connection:
        if not await target.activate(connection, created.organization_id, created.id):
            raise NotFound(f"The {_word(created)} was dropped with its database while it was being created.")
        if note:
            await note(connection)


async def drop(gateway: Gateway, actor: Actor, found: Collection | Table, confirm_name: str) -> Database:
    """Drop it with all that is in it; answers the database that it was in. It is gone when this returns."""
    word = _word(found)
    if confirm_name != found.name:
        raise ConfirmationMismatch(f"confirmName must be the {word}'s name, {found.name!r}, letter for letter.")
    async with gateway.postgres.catalogue.transaction() as connection:
        [home] = await database.hold_all(connection, actor, [found.database_id])
        if not await target.delete(connection, actor.organization_id, found.id):
            raise NotFound(f"There is no {word} with this id any more.")
        await job.cancel_of(connection, found.organization_id, found.id)
        left = await debris_store.insert(connection, found.region, found.database_id, found.id)
        await audit.done(connection, actor, f"drop_{word}", word.title(), found.id, found.name)
    await debris.try_to_remove(gateway, left)
    return home


def name_taken(home: Database, name: str) -> AlreadyExists:
    message = f"{home.name} has a collection or table named {name!r} already: choose another name."
    return AlreadyExists(message, database=home.name)


async def _undo(gateway: Gateway, created: Collection | Table) -> Undone:
    async with gateway.postgres.catalogue.transaction() as connection:
        undone = await target.undo(connection, created.organization_id, created.id)
        if undone is not Undone.UNDONE:
            return undone
        left = await debris_store.insert(connection, created.region, created.database_id, created.id)
    await debris.try_to_remove(gateway, left)
    return undone


def _word(created: Collection | Table) -> str:
    return "table" if isinstance(created, Table) else "collection"
