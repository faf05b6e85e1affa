"""Writers of records, by format."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import IO, Any, Protocol

from app.cli.process import CommandFailed
from app.cli.transfer import cell, jsonl, parquet_writer
from app.cli.transfer.options import Format
from app.cli.transfer.shape import Field
from app.cli.transfer.sink import Sink


class Writer(Protocol):
    """Takes records, some at a time."""

    def write(self, records: Sequence[Mapping[str, Any]]) -> None: ...


class JsonLines:
    """One object a line."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def write(self, records: Sequence[Mapping[str, Any]]) -> None:
        self._file.write(b"".join(map(jsonl.written, records)))


class CommaSeparated:
    """A header, and a row a record. Cells are written so that `import` reads back what they were."""

    def __init__(self, file: IO[bytes], fields: Sequence[Field], delimiter: str, *, is_table: bool) -> None:
        reader_of = cell.of_table({each.name: each.type for each in fields}) if is_table else cell.of_document(())
        self._readers = [(each.name, reader_of(each.name)) for each in fields]
        self._file, self._delimiter = file, delimiter
        self._rows([[each.name for each in fields]])

    def write(self, records: Sequence[Mapping[str, Any]]) -> None:
        self._rows([cell.written(record.get(name), reader) for name, reader in self._readers] for record in records)

    def _rows(self, rows: Iterator[list[str]] | list[list[str]]) -> None:
        text = io.StringIO(newline="")
        csv.writer(text, delimiter=self._delimiter).writerows(rows)
        self._file.write(text.getvalue().encode())


@contextmanager
def opened(sink: Sink, kind: Format, fields: Sequence[Field], delimiter: str, *, is_table: bool) -> Iterator[Writer]:
    """The writer of a format. `fields` are of no matter to JSON Lines. Raises CommandFailed for what cannot be written."""
    if kind is Format.PARQUET and (sink.is_stdout or sink.is_packed):
        raise CommandFailed("Parquet is written to a file, and is packed already: name the file itself.")
    with sink.opened() as file:
        if kind is Format.PARQUET:
            with parquet_writer.opened(file, fields) as writer:
                yield writer
        elif kind is Format.CSV:
            yield CommaSeparated(file, fields, delimiter, is_table=is_table)
        else:
            yield JsonLines(file)
