from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.cli.transfer import cell
from app.errors import BadInput
from app.store.record import ColumnType

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
TRICKY = st.sampled_from(
    ['"', '""', '"5"', '"\\"5\\""', "5", "true", "null", "[1]", "{}", "[", "01", "1.50", "-", " 5", '"a"']
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("5", 5),
        ("-1.5e3", -1500.0),
        ("1.50", 1.5),
        ("true", True),
        ("null", None),
        ('{"a": [1]}', {"a": [1]}),
        ("[1, 2]", [1, 2]),
        ("01234", "01234"),
        ("+49 30", "+49 30"),
        ("NaN", "NaN"),
        ("[draft]", "[draft]"),
        ("{curly", "{curly"),
        ('"5"', "5"),
        ('"quoted"', '"quoted"'),
        ('""', ""),
        ("\N{ARABIC-INDIC DIGIT FIVE}", "\N{ARABIC-INDIC DIGIT FIVE}"),
        (" 5", " 5"),
    ],
)
def test_a_cell_of_a_document_is_what_it_looks_like(text: str, value: object) -> None:
    assert cell.inferred(text) == value


def test_a_column_can_be_text_whatever_it_looks_like() -> None:
    reader_of = cell.of_document(("zip",))
    assert (reader_of("zip")("10115"), reader_of("n")("10115")) == ("10115", 10115)
    assert cell.of_document(("*",))("n")("10115") == "10115"


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (ColumnType.TEXT, "5", "5"),
        (ColumnType.TEXT, "", None),
        (ColumnType.TEXT, '""', ""),
        (ColumnType.INT, "5", 5),
        (ColumnType.INT, "five", "five"),
        (ColumnType.BIGINT, "9223372036854775807", 2**63 - 1),
        (ColumnType.DOUBLE, "1e3", 1000.0),
        (ColumnType.BOOLEAN, "T", True),
        (ColumnType.BOOLEAN, "0", False),
        (ColumnType.BOOLEAN, "maybe", "maybe"),
        (ColumnType.BOOLEAN, "", None),
        (ColumnType.TIMESTAMP, "2030-01-31T12:00:00Z", "2030-01-31T12:00:00Z"),
        (ColumnType.UUID, "123e4567-e89b-12d3-a456-426614174000", "123e4567-e89b-12d3-a456-426614174000"),
        (ColumnType.JSON, '{"a":1}', {"a": 1}),
        (ColumnType.JSON, "word", "word"),
        (ColumnType.VECTOR, "[1, 2]", [1, 2]),
        (ColumnType.VECTOR, "a text to embed", "a text to embed"),
    ],
)
def test_a_cell_of_a_table_is_what_its_column_takes(kind: ColumnType, text: str, value: object) -> None:
    assert cell.of_table({"c": kind})("c")(text) == value


@given(JSON | TRICKY)
def test_a_value_that_was_written_is_read_as_it_was(value: object) -> None:
    assert cell.inferred(cell.written(value, cell.inferred)) == value


@given(st.text() | TRICKY)
def test_a_text_that_was_written_to_a_text_column_is_read_as_it_was(text: str) -> None:
    assert cell.plain(cell.written(text, cell.plain)) == text


@pytest.mark.parametrize(
    "text", ["123456789012345678901234567890", '"123456789012345678901234567890"', "[" * 300 + "]" * 300]
)
def test_a_text_that_looks_like_what_cannot_be_stored_is_written_in_quotes(text: str) -> None:
    assert cell.inferred(cell.written(text, cell.inferred)) == text
    with pytest.raises(BadInput):
        cell.inferred(text.strip('"'))
