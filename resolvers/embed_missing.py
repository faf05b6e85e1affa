"""Embedding texts that have no vector, in GraphQL."""

from __future__ import annotations

import strawberry

from app.access import Permission
from app.domain import embed_missing as rules
from resolvers.context import Info
from resolvers.job import Job
from resolvers.mutation import Input, Payload
from resolvers.node import local_id, split
from resolvers.permission import mutation


@strawberry.input(
    description="Embed the texts of a collection, or of a vector column's sourceColumn, that have no vector."
)
class EmbedMissingInput(Input):
    target_id: strawberry.ID = strawberry.field(description="A collection or a table.")
    column: str | None = strawberry.field(
        default=None,
        description="The vector column of a table; left out, the only one that has a sourceColumn. Not for collections.",
    )


@strawberry.type(description="The outcome of embedMissing: the job has begun.")
class EmbedMissingPayload(Payload):
    job: Job = strawberry.field(
        description="Follow it with jobProgress; texts that the provider refuses are its failed ones."
    )


@strawberry.type
class EmbedMissingMutation:
    @mutation(
        Permission.WRITE_DATA,
        "Embed in the background what has a text and no vector: rows that were there before their column was attached, texts that a "
        "provider refused. Vectors that are there stay.",
    )
    async def embed_missing(self, info: Info, input: EmbedMissingInput) -> EmbedMissingPayload | None:
        gateway, actor = info.context.gateway, info.context.actor
        if (split(input.target_id) or ("", ""))[0] == "Table":
            begun = await rules.begin_in_table(gateway, actor, local_id("Table", input.target_id), input.column)
        else:
            identifier = local_id("Collection", input.target_id)
            begun = await rules.begin_in_collection(gateway, actor, identifier, input.column)
        return EmbedMissingPayload(job=Job.of(begun), client_mutation_id=input.client_mutation_id)
