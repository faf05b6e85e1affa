"""Scopes: the databases that each credential may serve (rules 7 and 10 to 12)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from app.access import Actor, Permission
from app.domain import audit, database
from app.domain.attachment import uses_of
from app.errors import BadInput, ConfirmationMismatch, NotFound, TooManyDatabases
from app.gateway import Gateway
from app.store import attachment, credential, scoped_database
from app.store.record import Attachment, Credential, Database, ScopedDatabase

MOST_PER_CALL = 10
SHOWN = 500


@dataclass(frozen=True, slots=True)
class Descoped:
    """A database that is out of a credential's scope, with what stopped embedding."""

    id: UUID
    credential: Credential
    database: Database
    disabled_count: int
    disabled: list[Attachment]


def check_databases(database_ids: Sequence[UUID], *, least: int) -> None:
    """Raises TooManyDatabases beyond ten, BadInput for fewer than `least`."""
    count = len(database_ids)
    if count > MOST_PER_CALL:
        raise TooManyDatabases(
            f"A call takes {MOST_PER_CALL} databases, and this one has {count}: add the others with addScopedDatabases, repeatedly.",
            limit=MOST_PER_CALL,
            actual=count,
        )
    if count < least:
        raise BadInput(f"databaseIds must name {least} to {MOST_PER_CALL} databases.", limit=least, actual=count)


async def add(
    gateway: Gateway, actor: Actor, credential_id: UUID, database_ids: Sequence[UUID]
) -> tuple[Credential, list[ScopedDatabase]]:
    """Put databases in a credential's scope; one that is in it already is no error. Answers what is in it of these now."""
    found = await _credential(gateway, actor, credential_id)
    await database.find_all(gateway, actor, database_ids)
    actor.require(Permission.WRITE_INTEGRATIONS)
    check_databases(database_ids, least=1)
    async with gateway.postgres.catalogue.transaction() as connection:
        if not await credential.hold(connection, actor.organization_id, [credential_id]):
            raise NotFound("There is no credential with this id.")
        held = await database.hold_all(connection, actor, database_ids)
        await scoped_database.add(connection, actor.organization_id, [credential_id], database_ids)
        added = await scoped_database.pairs(connection, actor.organization_id, credential_id, database_ids)
        names = [each.name for each in held]
        await audit.done(
            connection, actor, "add_scoped_databases", "Credential", credential_id, found.name, databases=names
        )
    return found, added


async def remove(gateway: Gateway, actor: Actor, credential_id: UUID, database_id: UUID, confirm_name: str) -> Descoped:
    """Take a database out of a credential's scope with immediate effect, and answer what stopped embedding."""
    found = await _credential(gateway, actor, credential_id)
    [target] = await database.find_all(gateway, actor, [database_id])
    actor.require(Permission.WRITE_INTEGRATIONS)
    if confirm_name != target.name:
        raise ConfirmationMismatch(f"confirmName must be the database's name, {target.name!r}, letter for letter.")
    which = uses_of(gateway, found.provider, credential_name=found.name, database_id=database_id, available=True)
    async with gateway.postgres.catalogue.transaction() as connection:
        disabled = await attachment.uses(connection, actor.organization_id, None, which, limit=SHOWN)
        count = await attachment.count_uses(connection, actor.organization_id, None, which)
        removed = await scoped_database.remove(connection, actor.organization_id, credential_id, database_id)
        if removed is None:
            raise NotFound(f"The database {target.name!r} is not in the scope of the credential {found.name!r}.")
        await audit.done(
            connection,
            actor,
            "remove_scoped_database",
            "Credential",
            credential_id,
            found.name,
            database=target.name,
            disabled=count,
        )
    return Descoped(removed, found, target, count, disabled)


async def _credential(gateway: Gateway, actor: Actor, credential_id: UUID) -> Credential:
    async with gateway.postgres.catalogue.connection() as connection:
        found = await credential.by_ids(connection, actor.organization_id, [credential_id])
    if not found:
        raise NotFound("There is no credential with this id.")
    return found[0]
