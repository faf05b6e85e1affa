"""Rows in GraphQL: reading them, and the mutations that write them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import strawberry

from app.access import Permission
from app.domain import row as rules
from app.domain import row_insertion, row_update
from app.domain.insertion import ItemStatus, OnConflict
from app.errors import ColumnNotVector, ColumnUnknown
from app.store import record, row_key
from app.store.row import Wanted
from resolvers import table as table_types
from resolvers.context import Info
from resolvers.document import TokenUsage
from resolvers.insertion import ItemResult
from resolvers.mutation import Input, Payload
from resolvers.node import as_uuid, global_id, local_id, split
from resolvers.permission import mutation
from resolvers.scalar import JSON, JSONObject, floats
from resolvers.selection import names_below, strings_below
from resolvers.vector import VectorRecord

if TYPE_CHECKING:
    from resolvers.table import Table


@strawberry.type(
    description="A row. key: the value of a one-column primary key, an object by column name for a composite one. "
    "fields: every column except vector columns."
)
class Row(VectorRecord):
    stored: strawberry.Private[record.TableRow]
    home: strawberry.Private[Annotated[Table, strawberry.lazy("resolvers.table")]]
    key: JSON = strawberry.field(
        description="The value of a one-column primary key, an object by column name for a composite one."
    )

    @classmethod
    def of(cls, home: Annotated[Table, strawberry.lazy("resolvers.table")], row: record.TableRow) -> Row:
        return cls(
            id=row_id(home.stored.id, row.key),
            stored=row,
            home=home,
            key=row_key.answered(home.stored, row.key),
            fields=row.fields,
        )

    @strawberry.field(
        description="The vector in one of its vector columns, components as the shortest decimals of 32-bit floats; null: it has none."
    )
    def vector(
        self, column: Annotated[str, strawberry.argument(description="The vector column's name.")]
    ) -> list[float] | None:
        if column not in self.stored.vectors:
            raise _not_readable(self.home.stored, column)
        found = self.stored.vectors[column]
        return floats(found) if found is not None else None

    @strawberry.field(description="The table that it is in.")
    def table(self) -> Annotated[Table, strawberry.lazy("resolvers.table")]:
        return self.home


def row_id(table_id: UUID, stored_key: str) -> strawberry.ID:
    """A row's global id."""
    return global_id("Row", f"{table_id}/{stored_key}")


def wanted(info: Info) -> Wanted:
    """The columns that a query asks for below this field."""
    return Wanted(fields="fields" in names_below(info), vectors=strings_below(info, "vector", "column"))


async def by_key(info: Info, key: str) -> Row | None:
    """For node(id)."""
    table_id, _, stored_key = key.partition("/")
    identifier = as_uuid(table_id)
    home = await info.context.loaders.table_by_id.load(identifier) if identifier is not None else None
    if home is None or not row_key.is_encoded(home, stored_key):
        return None
    found = await info.context.loaders.rows(home, wanted(info)).load(stored_key)
    return Row.of(table_types.Table.of(home), found) if found else None


@strawberry.input(
    description="JSON objects by column name; a string in a vector column is embedded, a list of numbers is stored."
)
class InsertRowsInput(Input):
    table_id: strawberry.ID = strawberry.field(description="The table.")
    rows: list[JSONObject] = strawberry.field(description="1 to 1,000 rows; a column that is left out is null.")
    on_conflict: OnConflict = strawberry.field(
        default=OnConflict.FAIL, description="What happens to an item whose key exists already."
    )
    idempotency_key: str | None = strawberry.field(
        default=None,
        description="16 to 255 characters. Repeated within 24 hours with the same input, the first outcome is answered.",
    )


@strawberry.type(description="The outcome of insertRows. What is INSERTED or REPLACED here is committed.")
class InsertRowsPayload(Payload):
    results: list[ItemResult] = strawberry.field(description="One for each item, in the order of the input.")
    inserted_count: int = strawberry.field(description="How many are INSERTED.")
    usage: TokenUsage | None = strawberry.field(
        description="Tokens of the texts that were embedded; null: none, or a provider does not say."
    )
    table: Annotated[Table, strawberry.lazy("resolvers.table")] = strawberry.field(description="The table.")


@strawberry.input(description="Change every row that matches a filter, at most 10,000.")
class UpdateRowsInput(Input):
    table_id: strawberry.ID = strawberry.field(description="The table.")
    filter: JSONObject = strawberry.field(description="Which rows; an empty object means all.")
    set: JSONObject = strawberry.field(
        description="New values by column name; not of the primary key. A string in a vector column is embedded, once for all rows."
    )


@strawberry.type(description="The outcome of updateRows. All of it is committed.")
class UpdateRowsPayload(Payload):
    matched_count: int = strawberry.field(description="How many rows match the filter.")
    modified_count: int = strawberry.field(description="How many of them are different now.")
    modified_ids: list[strawberry.ID] | None = strawberry.field(description="Which those are; null above 1,000.")
    usage: TokenUsage | None = strawberry.field(
        description="Tokens of the texts, if any were embedded; null where a provider does not say."
    )
    table: Annotated[Table, strawberry.lazy("resolvers.table")] = strawberry.field(description="The table.")


@strawberry.input(description="Delete rows. Exactly one of filter, keys and ids.")
class DeleteRowsInput(Input):
    table_id: strawberry.ID = strawberry.field(description="The table.")
    filter: JSONObject | None = strawberry.field(
        default=None, description="All that match; an empty object means every row."
    )
    keys: list[JSON] | None = strawberry.field(
        default=None, description="Those with these keys, in the form that Row.key has; at most 1,000."
    )
    ids: list[strawberry.ID] | None = strawberry.field(default=None, description="Those with these ids, at most 1,000.")


@strawberry.type(description="The outcome of deleteRows.")
class DeleteRowsPayload(Payload):
    deleted_count: int = strawberry.field(description="How many are gone.")
    deleted_ids: list[strawberry.ID] | None = strawberry.field(description="Which those were; null above 1,000.")
    table: Annotated[Table, strawberry.lazy("resolvers.table")] = strawberry.field(description="The table.")


@strawberry.type
class RowMutation:
    @mutation(Permission.WRITE_DATA, "Insert rows. Each succeeds or fails by itself; texts are embedded together.")
    async def insert_rows(self, info: Info, input: InsertRowsInput) -> InsertRowsPayload | None:
        inserted = await row_insertion.insert(
            info.context.gateway,
            info.context.actor,
            local_id("Table", input.table_id),
            rows=input.rows,
            on_conflict=input.on_conflict,
            idempotency_key=input.idempotency_key,
        )
        home = table_types.Table.of(inserted.home)
        return InsertRowsPayload(
            results=[ItemResult.of(home, item) for item in inserted.items],
            inserted_count=sum(item.status is ItemStatus.INSERTED for item in inserted.items),
            usage=TokenUsage.of(inserted.usage),
            table=home,
            client_mutation_id=input.client_mutation_id,
        )

    @mutation(
        Permission.WRITE_DATA,
        "Change rows by filter, all or none. Vectors that are kept in step with a text are made anew where it is new.",
    )
    async def update_rows(self, info: Info, input: UpdateRowsInput) -> UpdateRowsPayload | None:
        identifier = local_id("Table", input.table_id)
        updated = await row_update.update(
            info.context.gateway, info.context.actor, identifier, given=input.filter, fields=input.set
        )
        return UpdateRowsPayload(
            matched_count=updated.matched,
            modified_count=updated.modified,
            modified_ids=_ids(identifier, updated.keys),
            usage=TokenUsage.of(updated.usage),
            table=table_types.Table.of(updated.home),
            client_mutation_id=input.client_mutation_id,
        )

    @mutation(Permission.WRITE_DATA, "Delete rows by filter, keys or ids.")
    async def delete_rows(self, info: Info, input: DeleteRowsInput) -> DeleteRowsPayload | None:
        identifier = local_id("Table", input.table_id)
        home, count, keys = await rules.delete(
            info.context.gateway,
            info.context.actor,
            identifier,
            given=input.filter,
            keys=input.keys,
            ids=[_stored_key(identifier, each) for each in input.ids] if input.ids is not None else None,
        )
        return DeleteRowsPayload(
            deleted_count=count,
            deleted_ids=_ids(identifier, keys),
            table=table_types.Table.of(home),
            client_mutation_id=input.client_mutation_id,
        )


def _ids(table_id: UUID, keys: list[str] | None) -> list[strawberry.ID] | None:
    return [row_id(table_id, key) for key in keys] if keys is not None else None


def _stored_key(table_id: UUID, identifier: str) -> str | None:
    """The key of a row of this table, if it is one; the id of anything else names nothing here."""
    kind, key = split(identifier) or ("", "")
    home, _, stored = key.partition("/")
    return stored if kind == "Row" and home == str(table_id) else None


def _not_readable(home: record.Table, column: str) -> ColumnUnknown | ColumnNotVector:
    """Also where it was there a moment ago, and is not any more."""
    found = home.column(column)
    if found is None or found.type is record.ColumnType.VECTOR:
        return ColumnUnknown(f"{home.name} has no column of the name given to vector.")
    return ColumnNotVector(f"{column} is not a vector column: it is among fields.", column=column)
