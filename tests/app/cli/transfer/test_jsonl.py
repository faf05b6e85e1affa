from __future__ import annotations

import io
import os

import orjson
import pytest

from app.cli.process import CommandFailed
from app.cli.transfer import jsonl
from app.cli.transfer.line import Line, Rejected


def read(content: bytes, after: int = 0) -> list[Line | Rejected]:
    return list(jsonl.read(io.BytesIO(content), after))


def records(content: bytes) -> list[object]:
    return [each.record for each in read(content) if isinstance(each, Line)]


def test_a_record_a_line_with_its_number_and_size() -> None:
    assert read(b'{"a": 1}\n{"a": 2}\n') == [Line(1, {"a": 1}, 8), Line(2, {"a": 2}, 8)]


@pytest.mark.parametrize(
    "content",
    [
        b'{"a":1}\n{"a":2}',
        b'{"a":1}\r\n{"a":2}\r\n',
        b'\xef\xbb\xbf{"a":1}\n{"a":2}\n',
        b'\n  \n{"a":1}\n\n\t{"a":2}\t\n\n',
    ],
    ids=["no line break at the end", "CRLF", "a mark of UTF-8", "blank lines"],
)
def test_what_is_around_records_is_of_no_matter(content: bytes) -> None:
    assert records(content) == [{"a": 1}, {"a": 2}]


def test_blank_lines_count_as_lines() -> None:
    assert [each.number for each in read(b'\n{"a":1}\n\n{"a":2}\n')] == [2, 4]


def test_an_empty_file_has_no_records() -> None:
    assert read(b"") == []
    assert read(b"\n\n") == []


def test_what_was_read_before_is_passed_over_unread() -> None:
    assert read(b'nonsense\n{"a":2}\n{"a":3}\n', after=2) == [Line(3, {"a": 3}, 7)]


def test_a_line_that_is_no_json_object_is_rejected_alone_with_its_text() -> None:
    first, second, third, fourth = read(b'{"a": nope}\n[1]\n"text"\n{"a":1}\n')
    assert isinstance(first, Rejected)
    assert (first.number, first.code, first.original) == (1, "BAD_INPUT", '{"a": nope}')
    assert first.message.startswith("This is no JSON: ")
    assert [each.original for each in (second, third) if isinstance(each, Rejected)] == [[1], "text"]
    assert fourth == Line(4, {"a": 1}, 7)


def test_bytes_that_are_not_utf_8_are_rejected_and_shown() -> None:
    (rejected, good) = read(b'{"a":"caf\xe9"}\n{"a":1}\n')
    assert isinstance(rejected, Rejected)
    assert (rejected.code, rejected.original) == ("BAD_INPUT", '{"a":"caf\\xe9"}')
    assert isinstance(good, Line)


def test_a_line_beyond_the_limit_is_cut_and_the_next_one_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jsonl, "LONGEST", 100)
    monkeypatch.setattr(jsonl, "SHOWN", 10)
    content = b'{"a":"' + b"x" * 500 + b'"}\n{"b":1}\n{"c":"' + b"y" * 92 + b'"}'
    first, second, third = read(content)
    assert isinstance(first, Rejected)
    assert (first.number, first.code, first.original) == (1, "LIMIT_EXCEEDED", '{"a":"xxxx')
    assert (second.number, second) == (2, Line(2, {"b": 1}, 7))
    assert third == Line(3, {"c": "y" * 92}, 100)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf_16_is_refused_with_what_to_do(encoding: str) -> None:
    marked = "\ufeff" + '{"a": 1}\n' if encoding != "utf-16" else '{"a": 1}\n'
    with pytest.raises(CommandFailed, match=r"UTF-16.*iconv"):
        read(marked.encode(encoding))


def test_a_json_array_is_refused_with_what_to_do() -> None:
    with pytest.raises(CommandFailed, match=r"JSON array.*jq -c '\.\[\]'"):
        read(b'\n[\n  {"a": 1}\n]\n')


def test_a_rejected_record_that_was_mended_is_read_as_what_it_was_about() -> None:
    told = {"line": 7, "code": "BAD_INPUT", "message": "…"}
    lines: list[dict[str, object]] = [{"$rejected": told, "$line": {"a": 1}}, {"$rejected": told, "$line": '{"a": 2}'}]
    assert records(b"".join(map(jsonl.written, lines))) == [{"a": 1}, {"a": 2}]


def test_a_rejected_record_that_was_not_mended_is_rejected_again() -> None:
    (found,) = read(jsonl.written({"$rejected": {"line": 7}, "$line": "nonsense"}))
    assert isinstance(found, Rejected)
    assert (found.number, found.original) == (1, "nonsense")


def test_records_are_read_as_they_are_needed() -> None:
    reading, writing = os.pipe()
    os.write(writing, b'{"a":1}\n')
    with os.fdopen(reading, "rb") as stream:
        assert next(jsonl.read(stream, 0)) == Line(1, {"a": 1}, 7)
    os.close(writing)


def test_a_record_that_was_written_is_read_as_it_was() -> None:
    record = {"_id": 1, "text": "line\nbreak, \u2028 and café", "deep": {"list": [1, 2.5, None, True]}}
    assert orjson.loads(jsonl.written(record)) == record
    assert records(jsonl.written(record)) == [record]
