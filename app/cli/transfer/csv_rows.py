"""CSV: a header with the names of the columns, then one record a row, in UTF-8 (RFC 4180)."""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import IO, Any, Final

from app.cli.process import CommandFailed
from app.cli.transfer.cell import Cell, CellOf, written
from app.cli.transfer.jsonl import LONGEST
from app.cli.transfer.line import Line, Rejected
from app.errors import BadInput

MORE: Final = "$more"
"""Under what name cells beyond the last column are kept."""


def read(
    stream: IO[bytes], after: int, delimiter: str, reader_of: CellOf, named: Collection[str]
) -> Iterator[Line | Rejected]:
    """The records that begin behind line `after`. Raises CommandFailed for a header that is unusable, or lacks a name of `named`."""
    csv.field_size_limit(LONGEST)
    rows = csv.reader(_text(stream), delimiter=delimiter, strict=True)
    header = _header(rows)
    check_named(named, header)
    readers = [(name, reader_of(name)) for name in header]
    begins = rows.line_num + 1
    for cells, fault in _rows(rows):
        number, begins = begins, rows.line_num + 1
        if number <= after or not (cells or fault):
            continue
        yield _record(number, cells, readers) if fault is None else Rejected(number, BadInput.code, fault, "")


def check_named(named: Collection[str], columns: Collection[str]) -> None:
    """Raises CommandFailed where a column that an option names is missing."""
    if missing := [each for each in named if each not in columns]:
        raise CommandFailed(f"The file has no column {missing[0]!r}; it has: {', '.join(columns) or 'none'}.")


def row(record: Mapping[str, Any], readers: Sequence[tuple[str, Cell]]) -> list[str]:
    """The cells of a record."""
    return [written(record.get(name), reader) for name, reader in readers]


def _text(stream: IO[bytes]) -> io.TextIOWrapper:
    """What is not UTF-8 becomes half surrogate pairs, which are refused record by record."""
    return io.TextIOWrapper(stream, encoding="utf-8-sig", errors="surrogateescape", newline="")


def _header(rows: Iterator[list[str]]) -> list[str]:
    try:
        header = next(rows, None)
    except csv.Error as error:
        raise CommandFailed(f"The header cannot be read ({error}).") from error
    if header is None:
        return []
    if not header or "" in header or len(set(header)) < len(header) or any(not name.isprintable() for name in header):
        told = "has none" if not header else "has an empty, repeated or unreadable name"
        raise CommandFailed(
            f"The first line of CSV names the columns, once each; this one {told}. Is it CSV, in UTF-8?"
        )
    return header


def _rows(rows: Iterator[list[str]]) -> Iterator[tuple[list[str], str | None]]:
    """Each row, or what is wrong with it."""
    while True:
        try:
            cells = next(rows)
        except csv.Error as error:
            yield [], f"This is no CSV: {error}."
        except StopIteration:
            return
        else:
            yield cells, None


def _record(number: int, cells: Sequence[str], readers: Sequence[tuple[str, Cell]]) -> Line | Rejected:
    size = sum(map(len, cells))
    if not all(map(str.isascii, cells)) and (fault := _undecodable(cells)):
        original = {name: _shown(cell) for (name, _), cell in zip(readers, cells, strict=False)}
        return Rejected(number, BadInput.code, fault, original)
    found = {
        name: value for (name, reader), cell in zip(readers, cells, strict=False) if (value := reader(cell)) is not None
    }
    if len(cells) != len(readers):
        message = f"This row has {len(cells)} cells, and the header {len(readers)}."
        more = {MORE: list(cells[len(readers) :])} if len(cells) > len(readers) else {}
        return Rejected(number, BadInput.code, message, {**found, **more})
    return Line(number, found, size)


def _undecodable(cells: Sequence[str]) -> str | None:
    try:
        "".join(cells).encode()
    except UnicodeEncodeError:
        return "This row is not UTF-8: its bytes that are not are shown as \\x… here."
    return None


def _shown(cell: str) -> str:
    return cell.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
