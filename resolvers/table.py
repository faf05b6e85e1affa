"""Tables in GraphQL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import strawberry

from app.access import Permission
from app.domain import row as row_rules
from app.domain import table as rules
from app.errors import NotFound
from app.store import record, row_key
from resolvers import database as database_types
from resolvers import row as row_types
from resolvers import search as search_types
from resolvers.argument import After, Filter, First, MinSimilarity, QueryText, QueryVector
from resolvers.column import Column, ColumnInput
from resolvers.connection import Connection, connection
from resolvers.context import Info
from resolvers.mutation import Input, Payload
from resolvers.node import global_id, local_id
from resolvers.operation.plan.light import light
from resolvers.permission import mutation, needing
from resolvers.scalar import JSON
from resolvers.vector import VectorRecord, VectorTarget

if TYPE_CHECKING:
    from resolvers.database import Database
    from resolvers.row import Row
    from resolvers.search import VectorSearchConnection


@strawberry.type(
    description="Rows with typed columns and a primary key. Each vector column has an embedding configuration of its own, or none."
)
class Table(VectorTarget):
    stored: strawberry.Private[record.Table]
    primary_key: list[str] = strawberry.field(description="The names of the primary key's columns, in the key's order.")

    @classmethod
    def of(cls, table: record.Table) -> Table:
        return cls(
            id=global_id("Table", table.id),
            stored=table,
            name=table.name,
            created_at=table.created_at,
            primary_key=[each.name for each in table.key],
        )

    def record_id(self, stored_key: str) -> strawberry.ID:
        return row_types.row_id(self.stored.id, stored_key)

    def record_key(self, stored_key: str) -> object:
        return row_key.answered(self.stored, stored_key)

    async def read_record(self, info: Info, stored_key: str) -> VectorRecord | None:
        found = await info.context.loaders.rows(self.stored, row_types.wanted(info)).load(stored_key)
        return row_types.Row.of(self, found) if found else None

    @strawberry.field(description="The database that it is in.")
    @light
    async def database(self, info: Info) -> Annotated[Database, strawberry.lazy("resolvers.database")]:
        found = await info.context.loaders.database_by_id.load(self.stored.database_id)
        if found is None:
            raise NotFound("The database was dropped meanwhile.")
        return database_types.Database.of(found)

    @strawberry.field(description="Its columns, in the order of their making.")
    def columns(self) -> list[Column]:
        return [Column.of(self.stored, each) for each in self.stored.shown]

    @strawberry.field(description="A column by name; null: there is none.")
    def column(self, name: Annotated[str, strawberry.argument(description="The column's name.")]) -> Column | None:
        found = self.stored.column(name)
        return Column.of(self.stored, found) if found else None

    @strawberry.field(**needing(Permission.READ_DATA, "How many rows it holds, counted now."))
    async def row_count(self, info: Info) -> int | None:
        return await row_rules.count(info.context.gateway, info.context.actor, self.stored, None)

    @strawberry.field(**needing(Permission.READ_DATA, "Rows in order of creation, then key."))
    async def rows(
        self, info: Info, first: First = 50, after: After = None, filter: Filter = None
    ) -> Connection[Annotated[Row, strawberry.lazy("resolvers.row")]] | None:
        gateway, actor, home = info.context.gateway, info.context.actor, self.stored
        columns = row_types.wanted(info)
        page = await row_rules.page(gateway, actor, home, wanted=columns, given=filter, first=first, after=after)
        return connection(
            Connection[row_types.Row],
            page,
            lambda each: row_types.Row.of(self, each),
            lambda: row_rules.count(gateway, actor, home, filter),
        )

    @strawberry.field(**needing(Permission.READ_DATA, "A row by its key; null: there is none."))
    async def row(
        self,
        info: Info,
        key: Annotated[JSON, strawberry.argument(description="The row's key, in the form that Row.key has.")],
    ) -> Annotated[Row, strawberry.lazy("resolvers.row")] | None:
        columns = row_types.wanted(info)
        found = await row_rules.by_key(info.context.gateway, info.context.actor, self.stored, columns, key)
        return row_types.Row.of(self, found) if found else None

    @strawberry.field(
        **needing(
            Permission.READ_DATA,
            "The rows nearest to a text or a vector by one vector column, which needs an index. Give exactly one of query and vector.",
        )
    )
    async def vector_search(
        self,
        info: Info,
        column: Annotated[str, strawberry.argument(description="The vector column's name.")],
        query: QueryText = None,
        vector: QueryVector = None,
        first: First = 10,
        after: After = None,
        filter: Filter = None,
        min_similarity: MinSimilarity = None,
    ) -> Annotated[VectorSearchConnection, strawberry.lazy("resolvers.search")] | None:
        return await search_types.search(info, self.id, column, query, vector, first, after, filter, min_similarity)


@strawberry.input(description="Create a table.")
class CreateTableInput(Input):
    database_id: strawberry.ID = strawberry.field(description="The database.")
    name: str = strawberry.field(description="1 to 48 letters, digits and underscores, beginning with a letter.")
    columns: list[ColumnInput] = strawberry.field(description="Its columns, 1 to 200.")
    primary_key: list[str] = strawberry.field(
        description="The names of 1 to 16 columns whose values together tell rows apart; neither JSON nor VECTOR."
    )


@strawberry.type(description="The outcome of createTable.")
class CreateTablePayload(Payload):
    table: Table = strawberry.field(description="The table.")


@strawberry.input(description="Drop a table with its rows.")
class DropTableInput(Input):
    table_id: strawberry.ID = strawberry.field(description="The table.")
    confirm_name: str = strawberry.field(description="The table's name, typed again.")


@strawberry.type(description="The outcome of dropTable.")
class DropTablePayload(Payload):
    dropped_table_id: strawberry.ID = strawberry.field(description="The id that is no more.")
    database: Annotated[Database, strawberry.lazy("resolvers.database")] = strawberry.field(
        description="The database that it was in."
    )


@strawberry.type
class TableMutation:
    @mutation(Permission.CREATE_TABLE, "Create a table. What its columns are attached to is checked now.")
    async def create_table(self, info: Info, input: CreateTableInput) -> CreateTablePayload | None:
        created = await rules.create(
            info.context.gateway,
            info.context.actor,
            local_id("Database", input.database_id),
            name=input.name,
            columns=[each.asked() for each in input.columns],
            key=input.primary_key,
        )
        return CreateTablePayload(table=Table.of(created), client_mutation_id=input.client_mutation_id)

    @mutation(Permission.DROP_TABLE, "Drop a table with its rows.")
    async def drop_table(self, info: Info, input: DropTableInput) -> DropTablePayload | None:
        identifier = local_id("Table", input.table_id)
        database = await rules.drop(info.context.gateway, info.context.actor, identifier, input.confirm_name)
        return DropTablePayload(
            dropped_table_id=input.table_id,
            database=database_types.Database.of(database),
            client_mutation_id=input.client_mutation_id,
        )
