"""Attaching integrations to vector columns, and taking them off, in GraphQL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import strawberry

from app.access import Permission
from app.domain import column_attachment as rules
from resolvers import table as table_types
from resolvers.column import Column
from resolvers.context import Info
from resolvers.embedding import EmbeddingInput
from resolvers.mutation import Input, Payload
from resolvers.node import local_id, split
from resolvers.permission import mutation

if TYPE_CHECKING:
    from resolvers.table import Table


async def configurable(info: Info, table_id: str) -> UUID:
    """The table whose columns' configuration a mutation changes. Raises NotFound, or that a collection's is permanent."""
    if (split(table_id) or ("", ""))[0] == "Collection":
        await rules.refuse_collection(info.context.gateway, info.context.actor, local_id("Collection", table_id))
    return local_id("Table", table_id)


@strawberry.input(description="Attach an integration to a vector column.")
class AttachIntegrationInput(Input):
    table_id: strawberry.ID = strawberry.field(description="The table.")
    column: str = strawberry.field(description="The vector column's name.")
    embedding: EmbeddingInput = strawberry.field(
        description="How strings become vectors from now on. The dimension is the column's: it can be left out."
    )
    source_column: str | None = strawberry.field(
        default=None,
        description="A TEXT column to keep the vectors in step with. Left out, one that the column has stays.",
    )
    replace: bool = strawberry.field(
        default=False, description="Take the place of what is attached; the vectors that are stored stay as they are."
    )


@strawberry.type(description="The outcome of attachIntegration.")
class AttachIntegrationPayload(Payload):
    table: Annotated[Table, strawberry.lazy("resolvers.table")] = strawberry.field(description="The table.")
    column: Column = strawberry.field(description="The column.")
    warnings: list[str] = strawberry.field(
        description="What to know when another model takes the place of one: its vectors stay, and compare with no new ones."
    )


@strawberry.input(description="Take the integration off a vector column.")
class DetachIntegrationInput(Input):
    table_id: strawberry.ID = strawberry.field(description="The table.")
    column: str = strawberry.field(description="The vector column's name.")


@strawberry.type(description="The outcome of detachIntegration.")
class DetachIntegrationPayload(Payload):
    table: Annotated[Table, strawberry.lazy("resolvers.table")] = strawberry.field(description="The table.")
    column: Column = strawberry.field(description="The column, its vectors and index as they were.")


@strawberry.type
class ColumnAttachmentMutation:
    @mutation(
        Permission.ALTER_TABLE,
        "Attach an integration to a vector column, of a new table or an old one. It is checked now.",
    )
    async def attach_integration(self, info: Info, input: AttachIntegrationInput) -> AttachIntegrationPayload | None:
        attached = await rules.attach(
            info.context.gateway,
            info.context.actor,
            await configurable(info, input.table_id),
            input.column,
            input.embedding.asked(),
            input.source_column,
            replace=input.replace,
        )
        return AttachIntegrationPayload(
            table=table_types.Table.of(attached.table),
            column=Column.of(attached.table, attached.column),
            warnings=attached.warnings,
            client_mutation_id=input.client_mutation_id,
        )

    @mutation(
        Permission.ALTER_TABLE,
        "Take the integration off a vector column, and the sourceColumn with it. Vectors and index stay.",
    )
    async def detach_integration(self, info: Info, input: DetachIntegrationInput) -> DetachIntegrationPayload | None:
        identifier = await configurable(info, input.table_id)
        detached = await rules.detach(info.context.gateway, info.context.actor, identifier, input.column)
        return DetachIntegrationPayload(
            table=table_types.Table.of(detached.table),
            column=Column.of(detached.table, detached.column),
            client_mutation_id=input.client_mutation_id,
        )
