"""JSON filters to SQL: `{"price": {"$lt": 10}, "$or": [...]}` (rule 25). Every predicate is true or false, never null.

The grammar is shared; what a path means (a JSON field, the key, a typed column) is the operand's business.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from app.errors import InvalidFilter
from app.store import identifier
from app.store.identifier import Arguments
from app.store.operand import ColumnField, JsonField, KeyField, Operand, fitting
from app.store.path import MOST_SEGMENTS
from app.store.record import Column, ColumnType, Table
from app.value import check_json, check_text

MAX_TERMS = 256
MAX_DEPTH = 32
MAX_IN = 1000
LONGEST_TOLD = 60

COMPARISONS = {"$gt": ">", "$gte": ">=", "$lt": "<", "$lte": "<="}
RESERVED = {"$vector", "$vectorize"}
EVERYTHING = "true"


def document_filter(given: Mapping[str, object] | None, arguments: Arguments) -> str:
    """The SQL condition of a filter on documents. Raises InvalidFilter, saying where."""

    def operand(name: str, at: str) -> Operand:
        if name == "_id":
            return KeyField(at, arguments)
        return JsonField("body", _segments(name, at), arguments, indexed=True)

    return _Compiler(operand).condition(given or {}, "filter", 0)


def check_document_filter(given: Mapping[str, object] | None) -> None:
    """Raises InvalidFilter for a filter that cannot be used, before anything is spent on the call that it came with."""
    document_filter(given, Arguments())


def row_filter(table: Table, given: Mapping[str, object] | None, arguments: Arguments) -> str:
    """The SQL condition of a filter on a table's rows, by column name. Raises InvalidFilter, saying where."""

    def operand(name: str, at: str) -> Operand:
        column, path = _column(table, name, at)
        if column.type is ColumnType.JSON:
            return JsonField(identifier.column(column.id), path, arguments, indexed=False)
        return ColumnField(column, at, arguments)

    return _Compiler(operand).condition(given or {}, "filter", 0)


class _Compiler:
    """One walk over a filter."""

    def __init__(self, operand: Callable[[str, str], Operand]) -> None:
        self._operand = operand
        self._terms = 0

    def condition(self, given: object, at: str, depth: int) -> str:
        """An object: all of its terms hold."""
        if not isinstance(given, Mapping):
            raise InvalidFilter(f"{at} must be an object.", path=at)
        _check_depth(at, depth)
        return _joined("and", [self._term(name, value, _below(at, name), depth) for name, value in given.items()])

    def _term(self, name: str, value: object, at: str, depth: int) -> str:
        self._count(at)
        if name in ("$and", "$or"):
            return self._several(name, value, at, depth)
        if name == "$not":
            return f"(not {self.condition(value, at, depth + 1)})"
        if name in RESERVED:
            raise InvalidFilter(f"{at}: {name} cannot be filtered by; search with vectorSearch.", path=at)
        if name.startswith("$"):
            raise InvalidFilter(f"{at} is no operator here; use $and, $or, $not or a field's name.", path=at)
        return self._field(self._operand(name, at), value, at, depth)

    def _several(self, name: str, value: object, at: str, depth: int) -> str:
        if not isinstance(value, list) or not value:
            raise InvalidFilter(f"{at} must be a list of one or more filters.", path=at)
        parts = [self.condition(each, f"{at}[{index}]", depth + 1) for index, each in enumerate(value)]
        return _joined(name.removeprefix("$"), parts)

    def _field(self, operand: Operand, value: object, at: str, depth: int) -> str:
        if not isinstance(value, Mapping) or not any(name.startswith("$") for name in value):
            return operand.equal(_literal(value, at))
        _check_depth(at, depth)
        operations = [self._operation(operand, name, each, _below(at, name), depth) for name, each in value.items()]
        return _joined("and", operations)

    def _operation(self, operand: Operand, name: str, value: object, at: str, depth: int) -> str:
        self._count(at)
        if name in COMPARISONS:
            if isinstance(value, bool) or not isinstance(value, str | int | float):
                raise InvalidFilter(f"{at} must be a number or a string.", path=at)
            return operand.compare(COMPARISONS[name], _literal(value, at))
        if name == "$not":
            if not isinstance(value, Mapping) or not any(each.startswith("$") for each in value):
                raise InvalidFilter(f"{at} must be an object of operators.", path=at)
            return f"(not {self._field(operand, value, at, depth + 1)})"
        if name == "$exists":
            if not isinstance(value, bool):
                raise InvalidFilter(f"{at} must be true or false.", path=at)
            return operand.exists() if value else f"(not {operand.exists()})"
        return _equality(operand, name, value, at)

    def _count(self, at: str) -> None:
        self._terms += 1
        if self._terms > MAX_TERMS:
            message = f"The filter has more than {MAX_TERMS} terms."
            raise InvalidFilter(message, path=at, limit=MAX_TERMS, actual=MAX_TERMS + 1)


def _equality(operand: Operand, name: str, value: object, at: str) -> str:
    if name == "$eq":
        return operand.equal(_literal(value, at))
    if name == "$ne":
        return f"(not {operand.equal(_literal(value, at))})"
    if name in ("$in", "$nin"):
        if not isinstance(value, list) or len(value) > MAX_IN:
            actual = len(value) if isinstance(value, list) else None
            raise InvalidFilter(
                f"{at} must be a list of at most {MAX_IN} values.", path=at, limit=MAX_IN, actual=actual
            )
        among = operand.among([_literal(each, f"{at}[{index}]") for index, each in enumerate(value)])
        return among if name == "$in" else f"(not {among})"
    known = ", ".join(["$eq", "$ne", *COMPARISONS, "$in", "$nin", "$exists", "$not"])
    raise InvalidFilter(f"{at} is no operator; a field takes {known}.", path=at)


def _joined(word: str, parts: Sequence[str]) -> str:
    return f"({f' {word} '.join(parts)})" if parts else EVERYTHING


def _segments(name: str, at: str) -> list[str]:
    """The path that a field's name stands for."""
    path = name.split(".")
    if len(path) > MOST_SEGMENTS:
        raise InvalidFilter(
            f"{at}: a path may have {MOST_SEGMENTS} segments.", path=at, limit=MOST_SEGMENTS, actual=len(path)
        )
    if path[0] == "_id" or any(not segment or segment.startswith("$") for segment in path):
        raise InvalidFilter(f"{at} is no field: write a dotted path such as address.city.", path=at)
    fitting(lambda: check_text(name, "this path"), at)
    return path


def _column(table: Table, name: str, at: str) -> tuple[Column, list[str]]:
    """The column that a name begins with, and the path that goes on below it."""
    first, *below = _segments(name, at)
    column = table.column(first)
    if column is None:
        raise InvalidFilter(f"{at}: {table.name} has no column of that name.", path=at)
    if column.type is ColumnType.VECTOR:
        raise InvalidFilter(f"{at} is a vector column and cannot be filtered by; search with vectorSearch.", path=at)
    if below and column.type is not ColumnType.JSON:
        raise InvalidFilter(f"{at}: {first} is {column.type.value}, and nothing is below it.", path=at)
    return column, below


def _literal(value: object, at: str) -> object:
    """A value to compare with. An operator inside of it would silently match nothing: no stored field begins with $."""
    fitting(lambda: check_json(value, "this value"), at)
    if _holds_operator(value):
        raise InvalidFilter(
            f"{at} has an operator inside a value, and values are compared as a whole: "
            'write a dotted path, such as {"address.city": {"$eq": …}}.',
            path=at,
        )
    return value


def _holds_operator(value: object) -> bool:
    if isinstance(value, Mapping):
        return any(name.startswith("$") or _holds_operator(each) for name, each in value.items())
    return isinstance(value, list) and any(_holds_operator(each) for each in value)


def _check_depth(at: str, depth: int) -> None:
    if depth > MAX_DEPTH:
        message = f"{at[:80]}… is nested deeper than {MAX_DEPTH} levels."
        raise InvalidFilter(message, path=at, limit=MAX_DEPTH, actual=depth)


def _below(at: str, name: str) -> str:
    """Where a name is, for people: names can be as long as requests."""
    return f"{at}.{name if len(name) <= LONGEST_TOLD else name[:LONGEST_TOLD] + '…'}"
