"""Integrations: external providers that an organization has enabled (rules 4 to 6), and hosted ones, which are there by themselves."""

from __future__ import annotations

from typing import NoReturn
from uuid import UUID

from app.access import Actor, Permission
from app.domain import audit
from app.domain import provider as provider_rules
from app.errors import BadInput, ConfirmationMismatch, IntegrationInUse, NotFound
from app.gateway import Gateway
from app.store import attachment, credential, integration
from app.store.record import Integration
from providers.base import Kind

NAMED = 20
"""How many credentials and attachments an error names; it counts all of them."""


def hosted_id(organization_id: UUID, provider_key: str) -> str:
    """What identifies a hosted provider's integration, for which nothing is stored: every organization has it."""
    return f"{organization_id}/{provider_key}"


async def enable(gateway: Gateway, actor: Actor, provider_key: str) -> Integration | None:
    """Enable an external provider; once enabled, the same integration is answered. None for a hosted one: it is there by itself."""
    actor.require(Permission.WRITE_INTEGRATIONS)
    provider = provider_rules.known(gateway, provider_key)
    async with gateway.postgres.catalogue.transaction() as connection:
        enabled = None
        if provider.kind is not Kind.HOSTED:
            enabled = await integration.enable(connection, actor.organization_id, provider.key)
        key = enabled.id if enabled else hosted_id(actor.organization_id, provider.key)
        await audit.done(connection, actor, "enable_integration", "Integration", key, provider.key)
    return enabled


async def find(gateway: Gateway, actor: Actor, integration_id: UUID) -> Integration:
    """Raises NotFound."""
    async with gateway.postgres.catalogue.connection() as connection:
        found = await integration.by_ids(connection, actor.organization_id, [integration_id])
    if not found:
        raise NotFound("There is no integration with this id.")
    return found[0]


async def deactivate(gateway: Gateway, actor: Actor, integration_id: UUID, confirm_name: str) -> Integration:
    """Remove an integration that nothing uses any more (rule 6). Raises IntegrationInUse, naming what is left."""
    found = await find(gateway, actor, integration_id)
    actor.require(Permission.WRITE_INTEGRATIONS)
    display_name = provider_rules.known(gateway, found.provider).display_name
    if confirm_name != display_name:
        raise ConfirmationMismatch(f"confirmName must be the provider's name, {display_name!r}, letter for letter.")
    async with gateway.postgres.catalogue.transaction() as connection:
        if await integration.lock(connection, actor.organization_id, integration_id) is None:
            raise NotFound("There is no integration with this id.")
        credentials = await credential.of_integrations(connection, actor.organization_id, [integration_id])
        names, attached = await attachment.left(connection, actor.organization_id, integration_id, NAMED)
        if credentials or attached:
            raise _in_use(display_name, [each.name for each in credentials], names, attached)
        await integration.delete(connection, actor.organization_id, integration_id)
        await audit.done(connection, actor, "deactivate_integration", "Integration", integration_id, found.provider)
    return found


def refuse_hosted(actor: Actor) -> NoReturn:
    """A hosted integration cannot be deactivated. Raises PermissionDenied first, as for any other."""
    actor.require(Permission.WRITE_INTEGRATIONS)
    raise BadInput("A hosted integration is managed by the operator of this deployment and cannot be deactivated.")


def _in_use(display_name: str, credentials: list[str], names: list[str], attached: int) -> IntegrationInUse:
    left = {"credentials": (credentials, len(credentials)), "attached": (names, attached)}
    named = [f"{what}: {_some(listed, count)}" for what, (listed, count) in left.items() if count]
    return IntegrationInUse(
        f"{display_name} is still in use ({'; '.join(named)}). Remove its credentials with removeCredential, drop the collections "
        "and detach the columns that use it, then deactivate it.",
        credentials=credentials[:NAMED],
        credentialCount=len(credentials),
        attachments=names,
        attachmentCount=attached,
    )


def _some(names: list[str], count: int) -> str:
    more = f" and {count - NAMED} more" if count > NAMED else ""
    return ", ".join(names[:NAMED]) + more
