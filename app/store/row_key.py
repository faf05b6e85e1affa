"""Keys of rows as text: the compact JSON list of the key columns' values, each in the one form that it is answered in: `["a",7]`.

The text is what global ids and cursors hold, and what tells rows apart outside of PostgreSQL.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from app.errors import BadInput
from app.store.column_value import parse, shown
from app.store.key import MAX_KEY_BYTES
from app.store.record import Column, Table


def encode(table: Table, values: Sequence[Any]) -> str:
    """The stored key of a row whose key columns hold these values, in the key's order. Raises BadInput for one that is too long."""
    text = orjson.dumps([shown(each.type, value) for each, value in zip(table.key, values, strict=True)]).decode()
    size = len(text.encode())
    if size > MAX_KEY_BYTES:
        raise BadInput(
            f"A row's key may take {MAX_KEY_BYTES} bytes as JSON, and takes {size}.", limit=MAX_KEY_BYTES, actual=size
        )
    return text


def decode(table: Table, text: str) -> tuple[Any, ...]:
    """The values of the key columns that a stored key stands for."""
    return tuple(parse(each, value) for each, value in zip(table.key, orjson.loads(text), strict=True))


def is_encoded(table: Table, text: str) -> bool:
    """Whether a text that came back from a client, in an id or a cursor, is a key of this table in its stored form."""
    try:
        given = orjson.loads(text)
        return isinstance(given, list) and encode(table, decode(table, text)) == text
    except (ValueError, BadInput):
        return False


def answered(table: Table, text: str) -> object:
    """The key as callers know it: the value of a one-column key, else an object by column name."""
    values = orjson.loads(text)
    return values[0] if len(values) == 1 else dict(zip(_names(table), values, strict=True))


def of_key(table: Table, given: object) -> str:
    """The stored key of what `answered` would show. Raises BadInput for what can be no key of this table."""
    names = _names(table)
    if len(names) == 1:
        return _encoded(table, {names[0]: given})
    if not isinstance(given, Mapping) or set(given) != set(names):
        raise BadInput(f"A key of {table.name} is an object of {', '.join(names)}.")
    return _encoded(table, given)


def of_row(table: Table, given: Mapping[str, object]) -> str:
    """The stored key of a row by column name. Raises BadInput where a key column is missing, null or does not fit its type."""
    return _encoded(table, given)


def _encoded(table: Table, given: Mapping[str, object]) -> str:
    return encode(table, [_value(each, given.get(each.name)) for each in table.key])


def _value(column: Column, given: object) -> Any:  # noqa: ANN401 - of any type
    if given is None:
        raise BadInput(f"{column.name} belongs to the primary key: give it a value that is not null.")
    return parse(column, given)


def _names(table: Table) -> list[str]:
    return [each.name for each in table.key]
