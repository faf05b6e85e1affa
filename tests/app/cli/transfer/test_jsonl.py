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
    assert rejected.message == "This line is not UTF-8: its bytes that are not are shown as \\x… here."
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


def nested(depth: int) -> bytes:
    return b'{"a":' * depth + b"1" + b"}" * depth


@pytest.mark.parametrize("depth", [101, 254, 255, 300, 1023])
def test_a_record_that_is_nested_too_deep_is_rejected_alone_with_its_text(depth: int) -> None:
    wrong, good = read(nested(depth) + b'\n{"a":1}\n')
    assert isinstance(wrong, Rejected)
    assert (wrong.number, wrong.code, wrong.original) == (1, "BAD_INPUT", nested(depth).decode())
    assert wrong.message == "The value is nested deeper than 100 levels."
    assert good == Line(2, {"a": 1}, 7)
    assert jsonl.written({"$line": wrong.original})


def test_the_deepest_record_is_read_as_it_is_and_after_it_was_rejected() -> None:
    deepest = orjson.loads(nested(100))
    assert records(nested(100)) == [deepest]
    assert records(jsonl.written({"$rejected": {}, "$line": deepest})) == [deepest]


@pytest.mark.parametrize(
    "text",
    [
        b'{"$rejected":{},"$line":' + nested(300) + b"}",
        b'{"$rejected":' + nested(1000) + b',"$line":{"a":1}}',
        b'{"n":1}'.replace(b"1", b"[" * 300 + b"]" * 300),
        b'{"$rejected":{},"$line":{"n":123456789012345678901234567890}}',
    ],
    ids=["a mended record", "the reason", "a list", "a mended number"],
)
def test_what_cannot_be_kept_is_rejected_whatever_is_around_it(text: bytes) -> None:
    (wrong,) = read(text)
    assert isinstance(wrong, Rejected)
    assert (wrong.code, wrong.original) == ("BAD_INPUT", text.decode())


def test_a_list_that_is_nested_too_deep_is_rejected_with_its_text() -> None:
    _, wrong = read(b"{}\n" + b"[" * 300 + b"]" * 300)
    assert isinstance(wrong, Rejected)
    assert wrong.original == "[" * 300 + "]" * 300


@pytest.mark.parametrize(
    "number",
    ["123456789012345678901234567890", str(2**64), str(-(2**63) - 1), "9" * 300],
    ids=["30 digits", "above", "below", "300 digits"],
)
def test_a_whole_number_beyond_64_bits_is_rejected_with_the_line_as_it_stands(number: str) -> None:
    text = f'{{"isbn":{number}}}'
    (wrong,) = read(text.encode())
    assert isinstance(wrong, Rejected)
    assert (wrong.code, wrong.original) == ("BAD_INPUT", text)
    assert "needs more than 64 bits: send it as a string" in wrong.message


@pytest.mark.parametrize("number", [2**64 - 1, -(2**63), 1.5e300, 0.1234567890123456789, 123456789012345678.5])
def test_every_other_number_is_read_as_it_is(number: float) -> None:
    assert records(jsonl.written({"n": number})) == [{"n": number}]
    assert records(b'{"n":0.12345678901234567890,"text":"123456789012345678901234567890"}') == [
        {"n": 0.12345678901234568, "text": "123456789012345678901234567890"}
    ]


def test_numbers_of_fields_that_are_left_out_are_of_no_matter() -> None:
    content = b'{"n":123456789012345678901234567890,"a":1}'
    (found,) = jsonl.read(io.BytesIO(content), 0, {"n"})
    assert isinstance(found, Line)
    assert found.record["a"] == 1
