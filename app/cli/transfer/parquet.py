"""Reading Parquet, through pyarrow, which is there with the extra `parquet`."""

from __future__ import annotations

import base64
import datetime as dt
import decimal
import math
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from app.cli.process import CommandFailed
from app.cli.transfer import exact
from app.cli.transfer.csv_rows import check_named
from app.cli.transfer.line import Line, Rejected
from app.errors import BadInput
from app.value import check_json

if TYPE_CHECKING:
    import pyarrow

AT_ONCE: Final = 1000
"""Rows that are held as Python values at a time."""
JSON_MARK: Final = {b"vectorgate": b"json"}
"""Of a column whose texts are JSON, because its values are not all of one type."""


def read(path: Path, after: int, named: Collection[str]) -> Iterator[Line | Rejected]:
    """The records behind row `after`. Raises CommandFailed for what is no Parquet, or lacks a column of `named`."""
    with _opened(path) as file:
        encoded = {each.name for each in file.schema_arrow if (each.metadata or {}).items() >= JSON_MARK.items()}
        check_named(named, file.schema_arrow.names)
        number = 0
        for batch in file.iter_batches(AT_ONCE):
            number += len(batch)
            if number > after:
                yield from _records(batch, number - len(batch), after, encoded)


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    arrow = library()
    try:
        with arrow.parquet.ParquetFile(path) as file:
            yield file
    except (arrow.ArrowException, OSError) as error:
        raise CommandFailed(f"{path} cannot be read as Parquet ({_line(error)}).") from error


def count(path: Path) -> int:
    """How many rows there are. Raises CommandFailed for what is no Parquet."""
    with _opened(path) as file:
        rows: int = file.metadata.num_rows
        return rows


def _records(batch: pyarrow.RecordBatch, before: int, after: int, encoded: set[str]) -> Iterator[Line | Rejected]:
    size = batch.nbytes // max(len(batch), 1)
    for number, row in enumerate(batch.to_pylist(), before + 1):
        if number > after:
            present = [(name, found) for name, found in row.items() if found is not None]
            record, fault = exact.record(
                (name, found, _decoded if name in encoded else value) for name, found in present
            )
            yield Line(number, record, size) if fault is None else Rejected(number, BadInput.code, fault, record)


def _decoded(text: str) -> Any:  # noqa: ANN401 - JSON
    return exact.loads(text.encode())


def value(found: Any) -> Any:  # noqa: ANN401 - of any of Parquet's types
    """What a value is in JSON: bytes are base64, times RFC 3339 (without an offset: of UTC), decimals numbers, NaN and infinity null.

    Raises BadInput for a whole number beyond 64 bits.
    """
    return next((made(found) for kind, made in _IN_JSON if isinstance(found, kind)), found)


def _moment(found: dt.datetime) -> str:
    moment = found if found.tzinfo else found.replace(tzinfo=dt.UTC)
    return moment.astimezone(dt.UTC).isoformat().replace("+00:00", "Z")


def _number(found: decimal.Decimal) -> int | float:
    if found != found.to_integral_value():
        return float(found)
    check_json(int(found), "The value")
    return int(found)


_IN_JSON: Final[Sequence[tuple[type, Callable[[Any], Any]]]] = (
    (float, lambda found: found if math.isfinite(found) else None),
    (dict, lambda found: {name: value(inner) for name, inner in found.items()}),
    (list, lambda found: [value(inner) for inner in found]),
    (dt.datetime, _moment),
    (dt.date, dt.date.isoformat),
    (dt.time, dt.time.isoformat),
    (dt.timedelta, dt.timedelta.total_seconds),
    (decimal.Decimal, _number),
    (bytes, lambda found: base64.b64encode(found).decode()),
)


def library() -> Any:  # noqa: ANN401 - a module
    """pyarrow. Raises CommandFailed where it is not installed."""
    try:
        import pyarrow.parquet  # noqa: PLC0415 - an extra, and a third of a second
    except ImportError as error:
        raise CommandFailed("Parquet needs the package pyarrow: install it where vectorgate is installed.") from error
    return pyarrow


def _line(error: Exception) -> str:
    return " ".join(str(error).split())
