"""JSON Lines: one JSON object a line, in UTF-8."""

from __future__ import annotations

import codecs
from collections.abc import Collection, Iterator, Mapping
from typing import IO, Any, Final

import orjson

from app.cli.process import CommandFailed
from app.cli.transfer import exact
from app.cli.transfer.line import Line, Rejected
from app.errors import BadInput, LimitExceeded

LONGEST: Final = 16 * 1024 * 1024
"""Bytes of a line: a record of 4 MB fits however it is escaped, and memory stays bounded whatever a file holds."""
SHOWN: Final = 1000
"""Bytes that are kept of a line that is too long."""

REJECTED: Final = "$rejected"
ORIGINAL: Final = "$line"
"""A line of rejected records holds these two: why, and what it was about, to be mended and imported as it is."""


def read(stream: IO[bytes], after: int, ignored: Collection[str] = ()) -> Iterator[Line | Rejected]:
    """The records behind line `after`. Blank lines are passed over. Raises CommandFailed for what are no JSON Lines at all.

    `ignored`: fields whose numbers are of no matter.
    """
    first = True
    for number, raw in enumerate(_lines(stream), 1):
        text = raw.strip()
        if first and text:
            text, first = _begun(text), False
        if text and number > after:
            yield _record(number, text, ignored)


def written(record: Mapping[str, Any]) -> bytes:
    """A record as a line."""
    return orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE)


def _lines(stream: IO[bytes]) -> Iterator[bytes]:
    """Lines of at most LONGEST + 1 bytes: what is longer is cut."""
    while raw := stream.readline(LONGEST + 1):
        rest = raw
        while len(rest) > LONGEST and not rest.endswith(b"\n"):
            rest = stream.readline(LONGEST + 1)
        yield raw


def _begun(text: bytes) -> bytes:
    """The first line without its mark of UTF-8. Raises CommandFailed for another encoding, and for one JSON array."""
    if text.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise CommandFailed(
            "This is UTF-16, and JSON Lines are UTF-8: convert it, with `iconv -f UTF-16 -t UTF-8` say."
        )
    text = text.removeprefix(codecs.BOM_UTF8)
    if text.startswith(b"["):
        raise CommandFailed("This is a JSON array, not JSON Lines: convert it, with `jq -c '.[]'` say.")
    return text


def _record(number: int, text: bytes, ignored: Collection[str]) -> Line | Rejected:
    if len(text) > LONGEST:
        message = f"A line may take {LONGEST} bytes. This one is longer, and was cut here."
        return Rejected(number, LimitExceeded.code, message, _shown(text[:SHOWN]))
    try:
        value = exact.loads(text, _original, ignored)
    except orjson.JSONDecodeError as error:
        return Rejected(number, BadInput.code, _fault(text, error), _shown(text))
    except BadInput as error:
        return Rejected(number, error.code, error.message, _shown(text))
    if isinstance(value, _Text):
        return _record(number, value.encode("utf-8", "surrogatepass").strip(), ignored)
    if not isinstance(value, dict):
        return Rejected(number, BadInput.code, "A line must be a JSON object.", value)
    return Line(number, value, len(text))


def _fault(text: bytes, error: orjson.JSONDecodeError) -> str:
    try:
        text.decode()
    except UnicodeDecodeError:
        return "This line is not UTF-8: its bytes that are not are shown as \\x… here."
    return f"This is no JSON: {error}."


class _Text(str):
    """What was rejected before because it could not be read, to be read again."""

    __slots__ = ()


def _original(value: Any) -> Any:  # noqa: ANN401 - JSON
    """What a line is about: of a record that was rejected before that record, else the line itself."""
    original = value
    while isinstance(original, dict) and REJECTED in original:
        original = original.get(ORIGINAL)
    return _Text(original) if isinstance(original, str) and original is not value else original


def _shown(text: bytes) -> str:
    return text.decode("utf-8", "backslashreplace")
