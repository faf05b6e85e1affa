"""The columns of a file whose records must all have the same: a table's own, or the fields that documents are found to have."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from app.cli.transfer.door import ID, TEXT, VECTOR, Question, TableColumn
from app.store.key import MAX_EXACT
from app.store.record import ColumnType

_KINDS: Final[Sequence[tuple[type, ColumnType]]] = (
    (bool, ColumnType.BOOLEAN),
    (str, ColumnType.TEXT),
    (int, ColumnType.BIGINT),
    (float, ColumnType.DOUBLE),
)
_NUMBERS: Final = {ColumnType.BIGINT, ColumnType.DOUBLE}


@dataclass(frozen=True, slots=True)
class Field:
    """A column, and what its values are; JSON: of several types, or objects and lists."""

    name: str
    type: ColumnType


class Shape:
    """The fields of documents, in the order in which they are first seen."""

    def __init__(self) -> None:
        self._kinds: dict[str, set[ColumnType]] = {}

    def see(self, records: Iterable[Mapping[str, Any]]) -> None:
        for record in records:
            for name, value in record.items():
                if value is not None:
                    self._kinds.setdefault(name, set()).add(_kind(name, value))

    @property
    def fields(self) -> list[Field]:
        """The key first, text and vector last."""
        between = [name for name in self._kinds if name not in (ID, TEXT, VECTOR)]
        names = [ID, *between, *(name for name in (TEXT, VECTOR) if name in self._kinds)]
        return [Field(name, _one(self._kinds.get(name, {ColumnType.TEXT}))) for name in names]


def of_table(columns: Iterable[TableColumn], asked: Question) -> list[Field]:
    """A table's columns, as far as they are asked for."""
    return [Field(each.name, each.type) for each in columns if asked.vectors or not each.follows]


def _kind(name: str, value: object) -> ColumnType:
    if name == VECTOR:
        return ColumnType.VECTOR
    kind = next((kind for known, kind in _KINDS if isinstance(value, known)), ColumnType.JSON)
    return ColumnType.JSON if isinstance(value, int) and not -MAX_EXACT <= value <= MAX_EXACT else kind


def _one(kinds: set[ColumnType]) -> ColumnType:
    """The one type that holds all of them."""
    if len(kinds) == 1:
        return next(iter(kinds))
    return ColumnType.DOUBLE if kinds == _NUMBERS else ColumnType.JSON
