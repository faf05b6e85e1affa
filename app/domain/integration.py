"""Integrations: external providers that an organization has enabled (rules 4 to 6), and hosted ones, which are there by themselves."""

from __future__ import annotations

from uuid import UUID

from app.access import Actor, Permission
from app.domain import audit
from app.domain import provider as providers_here
from app.errors import ConfirmationMismatch, IntegrationInUse, NotFound
from app.gateway import Gateway
from app.store import attachment, credential, integration
from app.store.record import Integration
from providers.base import Kind

NAMED = 20
"""How many attachments an error names; it counts all of them."""


async def enable(gateway: Gateway, actor: Actor, provider_key: str) -> Integration | None:
    """Enable an external provider; once enabled, the same integration is answered. None for a hosted one: it is there by itself."""
    actor.require(Permission.WRITE_INTEGRATIONS)
    provider = providers_here.known(gateway, provider_key)
    if provider.kind is Kind.HOSTED:
        return None
    async with gateway.postgres.catalogue.transaction() as connection:
        enabled = await integration.enable(connection, actor.organization_id, provider.key)
        await audit.done(connection, actor, "enable_integration", "Integration", enabled.id, provider.key)
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
    provider = gateway.catalogue.get(found.provider)
    display_name = provider.display_name if provider else found.provider
    if confirm_name != display_name:
        raise ConfirmationMismatch(f"confirmName must be the provider's name, {display_name!r}, letter for letter.")
    async with gateway.postgres.catalogue.transaction() as connection:
        if await integration.lock(connection, actor.organization_id, integration_id) is None:
            raise NotFound("There is no integration with this id.")
        credentials = await credential.of_integrations(connection, actor.organization_id, [integration_id])
        uses = await attachment.uses(connection, actor.organization_id, None, found.provider, limit=NAMED)
        attached = await attachment.count_uses(connection, actor.organization_id, None, found.provider)
        if credentials or attached:
            names = await attachment.target_names(connection, actor.organization_id, [use.id for use in uses])
            raise _in_use(display_name, [each.name for each in credentials], names, attached)
        await integration.delete(connection, actor.organization_id, integration_id)
        await audit.done(connection, actor, "deactivate_integration", "Integration", integration_id, found.provider)
    return found


def _in_use(display_name: str, credentials: list[str], names: list[str], attached: int) -> IntegrationInUse:
    left = [f"credentials: {', '.join(credentials)}"] if credentials else []
    left += (
        [f"attached: {', '.join(names)}{'' if attached <= NAMED else f' and {attached - NAMED} more'}"]
        if attached
        else []
    )
    return IntegrationInUse(
        f"{display_name} is still in use ({'; '.join(left)}). Remove its credentials with removeCredential, drop the collections "
        "and detach the columns that use it, then deactivate it.",
        credentials=credentials,
        attachments=names,
        attachmentCount=attached,
    )
