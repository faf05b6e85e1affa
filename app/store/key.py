"""Document keys as text: 1 and 1.0 are one key, "1" is another; the text is the key's shortest JSON."""

from __future__ import annotations

import orjson

from app.errors import BadInput
from app.value import check_text

MAX_KEY_BYTES = 1024
"""A B-tree entry holds 2,704 bytes; the pagination index holds the key and a time."""

MAX_EXACT = 2**53 - 1
"""The largest integer that every JSON implementation keeps exactly (RFC 8259, section 6)."""


def encode_key(value: object) -> str:
    """The stored form of a string or number. Raises BadInput for anything else."""
    if isinstance(value, str):
        check_text(value, "_id")
        return _bounded(orjson.dumps(value).decode())
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _number(value)
    raise BadInput("_id must be a string or a number; leave it out to have one generated.")


def is_encoded(text: str) -> bool:
    """Whether a text that came back from a client, in an id or a cursor, is a key in its stored form."""
    try:
        return encode_key(orjson.loads(text)) == text
    except (ValueError, BadInput):
        return False


def decode_key(text: str) -> object:
    """The key as the caller gave it (numbers in their shortest form)."""
    return orjson.loads(text)


def _bounded(text: str) -> str:
    size = len(text.encode())
    if size > MAX_KEY_BYTES:
        raise BadInput(
            f"_id may take {MAX_KEY_BYTES} bytes as JSON, and takes {size}.", limit=MAX_KEY_BYTES, actual=size
        )
    return text


def _number(value: float) -> str:
    if not -MAX_EXACT <= value <= MAX_EXACT:
        raise BadInput(f"A number as _id must lie within ±{MAX_EXACT}; use a string for larger ones.", limit=MAX_EXACT)
    return str(int(value)) if value == int(value) else repr(float(value))
