"""Databases: a row in the catalogue and a schema in a region, made and dropped in two transactions (rules 17 and 18)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from app.access import Actor, Permission
from app.domain import audit, debris, job
from app.errors import AlreadyExists, BadInput, ConfirmationMismatch, DatabaseUnavailable, NotFound
from app.gateway import Gateway
from app.postgres import Connection
from app.store import credential, database, scoped_database, target
from app.store import debris as debris_store
from app.store.record import Credential, Database, DatabaseStatus
from app.value import check_identifier
from providers.base import Kind, Provider

MOST_CREDENTIALS = 50


@dataclass(frozen=True, slots=True)
class Available:
    """An integration that may be attached in a database, with the credentials that serve it (none for a hosted one)."""

    provider: Provider
    credentials: list[Credential]


async def find_all(gateway: Gateway, actor: Actor, database_ids: Sequence[UUID]) -> list[Database]:
    """These databases, in this order. Raises NotFound when the token does not see one of them."""
    if not database_ids:
        return []
    async with gateway.postgres.catalogue.connection() as connection:
        found = await database.by_ids(connection, actor.organization_id, actor.databases, database_ids)
    by_id = {each.id: each for each in found}
    if missing := [each for each in database_ids if each not in by_id]:
        raise NotFound(
            f"There is no database with {'this id' if len(database_ids) == 1 else f'{len(missing)} of these ids'}."
        )
    return [by_id[each] for each in database_ids]


def check_active(home: Database) -> None:
    """Raises DatabaseUnavailable for a database whose schema is not there."""
    if home.status is not DatabaseStatus.ACTIVE:
        mend = "try again shortly" if home.status is DatabaseStatus.INITIALIZING else "drop it and create it anew"
        initializing = home.status is DatabaseStatus.INITIALIZING
        raise DatabaseUnavailable(
            f"The database {home.name!r} is {home.status}: {mend}.", retryable=initializing, database=home.name
        )


async def hold_all(connection: Connection, actor: Actor, database_ids: Sequence[UUID]) -> list[Database]:
    """These databases, kept from being dropped until the transaction ends. Raises NotFound when one was dropped meanwhile."""
    if not database_ids:
        return []
    held = await database.hold(connection, actor.organization_id, actor.databases, database_ids)
    if len(held) < len(set(database_ids)):
        raise NotFound("There is no database with one of these ids any more.")
    return held


async def create(
    gateway: Gateway, actor: Actor, name: str, region: str | None, credential_ids: Sequence[UUID]
) -> Database:
    """A new database, in no scope but those of the given credentials. A region that fails leaves it in status ERROR, to be dropped."""
    if credential_ids:
        await _check_known(gateway, actor, credential_ids)
    actor.require(Permission.CREATE_DATABASE)
    if credential_ids:
        actor.require(Permission.WRITE_INTEGRATIONS)
    check_identifier(name, "A database's name")
    _check_number(credential_ids)
    chosen = _known_region(gateway, region)
    created = await _insert(gateway, actor, name, chosen, credential_ids)

    async def note(connection: Connection) -> None:
        await audit.done(connection, actor, "create_database", "Database", created.id, name, region=chosen)

    try:
        return await make_schema(gateway, created, note)
    except Exception as error:
        async with gateway.postgres.catalogue.connection() as connection:
            await database.fail(connection, actor.organization_id, created.id)
        if isinstance(error, DatabaseUnavailable):
            message = f"{error.message} The database {name!r} is left in status ERROR: drop it with dropDatabase and create it anew."
            raise DatabaseUnavailable(message, retryable=False, **error.facts) from error
        raise


async def make_schema(gateway: Gateway, created: Database, note: audit.Note | None = None) -> Database:
    """Make the schema if it is not there, then let the database be ACTIVE; also how the sweep finishes halves."""
    async with gateway.postgres.region(created.region).transaction() as connection:
        await database.create_schema(connection, created.id)
    async with gateway.postgres.catalogue.transaction() as connection:
        active = await database.activate(connection, created.organization_id, created.id)
        if active and note:
            await note(connection)
        left = None if active else await debris_store.insert(connection, created.region, created.id)
    if left is not None:
        await debris.try_to_remove(gateway, left)
    if active is None:
        raise NotFound("The database was dropped while it was being created.")
    return active


async def drop(gateway: Gateway, actor: Actor, database_id: UUID, confirm_name: str) -> Database:
    """Drop a database with everything in it. It is gone when this returns; a region that is away is cleaned up later."""
    [found] = await find_all(gateway, actor, [database_id])
    actor.require(Permission.DROP_DATABASE)
    if confirm_name != found.name:
        raise ConfirmationMismatch(f"confirmName must be the database's name, {found.name!r}, letter for letter.")
    async with gateway.postgres.catalogue.transaction() as connection:
        if not await database.lock(connection, actor.organization_id, database_id):
            raise NotFound("There is no database with this id any more.")
        await target.delete_of_database(connection, actor.organization_id, database_id)
        await database.delete(connection, actor.organization_id, database_id)
        await job.cancel_of_database(connection, actor.organization_id, database_id)
        left = await debris_store.insert(connection, found.region, database_id)
        await audit.done(connection, actor, "drop_database", "Database", database_id, found.name)
    await debris.try_to_remove(gateway, left)
    return found


def available(gateway: Gateway, region: str, in_scope: Sequence[Credential]) -> list[Available]:
    """What may be attached to something in a database now: hosted providers of its region, and external ones by scope (rule 18)."""
    by_provider: dict[str, list[Credential]] = {}
    for each in in_scope:
        by_provider.setdefault(each.provider, []).append(each)
    return [
        Available(provider, by_provider.get(provider.key, []))
        for provider in gateway.catalogue
        if (
            provider.regions is None or region in provider.regions
            if provider.kind is Kind.HOSTED
            else provider.key in by_provider
        )
    ]


async def _check_known(gateway: Gateway, actor: Actor, credential_ids: Sequence[UUID]) -> None:
    async with gateway.postgres.catalogue.connection() as connection:
        found = await credential.by_ids(connection, actor.organization_id, credential_ids)
    _check_all_there(found, credential_ids)


def _check_number(credential_ids: Sequence[UUID]) -> None:
    if len(credential_ids) > MOST_CREDENTIALS:
        message = f"credentialIds may name {MOST_CREDENTIALS} credentials, and names {len(credential_ids)}."
        raise BadInput(message, limit=MOST_CREDENTIALS, actual=len(credential_ids))


def _check_all_there(found: Sequence[Credential], credential_ids: Sequence[UUID]) -> None:
    if len(found) < len(set(credential_ids)):
        raise NotFound("There is no credential with one of these ids.")


async def _insert(gateway: Gateway, actor: Actor, name: str, region: str, credential_ids: Sequence[UUID]) -> Database:
    async with gateway.postgres.catalogue.transaction() as connection:
        held = await credential.hold(connection, actor.organization_id, credential_ids) if credential_ids else []
        _check_all_there(held, credential_ids)
        created = await database.insert(connection, actor.organization_id, name, region)
        if created is None:
            raise AlreadyExists(
                f"The organization has a database named {name!r} already: choose another name.", database=name
            )
        await scoped_database.add(connection, actor.organization_id, [each.id for each in held], [created.id])
    return created


def _known_region(gateway: Gateway, region: str | None) -> str:
    chosen = gateway.postgres.default_region if region is None else region
    if chosen not in gateway.postgres.regions:
        raise BadInput(f"This deployment has no region of that name; it has: {', '.join(gateway.postgres.regions)}.")
    return chosen
