"""Credentials: adding, rotating, rolling back and removing them (rules 7 to 9 and 12 to 15)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from app.access import Actor, Permission
from app.domain import audit, database, idempotency, resealing, trial
from app.domain import provider as provider_rules
from app.domain.attachment import uses_of
from app.domain.credential_name import check_name, check_secret
from app.domain.embedding import context
from app.domain.idempotency import AlreadyDoneError, Once
from app.domain.scoped_database import check_databases
from app.domain.trial import Trial
from app.errors import (
    AlreadyExists,
    BadInput,
    ConfirmationMismatch,
    CredentialInUse,
    CredentialNotRollbackable,
    NotFound,
)
from app.gateway import Gateway
from app.postgres import Connection
from app.secret import hint
from app.store import attachment, credential, integration, scoped_database
from app.store import database as databases_store
from app.store.record import Attachment, Credential, Database, Integration, new_id
from providers.base import Provider

LONGEST_KEPT = 2_592_000
"""30 days, in seconds: how long a replaced secret can be kept to return to."""

SHOWN = 500
"""How many attachments a removal lists; it counts all of them."""


@dataclass(frozen=True, slots=True)
class Removed:
    """A credential that is gone, with what it served."""

    credential: Credential
    integration: Integration
    scope: list[Database]
    disabled_count: int
    disabled: list[Attachment]


async def add(
    gateway: Gateway,
    actor: Actor,
    *,
    provider_key: str,
    name: str,
    api_key: str,
    database_ids: Sequence[UUID],
    tried: Trial | None,
    idempotency_key: str | None,
) -> Credential:
    """Store a credential, enabling its integration where needed; if it is to be `tried`, only if the provider accepts the key."""
    await database.find_all(gateway, actor, database_ids)
    actor.require(Permission.WRITE_INTEGRATIONS)
    provider = provider_rules.external(gateway, provider_key, "add credentials to it")
    check_name(name, api_key)
    check_secret(api_key)
    check_databases(database_ids, least=0)
    given = {"provider": provider_key, "name": name, "apiKey": api_key, "databaseIds": database_ids, "trial": tried}
    call = idempotency.once(gateway, actor, "vectorgate", idempotency_key, "addCredential", given)
    if (known := await _recalled(gateway, actor, call)) is not None:
        return known
    if tried is not None:
        await trial.try_new(gateway, provider, tried, api_key)
    try:
        return await _insert(gateway, actor, call, provider, name, api_key, database_ids)
    except AlreadyDoneError:
        return await _known(gateway, actor, call)


async def find(gateway: Gateway, actor: Actor, credential_id: UUID) -> Credential:
    """Raises NotFound."""
    async with gateway.postgres.catalogue.connection() as connection:
        return await _found(connection, actor, credential_id)


async def rotate(
    gateway: Gateway,
    actor: Actor,
    credential_id: UUID,
    *,
    api_key: str,
    tried: Trial | None,
    keep_previous_seconds: int,
    idempotency_key: str | None,
) -> Credential:
    """Put a new secret in force under the same name and scope, version + 1, in one transaction (rule 15)."""
    found = await find(gateway, actor, credential_id)
    actor.require(Permission.WRITE_INTEGRATIONS)
    check_secret(api_key)
    if not 0 <= keep_previous_seconds <= LONGEST_KEPT:
        message = f"keepPreviousSeconds must be 0 to {LONGEST_KEPT}, and is {keep_previous_seconds}."
        raise BadInput(message, limit=LONGEST_KEPT, actual=keep_previous_seconds)
    given = {"credentialId": credential_id, "apiKey": api_key, "trial": tried, "keep": keep_previous_seconds}
    call = idempotency.once(gateway, actor, "vectorgate", idempotency_key, "rotateCredential", given)
    if (known := await _recalled(gateway, actor, call)) is not None:
        return known
    if tried is not None:
        await trial.try_next(gateway, actor, found, tried, api_key)
    try:
        return await _swap(gateway, actor, call, credential_id, api_key, keep_previous_seconds)
    except AlreadyDoneError:
        return await _known(gateway, actor, call)


async def roll_back(gateway: Gateway, actor: Actor, credential_id: UUID) -> Credential:
    """Return to the secret before the last rotation, version + 1; the replaced one is forgotten. Raises CredentialNotRollbackable."""
    await find(gateway, actor, credential_id)
    actor.require(Permission.WRITE_INTEGRATIONS)
    async with gateway.postgres.catalogue.transaction() as connection:
        if not await credential.roll_back(connection, actor.organization_id, credential_id):
            found = await _found(connection, actor, credential_id)
            message = f"No earlier secret of {found.name!r} is kept any more: rotate it to a secret that you have."
            raise CredentialNotRollbackable(message, credentialName=found.name)
        changed = await _found(connection, actor, credential_id)
        await audit.done(
            connection,
            actor,
            "roll_back_credential",
            "Credential",
            credential_id,
            changed.name,
            version=changed.version,
        )
    return changed


async def remove(
    gateway: Gateway, actor: Actor, credential_id: UUID, *, confirm_name: str, refuse_if_in_use: bool
) -> Removed:
    """Remove a credential and its scope with immediate effect; data and searches by vector stay as they are (rule 13)."""
    await find(gateway, actor, credential_id)
    actor.require(Permission.WRITE_INTEGRATIONS)
    async with gateway.postgres.catalogue.transaction() as connection:
        found = await credential.lock(connection, actor.organization_id, credential_id)
        if found is None:
            raise NotFound("There is no credential with this id.")
        if confirm_name != found.name:
            raise ConfirmationMismatch(f"confirmName must be the credential's name, {found.name!r}, letter for letter.")
        removed = await _with_uses(gateway, connection, actor, found)
        if refuse_if_in_use and removed.disabled_count:
            raise await _in_use(connection, actor, removed)
        await credential.delete(connection, actor.organization_id, credential_id)
        await audit.done(
            connection,
            actor,
            "remove_credential",
            "Credential",
            credential_id,
            found.name,
            disabled=removed.disabled_count,
        )
    return removed


async def _insert(
    gateway: Gateway,
    actor: Actor,
    call: Once,
    provider: Provider,
    name: str,
    api_key: str,
    database_ids: Sequence[UUID],
) -> Credential:
    credential_id = new_id()
    sealed = gateway.keyring.seal(api_key, context(actor.organization_id, credential_id))
    async with gateway.postgres.catalogue.transaction() as connection:
        await call.claim(connection, {})
        await resealing.require_known(connection, gateway.keyring)
        held = await database.hold_all(connection, actor, database_ids)
        enabled = await integration.enable(connection, actor.organization_id, provider.key)
        if not await credential.insert(
            connection, actor.organization_id, enabled.id, credential_id, name, sealed, hint(api_key)
        ):
            message = f"{provider.display_name} has a credential named {name!r} already: rotate that one, or choose another name."
            raise AlreadyExists(message, provider=provider.key, credentialName=name)
        await scoped_database.add(connection, actor.organization_id, [credential_id], database_ids)
        await audit.done(
            connection,
            actor,
            "add_credential",
            "Credential",
            credential_id,
            name,
            provider=provider.key,
            databases=[each.name for each in held],
            databaseIds=[str(each.id) for each in held],
        )
        added = await _found(connection, actor, credential_id)
        await call.settle(connection, _outcome(added))
    return added


async def _swap(
    gateway: Gateway, actor: Actor, call: Once, credential_id: UUID, api_key: str, keep_previous_seconds: int
) -> Credential:
    sealed = gateway.keyring.seal(api_key, context(actor.organization_id, credential_id))
    async with gateway.postgres.catalogue.transaction() as connection:
        await call.claim(connection, {})
        await resealing.require_known(connection, gateway.keyring)
        await credential.rotate(
            connection, actor.organization_id, credential_id, sealed, hint(api_key), keep_previous_seconds
        )
        changed = await _found(connection, actor, credential_id)
        await audit.done(
            connection, actor, "rotate_credential", "Credential", credential_id, changed.name, version=changed.version
        )
        await call.settle(connection, _outcome(changed))
    return changed


async def _found(connection: Connection, actor: Actor, credential_id: UUID) -> Credential:
    found = await credential.by_ids(connection, actor.organization_id, [credential_id])
    if not found:
        raise NotFound("There is no credential with this id.")
    return found[0]


async def _recalled(gateway: Gateway, actor: Actor, call: Once) -> Credential | None:
    if call.key is None:
        return None
    async with gateway.postgres.catalogue.connection() as connection:
        outcome = await call.recall(connection)
        if outcome is None:
            return None
        found = await credential.by_ids(connection, actor.organization_id, [UUID(outcome["id"])])
    if not found:
        raise NotFound(
            "The credential that this idempotencyKey was used for has been removed meanwhile: use a new key."
        )
    return replace(found[0], version=outcome["version"], hint=outcome["hint"])


async def _known(gateway: Gateway, actor: Actor, call: Once) -> Credential:
    """The outcome of the call that was faster."""
    known = await _recalled(gateway, actor, call)
    if known is None:
        raise AlreadyDoneError
    return known


def _outcome(changed: Credential) -> dict[str, object]:
    """What a repeated call answers, whatever has become of the credential since."""
    return {"id": str(changed.id), "version": changed.version, "hint": changed.hint}


async def _with_uses(gateway: Gateway, connection: Connection, actor: Actor, found: Credential) -> Removed:
    """What a credential that is locked serves now."""
    organization_id = actor.organization_id
    scope = await scoped_database.of_credentials(connection, organization_id, [found.id], None)
    databases = await databases_store.by_ids(connection, organization_id, None, [each.database_id for each in scope])
    by_id = {each.id: each for each in databases}
    [home] = await integration.by_ids(connection, organization_id, [found.integration_id])
    which = uses_of(gateway, found.provider, credential_name=found.name, available=True)
    disabled = await attachment.uses(connection, organization_id, None, which, limit=SHOWN)
    count = await attachment.count_uses(connection, organization_id, None, which)
    in_order = [by_id[each.database_id] for each in scope if each.database_id in by_id]
    return Removed(found, home, in_order, count, disabled)


async def _in_use(connection: Connection, actor: Actor, removed: Removed) -> CredentialInUse:
    names = await attachment.target_names(connection, actor.organization_id, [use.id for use in removed.disabled[:20]])
    return CredentialInUse(
        f"{removed.disabled_count} attachment(s) use {removed.credential.name!r} ({', '.join(names)}): drop or detach them first, "
        "or remove it without refuseIfInUse.",
        credentialName=removed.credential.name,
        attachments=names,
        attachmentCount=removed.disabled_count,
    )
