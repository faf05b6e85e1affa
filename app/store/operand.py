"""What a path of a filter means, as predicates in SQL: a JSON value, a document's key, a typed column. None is ever null."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

from app.errors import BadInput, InvalidFilter
from app.store import identifier
from app.store.column_value import SQL_TYPES, parse
from app.store.identifier import Arguments
from app.store.key import encode_key
from app.store.path import is_index, reached
from app.store.record import Column, ColumnType

R = TypeVar("R")


class Operand(Protocol):
    """One path of a filter, able to say its predicates in SQL."""

    def equal(self, value: object) -> str: ...
    def among(self, values: Sequence[object]) -> str: ...
    def compare(self, operator: str, value: object) -> str: ...
    def exists(self) -> str: ...


class JsonField:
    """A value in a column of JSON, by path; without a path the whole value. `indexed`: containment in it is answered by an index."""

    def __init__(self, column: str, path: Sequence[str], arguments: Arguments, *, indexed: bool) -> None:
        self._column = column
        self._path = path
        self._put = arguments.put
        self._value = reached(column, path, arguments)
        self._by_index = indexed and not any(is_index(segment) for segment in path)
        """Whether the path leads through objects alone, too, so that containment can say where it leads."""

    def equal(self, value: object) -> str:
        """Whole values are compared; null means null or missing. Containment comes first because the index answers it."""
        if value is None:
            return f"coalesce({self._value} = 'null'::jsonb, true)"
        same = f"coalesce({self._value} = {self._put(value)}::jsonb, false)"
        if not self._by_index:
            return same
        return f"({self._column} @> {self._put(self._nested(value))}::jsonb and {same})"

    def among(self, values: Sequence[object]) -> str:
        given = [value for value in values if value is not None]
        same = f"coalesce({self._value} = any({self._array(given)}), false)"
        if self._by_index:
            same = f"({self._column} @> any({self._array([self._nested(value) for value in given])}) and {same})"
        return f"({same} or {self.equal(None)})" if None in values else same

    def compare(self, operator: str, value: object) -> str:
        return _compare(self._value, operator, value, self._put)

    def exists(self) -> str:
        return f"({self._value} is not null)"

    def _array(self, values: Sequence[object]) -> str:
        """One JSON array as parameter: a list of lists would be read as an array of two dimensions."""
        return f"array(select jsonb_array_elements({self._put(values)}::jsonb))"

    def _nested(self, value: object) -> object:
        for segment in reversed(self._path):
            value = {segment: value}
        return value


class KeyField:
    """The document's key, `_id`."""

    def __init__(self, at: str, arguments: Arguments) -> None:
        self._at = at
        self._put = arguments.put

    def equal(self, value: object) -> str:
        return self.among([value])

    def among(self, values: Sequence[object]) -> str:
        keys = [self._key(value) for value in values if _can_be_key(value)]
        return f"(key = any({self._put(keys)}::text[]))"

    def compare(self, operator: str, value: object) -> str:
        return _compare("(key::jsonb)", operator, value, self._put)

    def exists(self) -> str:
        return "true"

    def _key(self, value: object) -> str:
        return fitting(lambda: encode_key(value), self._at)


class ColumnField:
    """A typed column."""

    def __init__(self, column: Column, at: str, arguments: Arguments) -> None:
        self._of = column
        self._at = at
        self._put = arguments.put
        self._column = identifier.column(column.id)
        self._type = SQL_TYPES[column.type]

    def equal(self, value: object) -> str:
        if value is None:
            return f"({self._column} is null)"
        return self._never_null(f"{self._column} = {self._put(self._value(value))}::{self._type}")

    def among(self, values: Sequence[object]) -> str:
        given = [self._value(value) for value in values if value is not None]
        same = self._never_null(f"{self._column} = any({self._put(given)}::{self._type}[])")
        return f"({same} or {self.equal(None)})" if None in values else same

    def compare(self, operator: str, value: object) -> str:
        """Strings by code point, whatever the server's collation; UUIDs as their digits say."""
        if self._of.type is ColumnType.BOOLEAN:
            raise InvalidFilter(f"{self._at}: {self._of.name} is BOOLEAN, which has no order: use $eq.", path=self._at)
        by = ' collate "C"' if self._of.type is ColumnType.TEXT else ""
        return self._never_null(f"{self._column}{by} {operator} {self._put(self._value(value))}::{self._type}")

    def exists(self) -> str:
        return f"({self._column} is not null)"

    def _value(self, value: object) -> Any:  # noqa: ANN401 - of any type
        return fitting(lambda: parse(self._of, value), self._at)

    def _never_null(self, predicate: str) -> str:
        """Beside the bare predicate, so that an index on the column can answer it."""
        return f"({self._column} is not null and {predicate})" if self._of.nullable else f"({predicate})"


def fitting(parsed: Callable[[], R], at: str) -> R:
    """A value of the operand's type. Raises InvalidFilter where it is none."""
    try:
        return parsed()
    except BadInput as error:
        raise InvalidFilter(f"{at}: {error.message}", path=at) from None


def _can_be_key(value: object) -> bool:
    return isinstance(value, str | int | float) and not isinstance(value, bool)


def _compare(jsonb: str, operator: str, value: object, put: Callable[[object], str]) -> str:
    """Only values of the same type compare; strings by code point, whatever the server's collation."""
    if isinstance(value, str):
        return f"(jsonb_typeof({jsonb}) = 'string' and ({jsonb} #>> '{{}}') collate \"C\" {operator} {put(value)}::text) is true"
    return f"(jsonb_typeof({jsonb}) = 'number' and {jsonb} {operator} {put(value)}::jsonb) is true"
