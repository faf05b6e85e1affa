"""Integrations in GraphQL."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import strawberry

from app.access import Permission
from app.domain import integration as rules
from app.shape import Shape
from app.store import credential as stored_credential
from app.store import record
from providers.base import Kind
from resolvers import attachment as attachment_types
from resolvers import credential as credential_types
from resolvers import organization as organization_types
from resolvers.argument import After, Available, First
from resolvers.connection import Connection
from resolvers.context import Info
from resolvers.mutation import Input, Payload
from resolvers.node import Node, as_uuid, global_id, local_id, split
from resolvers.operation.plan.light import light
from resolvers.operation.plan.written import written
from resolvers.permission import mutation
from resolvers.provider import EmbeddingProvider, stored_provider

if TYPE_CHECKING:
    from resolvers.attachment import Attachment
    from resolvers.credential import Credential
    from resolvers.organization import Organization


@strawberry.type(
    description="An embedding provider that the organization can use: enabled by it, or hosted by the operator."
)
class Integration(Node):
    key: strawberry.Private[str]
    identifier: strawberry.Private[UUID | None]
    created_at: dt.datetime | None = strawberry.field(description="When it was enabled; null for hosted providers.")

    @classmethod
    def of(cls, integration: record.Integration) -> Integration:
        identifier = integration.id
        return cls(
            id=global_id("Integration", identifier),
            key=integration.provider,
            identifier=identifier,
            created_at=integration.created_at,
        )

    @classmethod
    def hosted(cls, info: Info, key: str) -> Integration:
        """The hosted provider's integration, which every organization has."""
        identifier = rules.hosted_id(info.context.actor.organization_id, key)
        return cls(id=global_id("Integration", identifier), key=key, identifier=None, created_at=None)

    @strawberry.field(description="The organization that it belongs to.")
    def organization(self, info: Info) -> Annotated[Organization, strawberry.lazy("resolvers.organization")]:
        return organization_types.Organization.of(info.context.organization)

    @strawberry.field(description="The embedding provider.")
    def provider(self, info: Info) -> EmbeddingProvider:
        return stored_provider(info, self.key)

    @strawberry.field(description="Whose account the provider is used with.")
    def kind(self) -> Kind:
        return Kind.HOSTED if self.identifier is None else Kind.EXTERNAL

    @light
    async def _written_credentials(self, info: Info, shape: Shape) -> str:
        if self.identifier is None:
            return "[]"
        return await info.context.loaders.written_credentials(shape).load(self.identifier)

    @strawberry.field(description="Its credentials, oldest first; empty for hosted providers.")
    @written(stored_credential.WRITER.knows, _written_credentials)
    @light
    async def credentials(self, info: Info) -> list[Annotated[Credential, strawberry.lazy("resolvers.credential")]]:
        if self.identifier is None:
            return []
        return [
            credential_types.Credential.of(each)
            for each in await info.context.loaders.credentials_by_integration.load(self.identifier)
        ]

    @strawberry.field(description="A credential by name; null: there is none.")
    @light
    async def credential(
        self, info: Info, name: Annotated[str, strawberry.argument(description="The credential's name.")]
    ) -> Annotated[Credential, strawberry.lazy("resolvers.credential")] | None:
        if self.identifier is None:
            return None
        found = await info.context.loaders.credential_by_name.load((self.identifier, name))
        return credential_types.Credential.of(found) if found else None

    @strawberry.field(description="What uses it, in order of creation.")
    async def attachments(
        self, info: Info, first: First = 50, after: After = None, available: Available = None
    ) -> Connection[Annotated[Attachment, strawberry.lazy("resolvers.attachment")]]:
        return await attachment_types.uses(info, self.key, None, first=first, after=after, available=available)


async def integrations(info: Info, provider: str | None = None) -> list[Integration]:
    """The hosted ones of this deployment, then the enabled ones."""
    context = info.context
    hosted = [Integration.hosted(info, each.key) for each in context.gateway.catalogue if each.kind is Kind.HOSTED]
    enabled = [
        Integration.of(each)
        for each in await context.loaders.integrations_by_organization.load(context.actor.organization_id)
    ]
    return [each for each in hosted + enabled if provider is None or each.key == provider]


async def by_key(info: Info, key: str) -> Integration | None:
    """For node(id): an enabled integration, or a hosted one of the caller's own organization."""
    identifier = as_uuid(key)
    if identifier is None:
        return _hosted(info, key)
    found = await info.context.loaders.integration_by_id.load(identifier)
    return Integration.of(found) if found else None


def _hosted(info: Info, key: str) -> Integration | None:
    """A hosted integration of the caller's own organization."""
    provider = info.context.gateway.catalogue.get(key.rpartition("/")[2])
    if provider is None or provider.kind is not Kind.HOSTED:
        return None
    own = rules.hosted_id(info.context.actor.organization_id, provider.key)
    return Integration.hosted(info, provider.key) if key == own else None


@strawberry.input(description="Enable an external embedding provider for the organization.")
class EnableIntegrationInput(Input):
    provider: str = strawberry.field(description="The provider's key, such as openai.")


@strawberry.type(description="The outcome of enableIntegration.")
class EnableIntegrationPayload(Payload):
    integration: Integration = strawberry.field(description="The integration, new or enabled before.")


@strawberry.input(description="Remove an integration that nothing uses any more.")
class DeactivateIntegrationInput(Input):
    integration_id: strawberry.ID = strawberry.field(description="The integration.")
    confirm_name: str = strawberry.field(description="The provider's display name, typed again.")


@strawberry.type(description="The outcome of deactivateIntegration.")
class DeactivateIntegrationPayload(Payload):
    deactivated_integration_id: strawberry.ID = strawberry.field(description="The id that is no more.")
    provider: EmbeddingProvider = strawberry.field(description="The provider, which can be enabled again.")
    organization: Annotated[Organization, strawberry.lazy("resolvers.organization")] = strawberry.field(
        description="The organization."
    )


@strawberry.type
class IntegrationMutation:
    @mutation(
        Permission.WRITE_INTEGRATIONS,
        "Enable an external embedding provider. Nothing existing is attached to it by itself.",
    )
    async def enable_integration(self, info: Info, input: EnableIntegrationInput) -> EnableIntegrationPayload | None:
        enabled = await rules.enable(info.context.gateway, info.context.actor, input.provider)
        shown = Integration.of(enabled) if enabled else Integration.hosted(info, input.provider)
        return EnableIntegrationPayload(integration=shown, client_mutation_id=input.client_mutation_id)

    @mutation(
        Permission.WRITE_INTEGRATIONS,
        "Remove an integration. Refused while it has credentials or anything is attached to it.",
    )
    async def deactivate_integration(
        self, info: Info, input: DeactivateIntegrationInput
    ) -> DeactivateIntegrationPayload | None:
        kind, key = split(input.integration_id) or ("", "")
        if kind == "Integration" and _hosted(info, key):
            rules.refuse_hosted(info.context.actor)
        identifier = local_id("Integration", input.integration_id)
        gone = await rules.deactivate(info.context.gateway, info.context.actor, identifier, input.confirm_name)
        return DeactivateIntegrationPayload(
            deactivated_integration_id=input.integration_id,
            provider=stored_provider(info, gone.provider),
            organization=organization_types.Organization.of(info.context.organization),
            client_mutation_id=input.client_mutation_id,
        )
