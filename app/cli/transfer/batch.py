"""Stretches of a file that are sent together. Where they begin depends on the file alone, so that a second run makes the same ones."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from app.cli.transfer.line import Line, Rejected

MOST_BYTES: Final = 4 * 1024 * 1024
"""Of a batch's lines together; a single one may be longer. Several batches are in memory at a time."""


@dataclass(slots=True)
class Batch:
    """Lines in a row, of which some may be unreadable. `last`: the number of the last of them."""

    lines: list[Line] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    first: int = 0
    last: int = 0
    size: int = 0
    position: int = 0
    """How much of the file has been read with it, in the units of its progress."""

    def add(self, line: Line | Rejected) -> None:
        self.first = self.first or line.number
        self.last = line.number
        if isinstance(line, Line):
            self.lines.append(line)
            self.size += line.size
        else:
            self.rejected.append(line)

    @property
    def count(self) -> int:
        return len(self.lines) + len(self.rejected)


def batches(lines: Iterable[Line | Rejected], most: int, position: Callable[[Batch], int]) -> Iterator[Batch]:
    """The lines in batches of at most `most` lines, and MOST_BYTES; as soon as they are full."""
    for batch in _filled(lines, most):
        batch.position = position(batch)
        yield batch


def _filled(lines: Iterable[Line | Rejected], most: int) -> Iterator[Batch]:
    batch = Batch()
    for line in lines:
        if batch.count and isinstance(line, Line) and batch.size + line.size > MOST_BYTES:
            yield batch
            batch = Batch()
        batch.add(line)
        if batch.count == most:
            yield batch
            batch = Batch()
    if batch.count:
        yield batch
