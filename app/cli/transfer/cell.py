"""Cells of CSV, which are text, as JSON values and back.

Of a document a cell is what it looks like: a number, true, false, null, or JSON in brackets or braces; else it is text. Text that
looks like something else stands in JSON's quotes. An empty cell is no value. Of a table a cell is what its column takes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from typing import Final, TypeAlias

import orjson

from app.cli.transfer import exact
from app.errors import BadInput
from app.store.record import ColumnType

Cell: TypeAlias = Callable[[str], object]
"""The value of a cell; None: it has none. Raises BadInput for one that could not be stored as it stands."""
CellOf: TypeAlias = Callable[[str], Cell]
"""How the cells of a column are read, by its name."""

_JSON: Final = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?|true|false|null|\[.*\]|\{.*\}", re.ASCII | re.DOTALL)
_WORDS: Final = {"true": True, "t": True, "yes": True, "1": True, "false": False, "f": False, "no": False, "0": False}
_AS_TEXT: Final = (ColumnType.TEXT, ColumnType.TIMESTAMP, ColumnType.UUID)


def plain(cell: str) -> object:
    """A cell as text, whatever it looks like."""
    return _unquoted(cell, plain) if cell else None


def inferred(cell: str) -> object:
    """A cell as what it looks like."""
    if not cell:
        return None
    return _parsed(cell) if _JSON.fullmatch(cell) else _unquoted(cell, inferred)


def of_document(texts: Collection[str]) -> CellOf:
    """How the cells of each column are read; `texts`: columns that are text whatever they look like, `*` for all."""
    return lambda name: plain if name in texts or "*" in texts else inferred


def of_table(types: Mapping[str, ColumnType]) -> CellOf:
    """How the cells of each column are read; those of columns that the table has not are of no matter: it refuses them."""

    def reader(name: str) -> Cell:
        kind = types.get(name, ColumnType.TEXT)
        if kind is ColumnType.BOOLEAN:
            return _boolean
        return plain if kind in _AS_TEXT else inferred

    return reader


def written(value: object, read: Cell) -> str:
    """The cell that is read as this value."""
    if value is None:
        return ""
    if isinstance(value, str) and _is_itself(value, read):
        return value
    return orjson.dumps(value).decode()


def _boolean(cell: str) -> object:
    return _WORDS.get(cell.lower(), cell or None)


def _unquoted(cell: str, read: Cell) -> object:
    """The text between JSON's quotes, where it would not be read as itself without them."""
    if len(cell) > 1 and cell[0] == cell[-1] == '"':
        text = _parsed(cell)
        if isinstance(text, str) and text != cell and not _is_itself(text, read):
            return text
    return cell


def _is_itself(text: str, read: Cell) -> bool:
    """Whether a text is read as that text."""
    try:
        return read(text) == text
    except BadInput:
        return False


def _parsed(cell: str) -> object:
    try:
        return exact.loads(cell.encode())
    except orjson.JSONDecodeError:
        return cell
