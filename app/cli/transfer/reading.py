"""A file's records, by its format."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.cli.process import CommandFailed
from app.cli.transfer import cell, csv_rows, jsonl, parquet
from app.cli.transfer.batch import Batch
from app.cli.transfer.cell import CellOf
from app.cli.transfer.door import Door
from app.cli.transfer.line import Line, Rejected
from app.cli.transfer.mapping import Fields
from app.cli.transfer.options import Format
from app.cli.transfer.source import Source


@dataclass(frozen=True, slots=True)
class Reading:
    """What is read, and as what. `strings`: columns of CSV that are text; `delimiter`: between its cells."""

    source: Source
    format: Format
    fields: Fields
    strings: tuple[str, ...]
    delimiter: str

    def lines(self, door: Door, after: int) -> Iterator[Line | Rejected]:
        """The records behind line `after`, for this door. Raises CommandFailed for a file that is none of its format."""
        return self.source.told(self._lines(door, after))

    @property
    def total(self) -> int | None:
        """What `position` comes to: rows of Parquet, else bytes; None: nobody knows."""
        return parquet.count(self._parquet) if self.format is Format.PARQUET else self.source.size

    def position(self, batch: Batch) -> int:
        """How much has been read with a batch."""
        return batch.last if self.format is Format.PARQUET else self.source.position

    def told(self) -> dict[str, Any]:
        """As JSON, for the checkpoint."""
        return {
            "format": self.format,
            "fields": self.fields.told(),
            "string": sorted(self.strings),
            "delimiter": self.delimiter,
        }

    def _lines(self, door: Door, after: int) -> Iterator[Line | Rejected]:
        if self.format is Format.PARQUET:
            yield from parquet.read(self._parquet, after, self.fields.named)
            return
        with self.source.opened() as stream:
            if self.format is Format.CSV:
                yield from csv_rows.read(stream, after, self.delimiter, self._cells(door), self.fields.named)
            else:
                yield from jsonl.read(stream, after, self.fields.ignored)

    @property
    def _parquet(self) -> Path:
        if self.source.is_stdin or self.source.is_packed:
            raise CommandFailed("Parquet is read from a file, and is packed already: give the file itself.")
        return self.source.path

    def _cells(self, door: Door) -> CellOf:
        """What is ignored is text, whatever it looks like."""
        ignored = self.fields.ignored
        if door.target.is_table:
            return cell.of_table({each.name: each.type for each in door.columns if each.name not in ignored})
        return cell.of_document({*self.strings, *ignored})
