"""What is read from a file: one record, or one that cannot be taken and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Line:
    """One record. `number`: where it begins in the file: its line, or its row of a Parquet file, from 1; `size` in bytes, about."""

    number: int
    record: dict[str, Any]
    size: int


@dataclass(frozen=True, slots=True)
class Rejected:
    """One record that was not imported. `original`: as it stood in the file, a JSON value or the text of what is none."""

    number: int
    code: str
    message: str
    original: object
