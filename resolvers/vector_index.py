"""The vector indexes of tables' columns in GraphQL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import strawberry

from app.access import Permission
from app.domain import vector_index as rules
from app.domain.new_column import NewIndex
from app.store import record
from app.store.record import Metric, VectorIndexStatus
from resolvers import column as column_types
from resolvers import job as job_types
from resolvers import table as table_types
from resolvers.context import Info
from resolvers.described import described_enum
from resolvers.mutation import Input, Payload
from resolvers.node import local_id
from resolvers.permission import mutation

if TYPE_CHECKING:
    from resolvers.column import Column
    from resolvers.job import Job
    from resolvers.table import Table

described_enum(
    Metric,
    "How the distance between two vectors is measured.",
    {
        "COSINE": "By angle: right for most text models. Zero vectors are refused.",
        "DOT_PRODUCT": "By inner product: the same order as COSINE for vectors of unit length, and cheaper.",
        "EUCLIDEAN": "By straight-line distance.",
    },
)
described_enum(
    VectorIndexStatus,
    "How far a vector index has come.",
    {
        "BUILDING": "A job builds it; the column cannot be searched yet.",
        "READY": "The column can be searched.",
        "FAILED": "It could not be built: drop it, mend what its job says, and create it anew.",
    },
)


@strawberry.type(description="What lets a vector column be searched.")
class VectorIndex:
    name: str = strawberry.field(description="Unique in the table.")
    metric: Metric = strawberry.field(description="How searches of the column compare vectors.")
    status: VectorIndexStatus = strawberry.field(description="Whether the column can be searched.")

    @classmethod
    def of(cls, index: record.VectorIndex) -> VectorIndex:
        return cls(name=index.name, metric=index.metric, status=index.status)


@strawberry.input(description="A vector index of a new column. Needs the permission CREATE_INDEX too.")
class VectorIndexInput:
    name: str | None = strawberry.field(default=None, description="Unique in the table; by default after the column.")
    metric: Metric = strawberry.field(default=Metric.COSINE, description="How searches compare vectors.")

    def asked(self) -> NewIndex:
        return NewIndex(self.name, self.metric)


@strawberry.input(description="Let a vector column be searched.")
class CreateVectorIndexInput(Input):
    table_id: strawberry.ID = strawberry.field(description="The table.")
    column: str = strawberry.field(description="The vector column's name.")
    name: str | None = strawberry.field(default=None, description="Unique in the table; by default after the column.")
    metric: Metric = strawberry.field(default=Metric.COSINE, description="How searches compare vectors.")


@strawberry.type(description="The outcome of createVectorIndex.")
class CreateVectorIndexPayload(Payload):
    table: Annotated[Table, strawberry.lazy("resolvers.table")] = strawberry.field(description="The table.")
    column: Annotated[Column, strawberry.lazy("resolvers.column")] = strawberry.field(
        description="The column with its index, BUILDING or READY."
    )
    job: Annotated[Job, strawberry.lazy("resolvers.job")] | None = strawberry.field(
        description="The job that builds it; null when it was built at once."
    )


@strawberry.input(description="Drop a vector index. The vectors stay.")
class DropVectorIndexInput(Input):
    table_id: strawberry.ID = strawberry.field(description="The table.")
    name: str = strawberry.field(description="The index's name.")


@strawberry.type(description="The outcome of dropVectorIndex.")
class DropVectorIndexPayload(Payload):
    table: Annotated[Table, strawberry.lazy("resolvers.table")] = strawberry.field(description="The table without it.")


@strawberry.type
class VectorIndexMutation:
    @mutation(
        Permission.CREATE_INDEX,
        "Let a vector column be searched. Where it holds vectors already, a job builds the index.",
    )
    async def create_vector_index(self, info: Info, input: CreateVectorIndexInput) -> CreateVectorIndexPayload | None:
        identifier = local_id("Table", input.table_id)
        wanted = NewIndex(input.name, input.metric)
        made = await rules.create(info.context.gateway, info.context.actor, identifier, input.column, wanted)
        return CreateVectorIndexPayload(
            table=table_types.Table.of(made.table),
            column=column_types.Column.of(made.table, made.column),
            job=job_types.Job.of(made.job) if made.job else None,
            client_mutation_id=input.client_mutation_id,
        )

    @mutation(Permission.CREATE_INDEX, "Drop a vector index. The vectors stay, and cannot be searched.")
    async def drop_vector_index(self, info: Info, input: DropVectorIndexInput) -> DropVectorIndexPayload | None:
        identifier = local_id("Table", input.table_id)
        changed = await rules.drop(info.context.gateway, info.context.actor, identifier, input.name)
        return DropVectorIndexPayload(table=table_types.Table.of(changed), client_mutation_id=input.client_mutation_id)
