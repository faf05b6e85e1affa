"""Attachments: what uses an integration, and whether it can embed now (rules 13, 14 and 16)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from app.access import Actor
from app.domain import provider as provider_rules
from app.errors import (
    CredentialNotFound,
    DatabaseNotInScope,
    EndOfLifeModel,
    GatewayError,
    IntegrationNotAvailableInRegion,
    ModelUnknown,
)
from app.gateway import Gateway
from app.page import Page, after_id, check_first, id_cursor
from app.store import attachment
from app.store.attachment import Uses
from app.store.record import Attachment
from providers.base import ModelStatus, Provider


@dataclass(frozen=True, slots=True)
class Standing:
    """What decides whether an attachment can embed now."""

    attachment: Attachment
    region: str
    database_name: str
    credential_exists: bool
    in_scope: bool


def refusal(gateway: Gateway, standing: Standing) -> GatewayError | None:
    """Why an attachment cannot embed now, naming provider, credential, database and the mutation that mends it; None when it can.

    `uses_of` says the same to SQL.
    """
    use = standing.attachment
    provider = gateway.catalogue.get(use.provider)
    if provider is None:
        message = f"The provider {use.provider} is not available on this deployment any more; ask its operator."
        return IntegrationNotAvailableInRegion(message, provider=use.provider, region=standing.region)
    try:
        provider_rules.check_region(provider, standing.region)
    except IntegrationNotAvailableInRegion as error:
        return error
    if use.integration_id is not None and not (standing.credential_exists and standing.in_scope):
        return _credential_refusal(provider, standing)
    return _model_refusal(provider, use)


def uses_of(
    gateway: Gateway,
    provider_key: str,
    *,
    credential_name: str | None = None,
    database_id: UUID | None = None,
    available: bool | None = None,
) -> Uses:
    """What uses a provider, one credential of it, or that in one database; `available`: only what can, or cannot, embed now."""
    provider = gateway.catalogue.get(provider_key)
    models = [each.name for each in provider.models if _embeds(each.status)] if provider else []
    regions = sorted(provider.regions) if provider and provider.regions is not None else None
    return Uses(provider_key, models, regions, credential_name, database_id, available)


async def page(gateway: Gateway, actor: Actor, which: Uses, *, first: int, after: str | None) -> Page[Attachment]:
    """Attachments in order of creation, as far as the actor sees their databases."""
    check_first(first)
    async with gateway.postgres.catalogue.connection() as connection:
        found = await attachment.uses(
            connection, actor.organization_id, actor.databases, which, after=after_id(after), limit=first + 1
        )
    return Page.of(found, first, after, lambda each: id_cursor(each.id))


async def count(gateway: Gateway, actor: Actor, which: Uses) -> int:
    """How many attachments `page` would go through."""
    async with gateway.postgres.catalogue.connection() as connection:
        return await attachment.count_uses(connection, actor.organization_id, actor.databases, which)


def _embeds(status: ModelStatus) -> bool:
    return status is not ModelStatus.END_OF_LIFE


def _credential_refusal(provider: Provider, standing: Standing) -> GatewayError:
    name, database = standing.attachment.credential_name, standing.database_name
    facts: dict[str, Any] = {"provider": provider.key, "credentialName": name, "database": database}
    if not standing.credential_exists:
        return CredentialNotFound(
            f"{provider.display_name} has no credential named {name!r}: add one of that name with addCredential and put the database "
            f"{database!r} in its scope, and everything that uses it works again.",
            **facts,
        )
    return DatabaseNotInScope(
        f"The database {database!r} is not in the scope of the {provider.display_name} credential {name!r}: "
        "add it with addScopedDatabases.",
        **facts,
    )


def _model_refusal(provider: Provider, use: Attachment) -> GatewayError | None:
    model = provider.model(use.model)
    if model is None:
        message = f"This deployment's catalogue of {provider.display_name} has no model {use.model} any more; ask its operator. "
        return ModelUnknown(message + "Searches by vector go on working.", provider=use.provider, model=use.model)
    if _embeds(model.status):
        return None
    reason = f": {model.status_message}" if model.status_message else ""
    message = (
        f"The model {use.model} of {provider.display_name} has reached its end of life and embeds no more{reason}. "
    )
    return EndOfLifeModel(message + "Searches by vector go on working.", provider=use.provider, model=use.model)
