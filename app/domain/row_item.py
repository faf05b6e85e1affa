"""One row on its way in: a typed value for every column, and for vector columns a vector or the text to embed (rules 29 and 30)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self
from uuid import UUID

from app.domain.insertion import Slot
from app.domain.size import check_size, stored_bytes
from app.domain.vector import parse_vector
from app.errors import (
    BadInput,
    ColumnUnknown,
    EmbeddingNotConfigured,
    InvalidVector,
    InvalidVectorLength,
    VectorizeAndVector,
)
from app.store.column_value import parse
from app.store.record import Column, ColumnType, Metric, ResolvedTable, Table, Vector
from app.store.row import NewRow
from app.value import check_text

LONGEST_TOLD = 48


@dataclass(frozen=True, slots=True)
class RowDraft:
    """A row that can be stored once its `texts` have vectors. `values`: by column id; `strings`: what to embed, by vector column."""

    position: int
    key: str
    values: Mapping[UUID, Any]
    strings: Mapping[UUID, str]

    @property
    def key_was_given(self) -> bool:
        """Keys of rows always are."""
        return True

    @property
    def texts(self) -> Mapping[Slot, str]:
        return {column: text for column, text in self.strings.items() if column not in self.values}

    def with_vectors(self, vectors: Mapping[Slot, Vector]) -> Self:
        """The row with vectors for some of its texts."""
        made = {column: vectors[column] for column in self.strings if column in vectors}
        return replace(self, values={**self.values, **made})

    def ready(self) -> NewRow:
        """The row as it is stored."""
        return NewRow(self.key, self.values)


def draft(resolved: ResolvedTable, given: Mapping[str, object], position: int, key: str) -> RowDraft:
    """A row by column name; what is left out is null. Raises the coded error of what is wrong with it."""
    table = resolved.table
    check_columns(table, given)
    plain = [each for each in table.shown if each.type is not ColumnType.VECTOR]
    values = {each.id: value(each, given.get(each.name)) for each in plain}
    check_size(stored_bytes({each.name: given.get(each.name) for each in plain}), "row")
    strings: dict[UUID, str] = {}
    for each in table.shown:
        if each.type is ColumnType.VECTOR:
            text = values[each.source_column_id] if each.source_column_id is not None else None
            match origin(resolved, each, given.get(each.name), text):
                case str() as string:
                    strings[each.id] = string
                case vector:
                    values[each.id] = vector
    return RowDraft(position, key, values, strings)


def check_columns(table: Table, given: Mapping[str, object]) -> None:
    """Raises ColumnUnknown where a name is no column's."""
    names = {each.name for each in table.shown}
    for name in given:
        if name not in names:
            raise ColumnUnknown(f"{table.name} has no column named {name[:LONGEST_TOLD]!a}.")


def value(column: Column, given: object) -> Any:  # noqa: ANN401 - of the column's type
    """What a column that is no vector column stores. Raises BadInput."""
    if given is None:
        check_nullable(column)
        return None
    return parse(column, given)


def origin(resolved: ResolvedTable, column: Column, given: object, text: str | None) -> Vector | str | None:
    """Where a vector column's value comes from: a vector, a text to embed, or nothing. `text`: of the column that it follows.

    Raises the coded error of what cannot be embedded or stored.
    """
    if column.source_column_id is not None:
        if given is not None:
            raise VectorizeAndVector(
                f"{column.name} is kept in step with {source_name(resolved.table, column)}: write the text there, and leave "
                f"{column.name} out.",
                column=column.name,
            )
        return text if text is not None and text.strip() else None
    found = _text(resolved, column, given) if isinstance(given, str) else _vector(column, given)
    if found is None:
        check_nullable(column)
    return found


def source_name(table: Table, column: Column) -> str:
    """The name of the text column that a vector column follows."""
    return next(each.name for each in table.columns if each.id == column.source_column_id)


def check_nullable(column: Column) -> None:
    """Raises BadInput for a column that has to have a value."""
    if not column.nullable:
        raise BadInput(f"{column.name} is not nullable: give it a value.", column=column.name)


def metric_of(column: Column) -> Metric | None:
    """What vectors of a column must be fit for: the comparison that its index makes; None without an index."""
    return column.index.metric if column.index is not None else None


def _text(resolved: ResolvedTable, column: Column, given: str) -> str | None:
    """A string in a vector column is a text; a blank one is none."""
    check_text(given, column.name)
    if not given.strip():
        return None
    if resolved.uses[column.id].attachment is None:
        raise EmbeddingNotConfigured(
            f"No integration is attached to {column.name} of {resolved.table.name}, which could embed the string: give a list of numbers, "
            "or attach one with attachIntegration.",
            column=column.name,
        )
    return given


def _vector(column: Column, given: object) -> Vector | None:
    if given is None or column.dimension is None:
        return None
    try:
        return parse_vector(given, column.dimension, metric_of(column))
    except (InvalidVector, InvalidVectorLength) as error:
        error.message = f"{column.name}: {error.message}"
        error.facts["column"] = column.name
        raise
