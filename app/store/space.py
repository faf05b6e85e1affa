"""What can be searched by vector: a collection's documents, or a table's rows by one of its vector columns. `neighbour` says how."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Generic, TypeVar
from uuid import UUID

from app.postgres import Row
from app.store import document, identifier, row, row_key
from app.store.filter import document_filter, row_filter
from app.store.identifier import Arguments
from app.store.key import is_encoded
from app.store.record import Collection, Column, Document, Metric, Table, TableRow

R_co = TypeVar("R_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Space(Generic[R_co]):
    """Vectors of one length in a column of a physical table, and how to read the records that they belong to."""

    id: UUID
    """Of the collection or table."""
    home: str
    vector: str
    dimension: int
    metric: Metric
    key: Sequence[str]
    """The columns that tell records apart, in the order in which equally near ones are ranked."""
    columns: str
    """The select list: plain columns, those of the key among them."""
    sizes: Sequence[str]
    """The sizes of those columns that can be large (see `measured`)."""
    condition: Callable[[Arguments], str]
    """The filter in SQL. Raises InvalidFilter, saying where."""
    record: Callable[[Row], R_co]
    is_key: Callable[[str], bool]
    """Whether a text that came back from a client is a stored key here."""
    place: Callable[[str, Arguments], Sequence[str]]
    """The placeholders of a stored key's values, one for each column of the key."""


def documents(collection: Collection, wanted: document.Wanted, given: Mapping[str, object] | None) -> Space[Document]:
    """The documents of a collection that has vectors, as far as they match a filter."""
    return Space(
        id=collection.id,
        home=document.table(collection),
        vector="vector",
        dimension=collection.dimension or 0,
        metric=collection.metric or Metric.COSINE,
        key=["key"],
        columns=wanted.columns(collection),
        sizes=wanted.sizes(collection),
        condition=partial(document_filter, given),
        record=document.document,
        is_key=is_encoded,
        place=lambda key, arguments: [arguments.put(key)],
    )


def rows(
    table: Table, column: Column, metric: Metric, wanted: row.Wanted, given: Mapping[str, object] | None
) -> Space[TableRow]:
    """The rows of a table by one of its vector columns, as far as they match a filter; `metric`: that of the column's index."""
    return Space(
        id=table.id,
        home=row.home(table),
        vector=identifier.column(column.id),
        dimension=column.dimension or 0,
        metric=metric,
        key=row.key_columns(table),
        columns=wanted.columns(table),
        sizes=wanted.sizes(table),
        condition=partial(row_filter, table, given),
        record=partial(row.table_row, table, wanted),
        is_key=partial(row_key.is_encoded, table),
        place=partial(row.place, table),
    )
