"""Global ids and the Node interface: `Kind:key` in URL-safe base64, opaque to clients."""

from __future__ import annotations

import base64
import binascii
from binascii import b2a_base64
from typing import Final
from uuid import UUID

import strawberry

from app.errors import NotFound

URL_SAFE: Final = bytes.maketrans(b"+/", b"-_")


@strawberry.interface(description="Anything with an id of its own. node(id) reads it again.")
class Node:
    id: strawberry.ID = strawberry.field(
        description="Opaque, unique over all types, and stable: keep it, and pass it as it is."
    )


def global_id(kind: str, key: object) -> strawberry.ID:
    """The id of the `kind` with this key."""
    return strawberry.ID(b2a_base64(f"{kind}:{key}".encode(), newline=False).translate(URL_SAFE, b"=").decode())


def split(identifier: str) -> tuple[str, str] | None:
    """(kind, key) of an id; None when no server made it."""
    try:
        text = base64.urlsafe_b64decode(identifier + "=" * (-len(identifier) % 4)).decode()
    except (binascii.Error, ValueError):
        return None
    kind, colon, key = text.partition(":")
    made_here = colon and "\0" not in text and global_id(kind, key) == identifier
    return (kind, key) if made_here else None


def local_id(kind: str, identifier: str) -> UUID:
    """The key of a `kind`. Raises NotFound for any other id: a malformed one and a foreign one are the same to the caller."""
    key = key_of(kind, identifier)
    if key is None:
        raise NotFound(f"There is no {kind} with this id.")
    return key


def key_of(kind: str, identifier: str) -> UUID | None:
    """As `local_id`, with None for any other id: where who asks comes before what is asked for."""
    parts = split(identifier)
    return as_uuid(parts[1]) if parts is not None and parts[0] == kind else None


def local_ids(kind: str, identifiers: list[strawberry.ID]) -> list[UUID]:
    """The keys of several ids, each once, in order."""
    return list(dict.fromkeys(local_id(kind, each) for each in identifiers))


def as_uuid(text: str) -> UUID | None:
    """None unless the text is a UUID as we write it."""
    try:
        value = UUID(text)
    except ValueError:
        return None
    return value if str(value) == text else None
