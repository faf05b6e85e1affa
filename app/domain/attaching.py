"""Attaching an integration: what a caller asks for is checked now, and stored as it was resolved (rules 16, 19 and 27)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from app.access import Actor
from app.domain import provider as provider_rules
from app.domain.attachment import Standing, refusal
from app.domain.credential_name import is_name
from app.errors import BadInput, CredentialNotFound, IntegrationNotEnabled
from app.gateway import Gateway
from app.postgres import Connection
from app.store import attachment, credential, integration, scoped_database
from app.store.record import Attachment, Database, new_id
from providers.base import Kind, Provider


@dataclass(frozen=True, slots=True)
class Embedding:
    """The embedding configuration that a caller asks for."""

    provider: str
    credential: str | None
    model: str
    dimension: int | None
    parameters: Mapping[str, object] | None


async def attachable(
    gateway: Gateway, actor: Actor, home: Database, embedding: Embedding, column_id: UUID | None = None
) -> Attachment:
    """An attachment that would work now, not stored yet and without a target; `column_id`: of a table's vector column.

    Raises the coded error of what is missing.
    """
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
        column_id=column_id,
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


async def attach(connection: Connection, wanted: Attachment, target_id: UUID) -> None:
    if not await attachment.insert(connection, wanted, target_id):
        raise IntegrationNotEnabled(
            f"{wanted.provider} was deactivated meanwhile: enable it again.", provider=wanted.provider
        )
