"""Columns of tables in GraphQL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import strawberry

from app.access import Permission
from app.domain import column as rules
from app.domain.new_column import NewColumn
from app.store import record
from app.store.record import ColumnType
from resolvers import attachment as attachment_types
from resolvers import table as table_types
from resolvers.context import Info
from resolvers.described import described_enum
from resolvers.embedding import EmbeddingInput
from resolvers.mutation import Input, Payload
from resolvers.node import Node, global_id, local_id
from resolvers.operation.plan.light import light
from resolvers.permission import mutation
from resolvers.vector_index import VectorIndex, VectorIndexInput

if TYPE_CHECKING:
    from resolvers.attachment import EmbeddingConfiguration
    from resolvers.table import Table

described_enum(
    ColumnType,
    "What a column holds.",
    {
        "TEXT": "Text.",
        "INT": "A whole number of 32 bits.",
        "BIGINT": "A whole number of 64 bits; beyond 2^53 it is answered as a string.",
        "DOUBLE": "A 64-bit floating-point number; neither NaN nor infinite.",
        "BOOLEAN": "true or false.",
        "TIMESTAMP": "A moment, as RFC 3339 has it, answered in UTC.",
        "UUID": "A UUID, answered in lower case.",
        "JSON": "Any JSON value.",
        "VECTOR": "A vector of the column's dimension.",
    },
)


@strawberry.type(description="A column of a table.")
class Column(Node):
    stored: strawberry.Private[record.Column]
    home: strawberry.Private[record.Table]
    name: str = strawberry.field(description="Unique in the table.")
    type: ColumnType = strawberry.field(description="What it holds.")
    nullable: bool = strawberry.field(description="Whether a row can be without a value in it.")
    dimension: int | None = strawberry.field(description="The length of its vectors; null for all but vector columns.")
    index: VectorIndex | None = strawberry.field(
        description="What lets it be searched by vector; null: it cannot be searched."
    )

    @classmethod
    def of(cls, home: record.Table, column: record.Column) -> Column:
        return cls(
            id=global_id("Column", column.id),
            stored=column,
            home=home,
            name=column.name,
            type=column.type,
            nullable=column.nullable,
            dimension=column.dimension,
            index=VectorIndex.of(column.index) if column.index else None,
        )

    @strawberry.field(description="The table that it is in.")
    def table(self) -> Annotated[Table, strawberry.lazy("resolvers.table")]:
        return table_types.Table.of(self.home)

    @strawberry.field(description="How text becomes vectors here; null: vectors are the caller's own.")
    @light
    async def embedding(
        self, info: Info
    ) -> Annotated[EmbeddingConfiguration, strawberry.lazy("resolvers.attachment")] | None:
        if self.stored.dimension is None:
            return None
        found = await info.context.loaders.attachment_by_column.load(self.stored.id)
        return attachment_types.EmbeddingConfiguration.of(found) if found else None

    @strawberry.field(description="The text column that this vector column is kept in step with; null: none.")
    def source_column(self) -> str | None:
        return next((each.name for each in self.home.columns if each.id == self.stored.source_column_id), None)


@strawberry.input(description="A column to be made. All but name, type and nullable: of VECTOR columns only.")
class ColumnInput:
    name: str = strawberry.field(description="1 to 48 letters, digits and underscores, beginning with a letter.")
    type: ColumnType = strawberry.field(description="What it holds.")
    nullable: bool = strawberry.field(
        default=True, description="Whether a row can be without a value in it; those of the primary key never are."
    )
    dimension: int | None = strawberry.field(
        default=None, description="The length of its vectors. Can be left out with an embedding: then the model's."
    )
    embedding: EmbeddingInput | None = strawberry.field(
        default=None, description="Embed strings that are written to it through an integration."
    )
    source_column: str | None = strawberry.field(
        default=None,
        description="A TEXT column: its text is embedded, and embedded anew when, and only when, it changes.",
    )
    index: VectorIndexInput | None = strawberry.field(default=None, description="Let it be searched by vector.")

    def asked(self) -> NewColumn:
        return NewColumn(
            name=self.name,
            type=self.type,
            nullable=self.nullable,
            dimension=self.dimension,
            embedding=self.embedding.asked() if self.embedding else None,
            source_column=self.source_column,
            index=self.index.asked() if self.index else None,
        )


@strawberry.input(description="Add columns to a table.")
class AddColumnsInput(Input):
    table_id: strawberry.ID = strawberry.field(description="The table.")
    columns: list[ColumnInput] = strawberry.field(
        description="The columns. Those of a table with rows must be nullable. embedMissing fills those with a sourceColumn."
    )


@strawberry.type(description="The outcome of addColumns.")
class AddColumnsPayload(Payload):
    table: Annotated[Table, strawberry.lazy("resolvers.table")] = strawberry.field(description="The table with them.")


@strawberry.input(description="Drop columns of a table with all that is in them.")
class DropColumnsInput(Input):
    table_id: strawberry.ID = strawberry.field(description="The table.")
    columns: list[str] = strawberry.field(
        description="Their names; neither columns of the primary key, nor such as have a vector index."
    )


@strawberry.type(description="The outcome of dropColumns.")
class DropColumnsPayload(Payload):
    table: Annotated[Table, strawberry.lazy("resolvers.table")] = strawberry.field(
        description="The table without them."
    )


@strawberry.type
class ColumnMutation:
    @mutation(Permission.ALTER_TABLE, "Add columns to a table, all of them or none.")
    async def add_columns(self, info: Info, input: AddColumnsInput) -> AddColumnsPayload | None:
        asked = [each.asked() for each in input.columns]
        changed = await rules.add(info.context.gateway, info.context.actor, local_id("Table", input.table_id), asked)
        return AddColumnsPayload(table=table_types.Table.of(changed), client_mutation_id=input.client_mutation_id)

    @mutation(Permission.ALTER_TABLE, "Drop columns of a table with all that is in them, all of them or none.")
    async def drop_columns(self, info: Info, input: DropColumnsInput) -> DropColumnsPayload | None:
        identifier = local_id("Table", input.table_id)
        changed = await rules.drop(info.context.gateway, info.context.actor, identifier, input.columns)
        return DropColumnsPayload(table=table_types.Table.of(changed), client_mutation_id=input.client_mutation_id)
