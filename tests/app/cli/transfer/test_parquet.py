from __future__ import annotations

import base64
import datetime as dt
import decimal
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from app.cli.process import CommandFailed
from app.cli.transfer import parquet, parquet_writer
from app.cli.transfer.line import Line, Rejected
from app.cli.transfer.shape import Field, Shape
from app.store.record import ColumnType


def records(path: Path, after: int = 0, named: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    return [each.record for each in parquet.read(path, after, named) if isinstance(each, Line)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "books.parquet"


def test_values_of_every_type_become_json(path: Path) -> None:
    when = dt.datetime(2030, 1, 31, 12, tzinfo=dt.timezone(dt.timedelta(hours=2)))
    row = {
        "text": "café",
        "whole": 2**62,
        "half": 0.5,
        "flag": True,
        "when": when,
        "naive": dt.datetime(2030, 1, 31, 12),  # noqa: DTZ001 - as pandas writes it
        "day": dt.date(2030, 1, 31),
        "price": decimal.Decimal("9.99"),
        "count": decimal.Decimal("3.00"),
        "bytes": b"\x00\xff",
        "vector": [0.5, float("nan")],
        "deep": {"list": [{"a": 1}]},
        "none": None,
        "missing": float("nan"),
    }
    pq.write_table(pa.Table.from_pylist([row]), path)
    assert records(path) == [
        {
            "text": "café",
            "whole": 2**62,
            "half": 0.5,
            "flag": True,
            "when": "2030-01-31T10:00:00Z",
            "naive": "2030-01-31T12:00:00Z",
            "day": "2030-01-31",
            "price": 9.99,
            "count": 3,
            "bytes": base64.b64encode(b"\x00\xff").decode(),
            "vector": [0.5, None],
            "deep": {"list": [{"a": 1}]},
            "missing": None,
        }
    ]


def test_rows_are_numbered_and_what_was_read_before_is_passed_over(path: Path) -> None:
    pq.write_table(pa.table({"n": list(range(2500))}), path, row_group_size=700)
    assert [each.number for each in parquet.read(path, 2498, ())] == [2499, 2500]
    assert len(records(path)) == 2500


def test_a_column_that_an_option_names_must_be_there(path: Path) -> None:
    pq.write_table(pa.table({"n": [1]}), path)
    with pytest.raises(CommandFailed, match="no column 'm'; it has: n"):
        records(path, named=("m",))


def test_what_is_no_parquet_is_told_on_one_line(path: Path) -> None:
    path.write_text("n\n1\n")
    with pytest.raises(CommandFailed, match="cannot be read as Parquet") as told:
        records(path)
    assert "\n" not in str(told.value)


def test_without_pyarrow_it_is_told_what_to_install(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path.touch()
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(CommandFailed, match="needs the package pyarrow"):
        records(path)


def test_documents_that_were_written_are_read_as_they_were(path: Path) -> None:
    found = [
        {"_id": "a", "n": 1, "mixed": "text", "deep": {"list": [1]}, "flag": True, "$vector": [0.5, 0.25]},
        {"_id": 2, "n": 1.5, "mixed": 7, "deep": [], "$vectorize": "a text"},
        {"_id": "c", "big": 2**63 - 1, "only": None, "mixed": None},
    ]
    shape = Shape()
    shape.see(found)
    kinds = {each.name: each.type for each in shape.fields}
    assert list(kinds) == ["_id", "n", "mixed", "deep", "flag", "big", "$vectorize", "$vector"]
    assert (kinds["_id"], kinds["n"], kinds["big"]) == (ColumnType.JSON, ColumnType.DOUBLE, ColumnType.JSON)
    with path.open("wb") as file, parquet_writer.opened(file, shape.fields) as writer:
        writer.write(found[:1])
        writer.write(found[1:])
    assert records(path) == [{name: value for name, value in each.items() if value is not None} for each in found]


def test_rows_that_were_written_are_read_as_they_were(path: Path) -> None:
    row = {
        "t": "",
        "i": 1,
        "b": str(2**60),
        "d": 1,
        "f": False,
        "w": "2030-01-31T12:00:00.000001Z",
        "j": {"a": [None]},
        "v": [0.1],
    }
    types = {
        "t": "TEXT",
        "i": "INT",
        "b": "BIGINT",
        "d": "DOUBLE",
        "f": "BOOLEAN",
        "w": "TIMESTAMP",
        "j": "JSON",
        "v": "VECTOR",
    }
    fields = [Field(name, ColumnType(kind)) for name, kind in types.items()]
    with path.open("wb") as file, parquet_writer.opened(file, fields) as writer:
        writer.write([row])
    (found,) = records(path)
    assert found == {**row, "b": 2**60, "v": [pytest.approx(0.1)]}


def test_groups_are_bounded(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet_writer, "GROUP", 100)
    with path.open("wb") as file, parquet_writer.opened(file, [Field("n", ColumnType.BIGINT)]) as writer:
        for first in range(0, 250, 50):
            writer.write([{"n": n} for n in range(first, first + 50)])
    assert pq.ParquetFile(path).metadata.num_row_groups == 3
    assert [each["n"] for each in records(path)] == list(range(250))


def test_a_whole_number_beyond_64_bits_is_rejected_as_text_with_the_rest(path: Path) -> None:
    numbers = [decimal.Decimal(12345678901234567890123456789), decimal.Decimal(2**64 - 1)]
    pq.write_table(pa.table({"isbn": numbers, "n": [1, 2]}), path)
    wrong, good = parquet.read(path, 0, ())
    assert isinstance(wrong, Rejected)
    assert (wrong.number, wrong.code, wrong.original) == (1, "BAD_INPUT", {"isbn": str(numbers[0]), "n": 1})
    assert isinstance(good, Line)
    assert good.record == {"isbn": 2**64 - 1, "n": 2}
