from __future__ import annotations

import io

import pytest

from app.cli.process import CommandFailed
from app.cli.transfer import cell, csv_rows
from app.cli.transfer.line import Line, Rejected


def read(content: bytes, *, after: int = 0, delimiter: str = ",", named: tuple[str, ...] = ()) -> list[Line | Rejected]:
    return list(csv_rows.read(io.BytesIO(content), after, delimiter, cell.of_document(()), named))


def records(content: bytes, **more: str) -> list[object]:
    return [each.record for each in read(content, **more) if isinstance(each, Line)]  # type: ignore[arg-type] # a delimiter


def test_a_record_a_row_by_the_names_of_the_header() -> None:
    assert read(b"a,b\n1,x\n2,y\n") == [Line(2, {"a": 1, "b": "x"}, 2), Line(3, {"a": 2, "b": "y"}, 2)]


@pytest.mark.parametrize(
    "content",
    [b"a,b\r\n1,x\r\n2,y\r\n", b"\xef\xbb\xbfa,b\n1,x\n2,y", b"a,b\n\n1,x\n\n2,y\n\n", b'"a","b"\n"1","x"\n"2","y"\n'],
    ids=["CRLF", "a mark of UTF-8", "blank lines", "quotes"],
)
def test_what_is_around_cells_is_of_no_matter(content: bytes) -> None:
    assert records(content) == [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]


def test_a_cell_holds_commas_quotes_and_line_breaks_and_rows_have_the_number_of_their_first_line() -> None:
    found = read(b'a,b\n1,"x, ""y""\nz"\n2,w\n')
    assert found == [Line(2, {"a": 1, "b": 'x, "y"\nz'}, 9), Line(4, {"a": 2, "b": "w"}, 2)]


def test_an_empty_cell_is_no_value() -> None:
    assert records(b"a,b\n,x\n1,\n") == [{"b": "x"}, {"a": 1}]


def test_another_delimiter() -> None:
    assert records(b"a\tb\n1\tx,y\n", delimiter="\t") == [{"a": 1, "b": "x,y"}]


def test_what_was_read_before_is_passed_over() -> None:
    assert [each.number for each in read(b"a\n1\n2\n3\n", after=3)] == [4]


def test_empty_files_have_no_records() -> None:
    assert read(b"") == []
    assert read(b"a,b\n") == []


def test_a_row_of_another_length_is_rejected_alone_with_all_its_cells() -> None:
    short, long, good = read(b"a,b\n1\n1,2,3,4\n1,2\n")
    assert isinstance(short, Rejected)
    assert (short.number, short.message) == (2, "This row has 1 cells, and the header 2.")
    assert short.original == {"a": 1}
    assert isinstance(long, Rejected)
    assert long.original == {"a": 1, "b": 2, "$more": ["3", "4"]}
    assert good == Line(4, {"a": 1, "b": 2}, 2)


def test_quotes_that_are_not_closed_are_rejected() -> None:
    wrong, *_ = read(b'a,b\n1,"x"y\n2,z\n')
    assert isinstance(wrong, Rejected)
    assert (wrong.number, wrong.code) == (2, "BAD_INPUT")
    assert wrong.message.startswith("This is no CSV: ")


def test_bytes_that_are_not_utf_8_are_rejected_and_shown() -> None:
    wrong, good = read(b"a\ncaf\xe9\ncaf\xc3\xa9\n")
    assert isinstance(wrong, Rejected)
    assert (wrong.number, wrong.original) == (2, {"a": "caf\\xe9"})
    assert good == Line(3, {"a": "café"}, 4)


@pytest.mark.parametrize("header", [b"a,a\n", b"a,,b\n", "a,b\n".encode("utf-16"), b"\n"])
def test_a_header_that_names_no_columns_is_refused(header: bytes) -> None:
    with pytest.raises(CommandFailed, match="first line of CSV names the columns"):
        read(header + b"1,2\n")


def test_a_column_that_an_option_names_must_be_there() -> None:
    assert len(read(b"a,b\n1,2\n", named=("a",))) == 1
    with pytest.raises(CommandFailed, match="no column 'titel'; it has: a, b"):
        read(b"a,b\n1,2\n", named=("a", "titel"))


def test_a_quote_that_is_never_closed_costs_its_line_alone() -> None:
    rows = b"".join(b"%d,x\n" % number for number in range(1000))
    wrong, *good = read(b'a,b\n1,"5 inch\n' + rows)
    assert isinstance(wrong, Rejected)
    assert (wrong.number, wrong.code, wrong.original) == (2, "BAD_INPUT", '1,"5 inch')
    assert "Lines 2 to 1002 were taken for one record: is a quote open?" in wrong.message
    assert good == [Line(3 + number, {"a": number, "b": "x"}, len(str(number)) + 1) for number in range(1000)]


def test_lines_behind_an_open_quote_are_read_again_where_another_quote_ends_it() -> None:
    first, between, second, last = read(b'a,b\n1,"x\n2,y\n3,"z\n4,w\n')
    assert [each.original for each in (first, second) if isinstance(each, Rejected)] == ['1,"x', '3,"z']
    assert (between, last) == (Line(3, {"a": 2, "b": "y"}, 2), Line(5, {"a": 4, "b": "w"}, 2))


def test_reading_goes_on_behind_a_line_that_was_read_again() -> None:
    content = b'a,b\n1,"x\n2,y\n3,z\n'
    assert read(content, after=3) == read(content)[2:] == [Line(4, {"a": 3, "b": "z"}, 2)]


def test_a_record_beyond_the_limit_is_rejected_and_reading_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_rows, "LONGEST", 50)
    wrong, *good = read(b'a,b\n1,"x\n' + b"2,y\n" * 100)
    assert isinstance(wrong, Rejected)
    assert (wrong.number, wrong.original) == (2, '1,"x')
    assert len(good) == 100
    assert all(isinstance(each, Line) for each in good)


def test_a_row_of_several_lines_and_another_length_names_them() -> None:
    (wrong,) = read(b'a,b\n"1,x\n2,y"\n')
    assert isinstance(wrong, Rejected)
    assert wrong.message == "This row, lines 2 to 3, has 1 cells, and the header 2. Is a quote open?"
    assert wrong.original == {"a": "1,x\n2,y"}


@pytest.mark.parametrize("found", ["123456789012345678901234567890", "[" * 300 + "]" * 300], ids=["number", "nesting"])
def test_a_cell_that_cannot_be_kept_is_rejected_as_text_with_the_rest(found: str) -> None:
    wrong, good = read(f"a,b\n{found},1\n{2**64 - 1},2\n".encode())
    assert isinstance(wrong, Rejected)
    assert (wrong.number, wrong.code, wrong.original) == (2, "BAD_INPUT", {"a": found, "b": 1})
    assert wrong.message.startswith("a: The value ")
    assert isinstance(good, Line)
    assert good.record == {"a": 2**64 - 1, "b": 2}
    (text,) = csv_rows.read(io.BytesIO(f"a\n{found}\n".encode()), 0, ",", cell.of_document(("a",)), ())
    assert isinstance(text, Line)
    assert text.record == {"a": found}
