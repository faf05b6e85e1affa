"""Collections: created with a permanent embedding configuration, with vectors of the caller's own, or without vectors (rules 19 and 20)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from app.access import Actor, Permission
from app.domain import audit, database, debris
from app.domain import provider as provider_rules
from app.domain.attachment import Standing, refusal
from app.domain.credential_name import is_name
from app.errors import (
    AlreadyExists,
    BadInput,
    ConfirmationMismatch,
    CredentialNotFound,
    DatabaseUnavailable,
    IntegrationNotEnabled,
    NotFound,
    UnsupportedVectorDimension,
)
from app.gateway import Gateway
from app.postgres import Connection
from app.store import attachment, collection, credential, integration, scoped_database
from app.store import debris as debris_store
from app.store.record import Attachment, Collection, Database, DatabaseStatus, Metric, new_id
from app.store.vector import MAX_STORED
from app.value import check_identifier
from providers.base import Kind, Provider


@dataclass(frozen=True, slots=True)
class Embedding:
    """The embedding configuration that a caller asks for."""

    provider: str
    credential: str | None
    model: str
    dimension: int | None
    parameters: Mapping[str, object] | None


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
    embedding: Embedding | None,
    dimension: int | None,
    metric: Metric,
) -> Collection:
    """A new collection; what it is attached to is checked now and stored as resolved. Nobody sees it before its table is there."""
    [home] = await database.find_all(gateway, actor, [database_id])
    actor.require(Permission.CREATE_COLLECTION)
    check_identifier(name, "A collection's name")
    _check_active(home)
    if embedding is not None and dimension is not None:
        raise BadInput(
            "Give embedding, or dimension for vectors of your own; a dimension of the model goes into embedding."
        )
    wanted = await _attachable(gateway, actor, home, embedding) if embedding is not None else None
    length = wanted.dimension if wanted is not None else dimension
    _check_dimension(length)
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


async def _attachable(gateway: Gateway, actor: Actor, home: Database, embedding: Embedding) -> Attachment:
    """An attachment that would work now, not stored yet and without a target. Raises the coded error of what is missing."""
    provider = provider_rules.known(gateway, embedding.provider)
    provider_rules.check_region(provider, home.region)
    integration_id = None
    if provider.kind is Kind.EXTERNAL:
        integration_id = await _enabled(gateway, actor, provider)
    _check_credential_given(provider, embedding.credential)
    choice = provider_rules.resolve(provider, embedding.model, embedding.dimension, embedding.parameters)
    wanted = Attachment(
        id=new_id(),
        organization_id=actor.organization_id,
        database_id=home.id,
        target_id=new_id(),
        column_name=None,
        provider=provider.key,
        integration_id=integration_id,
        credential_name=embedding.credential,
        model=choice.model,
        dimension=choice.dimension,
        parameters=dict(choice.parameters),
    )
    if (error := refusal(gateway, await _standing(gateway, actor, home, wanted))) is not None:
        raise error
    return wanted


async def _enabled(gateway: Gateway, actor: Actor, provider: Provider) -> UUID:
    async with gateway.postgres.catalogue.connection() as connection:
        found = await integration.by_provider(connection, actor.organization_id, provider.key)
    if found is None:
        raise IntegrationNotEnabled(
            f"The organization has not enabled {provider.display_name}: enable it with enableIntegration, or add a credential for it.",
            provider=provider.key,
        )
    return found.id


def _check_credential_given(provider: Provider, name: str | None) -> None:
    if provider.kind is Kind.HOSTED and name is not None:
        raise BadInput(
            f"{provider.display_name} is hosted and needs no credential: leave it out.", provider=provider.key
        )
    if provider.kind is Kind.EXTERNAL and name is None:
        raise CredentialNotFound(
            f"{provider.display_name} needs a credential: name one in embedding.credential.", provider=provider.key
        )
    if name is not None and not is_name(name):
        raise CredentialNotFound(
            "No credential can have the name given in embedding.credential: it takes the credential's name, not its secret.",
            provider=provider.key,
        )


async def _standing(gateway: Gateway, actor: Actor, home: Database, wanted: Attachment) -> Standing:
    exists = in_scope = wanted.integration_id is None
    if wanted.integration_id is not None and wanted.credential_name is not None:
        async with gateway.postgres.catalogue.connection() as connection:
            named = [(wanted.integration_id, wanted.credential_name)]
            found = await credential.by_names(connection, actor.organization_id, named)
            exists = bool(found)
            in_scope = exists and bool(
                await scoped_database.pairs(connection, actor.organization_id, found[0].id, [home.id])
            )
    return Standing(wanted, home.region, home.name, exists, in_scope)


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
            await _attach(connection, wanted, created.id)
    return created


async def _attach(connection: Connection, wanted: Attachment, target_id: UUID) -> None:
    if not await attachment.insert(connection, wanted, target_id):
        raise IntegrationNotEnabled(
            f"{wanted.provider} was deactivated meanwhile: enable it again.", provider=wanted.provider
        )


async def _undo(gateway: Gateway, created: Collection) -> bool:
    """Nothing of the collection stays, and its name is free. False when it was gone with its database already."""
    async with gateway.postgres.catalogue.transaction() as connection:
        if not await collection.delete(connection, created.organization_id, created.id):
            return False
        left = await debris_store.insert(connection, created.region, created.database_id, created.id)
    await debris.try_to_remove(gateway, left)
    return True


def _check_active(home: Database) -> None:
    if home.status is not DatabaseStatus.ACTIVE:
        mend = "try again shortly" if home.status is DatabaseStatus.INITIALIZING else "drop it and create it anew"
        initializing = home.status is DatabaseStatus.INITIALIZING
        raise DatabaseUnavailable(
            f"The database {home.name!r} is {home.status}: {mend}.", retryable=initializing, database=home.name
        )


def _check_dimension(length: int | None) -> None:
    if length is not None and not 1 <= length <= MAX_STORED:
        message = f"A vector can have 1 to {MAX_STORED} components, and {length} are asked for."
        raise UnsupportedVectorDimension(message, limit=MAX_STORED, actual=length)
