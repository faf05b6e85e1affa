"""Updating documents by filter: one text is embedded once, however many match, and only if one of them has another text (rule 24)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Generic, TypeVar
from uuid import UUID

from app.access import Actor, Permission
from app.domain import embedding, usage
from app.domain.document import MOST_NAMED, event, metric_of, named
from app.domain.embedding import Embedded, Target
from app.domain.item import RESERVED, check_fields, text_and_vector, vectors_enabled
from app.domain.size import MOST_BYTES_AS_TEXT, grown
from app.errors import BadInput, LimitExceeded, VectorizeAndVector
from app.gateway import Gateway
from app.postgres import Connection
from app.store import update as store
from app.store.audit_event import NewEvent
from app.store.document import Touched
from app.store.path import MOST_SEGMENTS
from app.store.record import Collection, Resolved
from app.store.update import Change, Matches
from app.value import check_count, check_text
from providers.usage import Usage

MOST_MATCHES = 10_000
MOST_PATHS = 100

T = TypeVar("T", bound=Target)


@dataclass(frozen=True, slots=True)
class Updated(Generic[T]):
    """What an update met and changed."""

    home: T
    matched: int
    modified: int
    keys: list[str] | None
    """The stored keys of what was modified; None above 1,000."""
    usage: Usage | None


class _TextChangedError(Exception):
    """Between looking and writing a document with another text came to match: embed, and match again."""


async def update(
    gateway: Gateway,
    actor: Actor,
    collection_id: UUID,
    *,
    given: Mapping[str, object],
    fields: Mapping[str, object] | None,
    unset: Sequence[str] | None,
) -> Updated[Collection]:
    """Change every document that matches, in one transaction; a refused text or more than 10,000 matches change nothing."""
    resolved = await embedding.resolve(gateway, actor, collection_id)
    actor.require(Permission.WRITE_DATA)
    change = _change(resolved, fields or {}, unset or [])
    home = resolved.target
    async with gateway.postgres.region(home.region).connection() as connection:
        before = await store.matches(connection, home, given, change, MOST_MATCHES + 1)
    _check(before)
    embedded = None
    if before.other_text and _needs_vector(change):
        embedded = await embedding.embed(gateway, actor, resolved, [change.text or ""])
    try:
        met, modified = await _write(gateway, actor, home, given, change, embedded)
    except _TextChangedError:
        embedded = await embedding.embed(gateway, actor, resolved, [change.text or ""])
        met, modified = await _write(gateway, actor, home, given, change, embedded)
    return Updated(home, met.count, modified.count, named(modified), embedded.usage if embedded else None)


def check_matches(count: int, what: str) -> None:
    """Raises LimitExceeded for more than 10,000 of `what`."""
    if count > MOST_MATCHES:
        raise LimitExceeded(
            f"An update may match {MOST_MATCHES} {what}, and this one matches more: narrow its filter, and repeat it.",
            limit=MOST_MATCHES,
            actual=count,
        )


async def _write(
    gateway: Gateway,
    actor: Actor,
    home: Collection,
    given: Mapping[str, object],
    change: Change,
    embedded: Embedded | None,
) -> tuple[Matches, Touched]:
    """Raises, and so undoes the transaction, where a text is refused or a document would get no vector for its new text."""

    async def work(connection: Connection) -> tuple[Matches, Touched]:
        settled = replace(change, vector=embedded.only(metric_of(home))) if embedded is not None else change
        met, modified = await store.update(
            connection,
            home,
            given,
            settled,
            limit=MOST_MATCHES + 1,
            most_bytes=MOST_BYTES_AS_TEXT,
            most_keys=MOST_NAMED,
        )
        _check(met)
        if met.other_text and _needs_vector(settled):
            raise _TextChangedError
        return met, modified

    def told(done: tuple[Matches, Touched]) -> NewEvent:
        met, modified = done
        return event(actor, "update_documents", home, matched=met.count, modified=modified.count)

    return await usage.write(gateway, home.region, [embedded.spent] if embedded else [], work, told)


def _needs_vector(change: Change) -> bool:
    return change.text is not None and bool(change.text.strip()) and change.vector is None


def _change(resolved: Resolved[Collection], fields: Mapping[str, object], unset: Sequence[str]) -> Change:
    """Raises the coded error of what cannot be done."""
    check_count(len(fields) + len(unset), 1, MOST_PATHS, "set and unset together")
    special = [name for name in RESERVED if name in fields or name in unset]
    if len([name for name in RESERVED if name in fields]) == 2 or (special and _set_and_unset(fields, unset)):
        raise VectorizeAndVector("Change $vectorize, or $vector, not both in one update.")
    plain = {path: value for path, value in fields.items() if path not in RESERVED}
    removed = [path for path in dict.fromkeys(unset) if path not in RESERVED]
    for path in (*plain, *removed):
        _check_path(path)
    if special:
        vectors_enabled(resolved.target, special[0])
    text, vector = text_and_vector(resolved, fields)
    check_fields({"text": text, **{str(position): value for position, value in enumerate(plain.values())}})
    change = Change(plain, removed, bool(special), text, vector)
    change.tree()
    return change


def _set_and_unset(fields: Mapping[str, object], unset: Sequence[str]) -> bool:
    return any(name in fields for name in RESERVED) and any(name in unset for name in RESERVED)


def _check_path(path: str) -> None:
    segments = path.split(".")
    if segments[0] == "_id":
        raise BadInput("_id is a document's key and cannot be changed: insert the document anew under the other key.")
    if any(not segment or segment.startswith("$") for segment in segments):
        raise BadInput("set and unset take field names and dotted paths, such as address.city, $vectorize and $vector.")
    if len(segments) > MOST_SEGMENTS:
        message = f"A path of set or unset may have {MOST_SEGMENTS} segments."
        raise BadInput(message, limit=MOST_SEGMENTS, actual=len(segments))
    check_text(path, "A path of set or unset")


def _check(met: Matches) -> None:
    check_matches(met.count, "documents")
    if met.obstructed:
        raise BadInput(
            "A path of set leads nowhere in a document that matches: through a string, a number or a boolean, into an array by a name, "
            "or beyond the place behind its last element. Set that field as a whole."
        )
    if met.too_large:
        raise grown("document")
