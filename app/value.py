"""What a text or JSON value must be for PostgreSQL to hold it and for every client to read it back unchanged."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime

from app.errors import BadInput, LimitExceeded

MAX_DEPTH = 100
INTEGERS = range(-(2**63), 2**64)
"""Those that are read back as they are; JSON parsers make a float of what is larger."""

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
"""RFC 3339, section 5.6. Python reads more of ISO 8601 than that: weeks, seconds left out, commas."""

_IDENTIFIER = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,47}")


def check_text(text: str, what: str) -> None:
    """Raises BadInput for characters that PostgreSQL cannot store."""
    if _UNSTORABLE.search(text):
        raise BadInput(f"{what} holds a NUL character or half of a surrogate pair, which cannot be stored: remove it.")


def check_json(value: object, what: str, depth: int = 0) -> None:
    """Raises BadInput unless a JSON value can be stored and read back: finite numbers, storable text, 100 levels at most."""
    if isinstance(value, str):
        check_text(value, what)
    elif isinstance(value, bool) or value is None:
        return
    elif isinstance(value, int | float):
        _check_number(value, what)
    elif depth >= MAX_DEPTH:
        raise BadInput(f"{what} is nested deeper than {MAX_DEPTH} levels.", limit=MAX_DEPTH)
    elif isinstance(value, dict):
        for name, inner in value.items():
            check_text(name, f"A field name in {what}")
            check_json(inner, what, depth + 1)
    elif isinstance(value, list):
        for inner in value:
            check_json(inner, what, depth + 1)


def moment_of(text: object) -> datetime:
    """An RFC 3339 date and time in UTC, to the microsecond; what is finer is cut off. Raises ValueError for anything else."""
    if not isinstance(text, str) or not _MOMENT.fullmatch(text):
        raise ValueError
    try:
        return datetime.fromisoformat(text.upper()).astimezone(UTC)
    except OverflowError:  # before the year 1, or after 9999, in UTC
        raise ValueError from None


def check_identifier(name: str, what: str) -> None:
    """Raises BadInput unless this can name a database, collection, table, column or index."""
    if not _IDENTIFIER.fullmatch(name):
        raise BadInput(
            f"{what} must have 1 to 48 letters, digits and underscores, and begin with a letter.",
            limit=48,
            actual=len(name),
        )


def check_title(name: str, what: str) -> str:
    """The trimmed name of an organization, token or role. Raises BadInput unless it has 1 to 100 printable characters."""
    trimmed = name.strip()
    if not 1 <= len(trimmed) <= 100 or not trimmed.isprintable():
        raise BadInput(f"{what} must have 1 to 100 printable characters.", limit=100, actual=len(trimmed))
    return trimmed


def check_count(count: int, least: int, most: int, what: str) -> None:
    """Raises BadInput for an empty list, LimitExceeded for one that is too long; both say limit and actual."""
    if count < least:
        raise BadInput(f"{what} must have at least {least} item(s), and has {count}.", limit=least, actual=count)
    if count > most:
        raise LimitExceeded(
            f"{what} may have at most {most} items, and has {count}: send several calls.", limit=most, actual=count
        )


def _check_number(value: float, what: str) -> None:
    storable = value in INTEGERS if isinstance(value, int) else math.isfinite(value)
    if not storable:
        raise BadInput(
            f"{what} holds a number that is not finite or, as an integer, needs more than 64 bits: send it as a string."
        )
