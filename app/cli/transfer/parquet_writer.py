"""Writing Parquet, through pyarrow."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import IO, Any, Final

import orjson

from app.cli.transfer.parquet import JSON_MARK, library
from app.cli.transfer.shape import Field
from app.store.record import ColumnType

GROUP: Final = 10_000
"""Records of a row group, which a reader may have to hold at once."""
GROUP_BYTES: Final = 32 * 1024 * 1024
"""Of a group in memory: a group of large records has fewer."""


class ParquetWriter:
    """Gathers records into row groups."""

    def __init__(self, arrow: Any, file: Any, fields: Sequence[Field]) -> None:  # noqa: ANN401 - pyarrow's
        self._arrow, self._file = arrow, file
        self._made = [(each.name, _MADE[each.type]) for each in fields if each.type in _MADE]
        self._batches: list[Any] = []

    def write(self, records: Sequence[Mapping[str, Any]]) -> None:
        rows = [self._row(each) for each in records]
        self._batches.append(self._arrow.RecordBatch.from_pylist(rows, schema=self._file.schema))
        if sum(map(len, self._batches)) >= GROUP or sum(each.nbytes for each in self._batches) >= GROUP_BYTES:
            self.flush()

    def flush(self) -> None:
        if self._batches:
            self._file.write_table(self._arrow.Table.from_batches(self._batches))
        self._batches = []

    def _row(self, record: Mapping[str, Any]) -> dict[str, Any]:
        return {**record, **{name: made(record[name]) for name, made in self._made if record.get(name) is not None}}


@contextmanager
def opened(file: IO[bytes], fields: Sequence[Field]) -> Iterator[ParquetWriter]:
    """A writer whose file is whole at the end. Raises CommandFailed where pyarrow is not installed."""
    arrow = library()
    schema = arrow.schema([_column(arrow, each) for each in fields])
    with arrow.parquet.ParquetWriter(file, schema, compression="zstd") as under:
        writer = ParquetWriter(arrow, under, fields)
        yield writer
        writer.flush()


def _column(arrow: Any, field: Field) -> Any:  # noqa: ANN401 - pyarrow's
    types = {
        ColumnType.INT: arrow.int32(),
        ColumnType.BIGINT: arrow.int64(),
        ColumnType.DOUBLE: arrow.float64(),
        ColumnType.BOOLEAN: arrow.bool_(),
        ColumnType.TIMESTAMP: arrow.timestamp("us", "UTC"),
        ColumnType.VECTOR: arrow.list_(arrow.float32()),
    }
    metadata = JSON_MARK if field.type is ColumnType.JSON else None
    return arrow.field(field.name, types.get(field.type, arrow.string()), metadata=metadata)


_MADE: Final[Mapping[ColumnType, Callable[[Any], Any]]] = {
    ColumnType.BIGINT: int,
    ColumnType.DOUBLE: float,
    ColumnType.JSON: lambda value: orjson.dumps(value).decode(),
    ColumnType.TIMESTAMP: dt.datetime.fromisoformat,
}
"""What Arrow takes for a JSON value of a type, where it is not the value itself."""
