"""CSV: a header with the names of the columns, then one record a row, in UTF-8 (RFC 4180)."""

from __future__ import annotations

import csv
import io
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any, Final

from app.cli.process import CommandFailed
from app.cli.transfer import exact
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
    lines = _Lines(_text(stream))
    rows = csv.reader(lines, delimiter=delimiter, strict=True)
    header = _header(rows)
    check_named(named, header)
    readers = [(name, reader_of(name)) for name in header]
    for row in _rows(rows, lines):
        if row.number > after:
            yield row if isinstance(row, Rejected) else _record(row, readers)


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


@dataclass(frozen=True, slots=True)
class _Row:
    """Cells, and the lines that they begin and end in."""

    number: int
    last: int
    cells: list[str]


class _Lines:
    """The lines of a text, of which those of the row that is being read can be read again."""

    def __init__(self, text: Iterable[str]) -> None:
        self._text = iter(text)
        self._row: list[str] = []
        self._again: deque[str] = deque()
        self._size = 0
        self.number = 0
        """Of the line that was read last."""

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if self._size > LONGEST:
            raise csv.Error(f"a row may take {LONGEST} characters")
        line = self._again.popleft() if self._again else next(self._text)
        self._row.append(line)
        self._size += len(line)
        self.number += 1
        return line

    def end(self) -> None:
        """The row is whole."""
        self._row, self._size = [], 0

    def back(self) -> str:
        """Take the row's first line out; the others are read again, as if no row had begun before them."""
        first, *others = self._row
        self._again.extendleft(reversed(others))
        self.number -= len(others)
        self.end()
        return first


def _rows(rows: Iterator[list[str]], lines: _Lines) -> Iterator[_Row | Rejected]:
    """Each row that is not blank, or what is wrong with it."""
    while True:
        lines.end()
        number = lines.number + 1
        try:
            cells = next(rows)
        except csv.Error as error:
            yield _no_row(number, lines, error)
        except StopIteration:
            return
        else:
            if cells:
                yield _Row(number, lines.number, cells)


def _no_row(number: int, lines: _Lines, error: csv.Error) -> Rejected:
    """One line. A quote that is not closed takes all that follows for its cell: that is more likely to be rows than to belong to it."""
    last, text = lines.number, lines.back()
    message = f"This is no CSV: {error}."
    if last > number:
        message += f" Lines {number} to {last} were taken for one record: is a quote open? The lines behind this one are read as rows."
    return Rejected(number, BadInput.code, message, _shown(text.rstrip("\r\n")[:LONGEST]))


def _record(row: _Row, readers: Sequence[tuple[str, Cell]]) -> Line | Rejected:
    cells = row.cells
    if not all(map(str.isascii, cells)) and (fault := _undecodable(cells)):
        original = {name: _shown(cell) for (name, _), cell in zip(readers, cells, strict=False)}
        return Rejected(row.number, BadInput.code, fault, original)
    columns = ((name, cell, reader) for (name, reader), cell in zip(readers, cells, strict=False))
    values, fault = exact.record(columns)
    found = {name: value for name, value in values.items() if value is not None}
    if len(cells) != len(readers):
        more = {MORE: list(cells[len(readers) :])} if len(cells) > len(readers) else {}
        return Rejected(row.number, BadInput.code, _other_length(row, len(readers)), {**found, **more})
    if fault is not None:
        return Rejected(row.number, BadInput.code, fault, found)
    return Line(row.number, found, sum(map(len, cells)))


def _other_length(row: _Row, columns: int) -> str:
    lengths = f"has {len(row.cells)} cells, and the header {columns}."
    if row.last == row.number:
        return f"This row {lengths}"
    return f"This row, lines {row.number} to {row.last}, {lengths} Is a quote open?"


def _undecodable(cells: Sequence[str]) -> str | None:
    try:
        "".join(cells).encode()
    except UnicodeEncodeError:
        return "This row is not UTF-8: its bytes that are not are shown as \\x… here."
    return None


def _shown(cell: str) -> str:
    return cell.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
