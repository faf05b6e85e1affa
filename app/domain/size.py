"""How large a document or row may be, and how it is measured."""

from __future__ import annotations

import re
from collections.abc import Mapping

import orjson

from app.errors import LimitExceeded

MOST_BYTES = 4_000_000
"""The size of one document's or row's fields as JSON, and of the text that is kept with them."""

MOST_BYTES_AS_TEXT = 2 * MOST_BYTES
"""PostgreSQL writes JSON with spaces: what is longer than this is larger than it may be without them."""

_EXPONENT = re.compile(rb"(?<=[:\[,-])\d+(?:\.\d+)?e([+-]?\d+)(?=[,\]}])")
"""The exponent of a JSON number."""


def check_size(size: int, what: str) -> None:
    """Raises LimitExceeded beyond 4 MB. `what`: "document" or "row"."""
    if size > MOST_BYTES:
        raise LimitExceeded(
            f"A {what} may take {MOST_BYTES} bytes as JSON, its text included, and takes {size}.",
            limit=MOST_BYTES,
            actual=size,
        )


def grown(what: str) -> LimitExceeded:
    """The refusal of an update that would make one that matches larger than it may be."""
    return LimitExceeded(f"A {what} that matches would take more than {MOST_BYTES} bytes.", limit=MOST_BYTES)


def stored_bytes(body: Mapping[str, object]) -> int:
    """The length of a JSON object as PostgreSQL answers it: numbers are written in full there, 1e308 with its 308 zeros."""
    written = orjson.dumps(body)
    return len(written) + sum(abs(int(exponent)) for exponent in _EXPONENT.findall(written))
