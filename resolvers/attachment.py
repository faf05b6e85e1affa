"""Integrations in use: what is attached, to what, and whether it can embed now."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import strawberry

from app.domain import attachment as rules
from app.domain.attachment import Standing
from app.errors import NotFound
from app.store import record
from resolvers import collection as collection_types
from resolvers import credential as credential_types
from resolvers import integration as integration_types
from resolvers import table as table_types
from resolvers.connection import Connection, connection
from resolvers.context import Info
from resolvers.error_code import ErrorCode
from resolvers.node import Node, global_id
from resolvers.operation.plan.light import light
from resolvers.provider import EmbeddingProvider, stored_provider
from resolvers.scalar import JSONObject
from resolvers.vector import VectorTarget

if TYPE_CHECKING:
    from resolvers.credential import Credential
    from resolvers.integration import Integration


@strawberry.type(description="Whether text can be embedded right now, and if not, why.")
class VectorizeStatus:
    available: bool = strawberry.field(description="Whether inserting or searching with text would reach the provider.")
    reason: ErrorCode | None = strawberry.field(
        description="The code that inserting text would be refused with; null when available."
    )
    message: str | None = strawberry.field(
        description="What is missing and which mutation mends it; null when available."
    )


@strawberry.type(
    description="How text becomes vectors: provider, credential, model, dimension and parameters, as they were resolved."
)
class EmbeddingConfiguration:
    attachment: strawberry.Private[record.Attachment]
    credential_name: str | None = strawberry.field(
        description="The credential that it uses, by name: one that is removed and added again is found again. Null for hosted providers."
    )
    model: str = strawberry.field(description="The model's name.")
    dimension: int = strawberry.field(description="The length of its vectors.")
    parameters: JSONObject = strawberry.field(description="The provider's and model's parameters, defaults included.")

    @classmethod
    def of(cls, attachment: record.Attachment) -> EmbeddingConfiguration:
        return cls(
            attachment=attachment,
            credential_name=attachment.credential_name,
            model=attachment.model,
            dimension=attachment.dimension,
            parameters=attachment.parameters,
        )

    @strawberry.field(description="The embedding provider.")
    def provider(self, info: Info) -> EmbeddingProvider:
        return stored_provider(info, self.attachment.provider)

    @strawberry.field(description="The integration that it uses.")
    @light
    async def integration(self, info: Info) -> Annotated[Integration, strawberry.lazy("resolvers.integration")] | None:
        if self.attachment.integration_id is None:
            return integration_types.Integration.hosted(info, self.attachment.provider)
        found = await info.context.loaders.integration_by_id.load(self.attachment.integration_id)
        return integration_types.Integration.of(found) if found else None

    @strawberry.field(
        description="The credential of that name; null for hosted providers, and when none of that name exists now."
    )
    @light
    async def credential(self, info: Info) -> Annotated[Credential, strawberry.lazy("resolvers.credential")] | None:
        attachment = self.attachment
        if attachment.integration_id is None or attachment.credential_name is None:
            return None
        found = await info.context.loaders.credential_by_name.load(
            (attachment.integration_id, attachment.credential_name)
        )
        return credential_types.Credential.of(found) if found else None

    @strawberry.field(description="Whether text can be embedded right now, and if not, why.")
    @light
    async def status(self, info: Info) -> VectorizeStatus:
        loaders = info.context.loaders
        exists, in_scope = await loaders.state_by_attachment.load(self.attachment.id)
        database = await loaders.database_by_id.load(self.attachment.database_id)
        if database is None:
            raise NotFound("There is no database with this id any more.")
        standing = Standing(self.attachment, database.region, database.name, exists, in_scope)
        refusal = rules.refusal(info.context.gateway, standing)
        if refusal is None:
            return VectorizeStatus(available=True, reason=None, message=None)
        return VectorizeStatus(available=False, reason=ErrorCode(refusal.code), message=refusal.message)


@strawberry.type(description="One use of an integration: by a collection, or by one vector column of a table.")
class Attachment(Node):
    attachment: strawberry.Private[record.Attachment]
    column: str | None = strawberry.field(description="The vector column; null for a collection.")
    embedding: EmbeddingConfiguration = strawberry.field(description="The configuration in use.")

    @classmethod
    def of(cls, attachment: record.Attachment) -> Attachment:
        return cls(
            id=global_id("Attachment", attachment.id),
            attachment=attachment,
            column=attachment.column_name,
            embedding=EmbeddingConfiguration.of(attachment),
        )

    @strawberry.field(description="The collection or table that uses the integration.")
    @light
    async def target(self, info: Info) -> VectorTarget:
        loaders, identifier = info.context.loaders, self.attachment.target_id
        if self.attachment.column_id is None and (collection := await loaders.collection_by_id.load(identifier)):
            return collection_types.Collection.of(collection)
        if self.attachment.column_id is not None and (table := await loaders.table_by_id.load(identifier)):
            return table_types.Table.of(table)
        raise NotFound("What was attached here has been dropped meanwhile.")


async def uses(
    info: Info, provider: str, credential_name: str | None, *, first: int, after: str | None, available: bool | None
) -> Connection[Attachment]:
    """A page of what uses a provider, or one credential of it."""
    gateway, actor = info.context.gateway, info.context.actor
    which = rules.uses_of(gateway, provider, credential_name=credential_name, available=available)
    page = await rules.page(gateway, actor, which, first=first, after=after)
    return connection(Connection[Attachment], page, Attachment.of, lambda: rules.count(gateway, actor, which))
