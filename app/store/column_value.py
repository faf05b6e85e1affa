"""Values of typed columns: what JSON a column takes and answers, and which PostgreSQL type and Python value that is in between.

    type        JSON                                             Python      PostgreSQL
    TEXT        string                                           str         text
    INT         whole number of 32 bits                          int         integer
    BIGINT      whole number of 64 bits, or a string of one      int         bigint
    DOUBLE      number                                           float       float8
    BOOLEAN     true, false                                      bool        boolean
    TIMESTAMP   string: RFC 3339, answered in UTC                datetime    timestamptz
    UUID        string, answered in lower case                   UUID        uuid
    JSON        any value                                        the same    jsonb
    VECTOR      not here: see domain/vector.py                   float32[]   vector

Null is no value of any type: whether a column takes it, its nullability says.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson

from app.errors import BadInput
from app.store.key import MAX_EXACT
from app.store.record import Column, ColumnType
from app.value import check_json, check_text, moment_of

SQL_TYPES: Mapping[ColumnType, str] = {
    ColumnType.TEXT: "text",
    ColumnType.INT: "integer",
    ColumnType.BIGINT: "bigint",
    ColumnType.DOUBLE: "float8",
    ColumnType.BOOLEAN: "boolean",
    ColumnType.TIMESTAMP: "timestamptz",
    ColumnType.UUID: "uuid",
    ColumnType.JSON: "jsonb",
    ColumnType.VECTOR: "vector",
}

_INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,18})")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


class _Unfit(Exception):
    """The JSON value is none of the type."""


def parse(column: Column, value: object) -> Any:  # noqa: ANN401 - as the table above says
    """The value that a column stores for a JSON value that is not null. Raises BadInput, naming column, type and what it takes."""
    try:
        return _PARSERS[column.type](column, value)
    except _Unfit:
        message = f"{column.name} is {column.type.value} and takes {EXPECTED[column.type]}."
        raise BadInput(message, column=column.name) from None


def shown(kind: ColumnType, value: Any) -> Any:  # noqa: ANN401 - as the table above says
    """The JSON value that a stored value is answered as."""
    match value:
        case datetime():
            # asyncpg sends the first and the last microsecond there are as PostgreSQL's infinities, and reads those without an offset.
            moment = value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
            return moment.isoformat().replace("+00:00", "Z")
        case UUID():
            return str(value)
        case int() if kind is ColumnType.BIGINT and not -MAX_EXACT <= value <= MAX_EXACT:
            return str(value)
        case _:
            return value


EXPECTED: Mapping[ColumnType, str] = {
    ColumnType.TEXT: "a string",
    ColumnType.INT: "a whole number from -2147483648 to 2147483647",
    ColumnType.BIGINT: "a whole number of 64 bits, as a number or, to be exact beyond ±(2^53-1), as a string",
    ColumnType.DOUBLE: "a finite number",
    ColumnType.BOOLEAN: "true or false",
    ColumnType.TIMESTAMP: "an RFC 3339 date and time with an offset, such as 2030-01-31T12:00:00Z, of the years 1 to 9999",
    ColumnType.UUID: "a UUID such as 123e4567-e89b-12d3-a456-426614174000",
    ColumnType.JSON: "any JSON value",
}
"""What a column of a type takes, for people."""


def _text(column: Column, value: object) -> str:
    if not isinstance(value, str):
        raise _Unfit
    check_text(value, column.name)
    return value


def _whole(value: object, bits: int) -> int:
    """1.0 is 1: JSON knows one kind of number. A float beyond 2^53 may be meant for a neighbour of what it says."""
    if isinstance(value, float) and value.is_integer() and abs(value) <= MAX_EXACT:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not -(2 ** (bits - 1)) <= value < 2 ** (bits - 1):
        raise _Unfit
    return value


def _int(_: Column, value: object) -> int:
    return _whole(value, 32)


def _bigint(_: Column, value: object) -> int:
    if isinstance(value, str) and _INTEGER.fullmatch(value):
        value = int(value)
    return _whole(value, 64)


def _double(_: Column, value: object) -> float:
    """Zero has no sign, so that a key is one text."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _Unfit
    try:
        number = float(value) + 0.0
    except OverflowError:
        raise _Unfit from None
    if not math.isfinite(number):
        raise _Unfit
    return number


def _boolean(_: Column, value: object) -> bool:
    if not isinstance(value, bool):
        raise _Unfit
    return value


def _timestamp(_: Column, value: object) -> datetime:
    try:
        return moment_of(value)
    except ValueError:
        raise _Unfit from None


def _uuid(_: Column, value: object) -> UUID:
    if not isinstance(value, str) or not _UUID.fullmatch(value):
        raise _Unfit
    return UUID(value)


def _json(column: Column, value: object) -> object:
    check_json(value, column.name)
    return value


_PARSERS: Mapping[ColumnType, Callable[[Column, object], object]] = {
    ColumnType.TEXT: _text,
    ColumnType.INT: _int,
    ColumnType.BIGINT: _bigint,
    ColumnType.DOUBLE: _double,
    ColumnType.BOOLEAN: _boolean,
    ColumnType.TIMESTAMP: _timestamp,
    ColumnType.UUID: _uuid,
    ColumnType.JSON: _json,
}


def sent(column: Column, values: list[Any]) -> tuple[str, list[Any]]:
    """Values of a column as one array of parameters, and the cast of its placeholder.

    JSON travels as text, because a list of lists would be read as an array of two dimensions.
    """
    if column.type is ColumnType.JSON:
        return "text[]::jsonb[]", [None if each is None else orjson.dumps(each).decode() for each in values]
    return f"{SQL_TYPES[column.type]}[]", values
