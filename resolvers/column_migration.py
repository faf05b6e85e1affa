"""Moving a vector column to another embedding configuration, in GraphQL."""

from __future__ import annotations

import strawberry

from app.access import Permission
from app.domain import column_migration as rules
from resolvers.column_attachment import configurable
from resolvers.context import Info
from resolvers.embedding import EmbeddingInput
from resolvers.job import Job
from resolvers.mutation import Input, Payload
from resolvers.permission import mutation
from resolvers.table import Table


@strawberry.input(
    description="A new vector column embedded from a text column, indexed, then swapped in under the old name; "
    "the old one stays as <name>_previous until dropColumns."
)
class MigrateVectorColumnInput(Input):
    table_id: strawberry.ID = strawberry.field(description="The table.")
    column: str = strawberry.field(description="The vector column's name.")
    embedding: EmbeddingInput = strawberry.field(
        description="How its texts become vectors from now on; another dimension than the old column's is fine."
    )
    source_column: str | None = strawberry.field(
        default=None,
        description="The TEXT column to embed and to follow from then on; left out, the one that the old column follows.",
    )


@strawberry.type(description="The outcome of migrateVectorColumn: the job has begun.")
class MigrateVectorColumnPayload(Payload):
    job: Job = strawberry.field(description="Follow it with jobProgress.")
    table: Table = strawberry.field(description="The table, which is as it was until the job swaps the new column in.")


@strawberry.type
class ColumnMigrationMutation:
    @mutation(
        Permission.ALTER_TABLE,
        "Move a vector column to another embedding configuration: every row's source text is embedded in the background while the "
        "table is searched and written to, and the new column is swapped in at once. A job that fails, or is cancelled before the "
        "swap, leaves the column as it was.",
    )
    async def migrate_vector_column(
        self, info: Info, input: MigrateVectorColumnInput
    ) -> MigrateVectorColumnPayload | None:
        table_id = await configurable(info, input.table_id)
        asked = input.embedding.asked()
        begun, found = await rules.begin(
            info.context.gateway, info.context.actor, table_id, input.column, asked, input.source_column
        )
        return MigrateVectorColumnPayload(
            job=Job.of(begun), table=Table.of(found), client_mutation_id=input.client_mutation_id
        )
