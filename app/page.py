"""Keyset pages: what a caller asks for, the opaque cursors, and what comes back."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Generic, TypeVar
from uuid import UUID

import orjson

from app.errors import BadInput

MAX_FIRST = 500

T = TypeVar("T")
U = TypeVar("U")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Items in order, each with its cursor, and whether there are more."""

    items: list[T]
    cursors: list[str]
    has_next: bool
    has_previous: bool

    @classmethod
    def of(cls, found: Sequence[T], first: int, after: str | None, cursor: Callable[[T], str]) -> Page[T]:
        """A page of the `first + 1` items that were looked for."""
        items = list(found[:first])
        return cls(items, [cursor(item) for item in items], len(found) > first, after is not None)


def check_first(first: int) -> None:
    """Raises BadInput unless a page of 1 to 500 items is asked for."""
    if not 1 <= first <= MAX_FIRST:
        raise BadInput(f"first must be 1 to {MAX_FIRST}, and is {first}.", limit=MAX_FIRST, actual=first)


def encode_cursor(*parts: object) -> str:
    """An opaque cursor of JSON's scalars."""
    return base64.urlsafe_b64encode(orjson.dumps(parts)).decode().rstrip("=")


def decode_cursor(cursor: str, length: int) -> list[object]:
    """The parts of a cursor that this server made. Raises BadInput for anything else."""
    try:
        parts = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, binascii.Error):
        parts = None
    # What is nested is no cursor of ours: as text it could be too deep to be told.
    if not isinstance(parts, list) or len(parts) != length or any(isinstance(part, (list, dict)) for part in parts):
        raise bad_cursor()
    return parts


def decode_time(part: object) -> datetime:
    """The moment of a cursor. Raises BadInput for what no cursor holds."""
    try:
        moment = datetime.fromisoformat(str(part))
    except ValueError:
        raise bad_cursor() from None
    if moment.utcoffset() != timedelta(0):
        raise bad_cursor()
    return moment


def bad_cursor() -> BadInput:
    return BadInput("after is not a cursor of this connection: pass an endCursor or cursor exactly as it was answered.")


def id_cursor(identifier: UUID) -> str:
    return encode_cursor(identifier.hex)


def after_id(after: str | None) -> UUID | None:
    """The id that a connection in order of creation goes on behind."""
    if after is None:
        return None
    try:
        return UUID(str(decode_cursor(after, 1)[0]))
    except ValueError:
        raise bad_cursor() from None
