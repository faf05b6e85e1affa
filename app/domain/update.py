"""Updating documents by filter: one text is embedded once, however many match, and only if one of them has another text (rule 24)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from app.access import Actor, Permission
from app.domain import embedding
from app.domain.document import metric_of, note
from app.domain.item import RESERVED, check_fields, text_and_vector
from app.domain.vector import check_vector
from app.errors import BadInput, GatewayError, LimitExceeded, VectorizeAndVector
from app.gateway import Gateway
from app.store import document
from app.store.document import Matches
from app.store.record import Collection, Resolved, Vector
from app.store.update import Change
from app.value import check_count
from providers.base import InputType
from providers.usage import Usage

MOST_MATCHES = 10_000
MOST_PATHS = 100


@dataclass(frozen=True, slots=True)
class Updated:
    """What an update met and changed."""

    collection: Collection
    matched: int
    keys: list[str]
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
) -> Updated:
    """Change every document that matches, in one transaction; a refused text or more than 10,000 matches change nothing."""
    resolved = await embedding.resolve(gateway, actor, collection_id)
    actor.require(Permission.WRITE_DATA)
    change = _change(resolved, fields or {}, unset or [])
    home = resolved.collection
    async with gateway.postgres.region(home.region).connection() as connection:
        before = await document.matches(connection, home, given, change, MOST_MATCHES + 1)
    _check(before)
    text = change.text if change.text is not None and change.text.strip() else None
    vector, usage = (
        await _embedded(gateway, actor, resolved, text) if text is not None and before.other_text else (None, None)
    )
    try:
        matched, keys = await _write(gateway, home, given, replace(change, vector=vector) if text else change)
    except _TextChangedError:
        vector, usage = await _embedded(gateway, actor, resolved, text or "")
        matched, keys = await _write(gateway, home, given, replace(change, vector=vector))
    await note(gateway, actor, "update_documents", home, matched=matched, modified=len(keys))
    return Updated(home, matched, keys, usage)


async def _write(
    gateway: Gateway, home: Collection, given: Mapping[str, object], change: Change
) -> tuple[int, list[str]]:
    """Raises, and so undoes the transaction, where a document would get no vector for its new text."""
    async with gateway.postgres.region(home.region).transaction() as connection:
        met, keys = await document.update(connection, home, given, change, MOST_MATCHES + 1)
        _check(met)
        if met.other_text and change.text is not None and change.text.strip() and change.vector is None:
            raise _TextChangedError
    return met.count, keys


async def _embedded(gateway: Gateway, actor: Actor, resolved: Resolved, text: str) -> tuple[Vector, Usage]:
    embedded = await embedding.embed(gateway, actor, resolved, [text], InputType.DOCUMENT)
    [outcome] = embedded.outcomes
    if isinstance(outcome, GatewayError):
        raise outcome
    check_vector(outcome, metric_of(resolved.collection))
    return outcome, embedded.usage


def _change(resolved: Resolved, fields: Mapping[str, object], unset: Sequence[str]) -> Change:
    """Raises the coded error of what cannot be done."""
    check_count(len(fields) + len(unset), 1, MOST_PATHS, "set and unset together")
    special = [name for name in RESERVED if name in fields or name in unset]
    if len([name for name in RESERVED if name in fields]) == 2 or (special and _set_and_unset(fields, unset)):
        raise VectorizeAndVector("Change $vectorize, or $vector, not both in one update.")
    plain = {path: value for path, value in fields.items() if path not in RESERVED}
    removed = [path for path in dict.fromkeys(unset) if path not in RESERVED]
    for path in (*plain, *removed):
        _check_path(path)
    check_fields({str(position): value for position, value in enumerate(plain.values())})
    text, vector = text_and_vector(resolved, fields)
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
    if len(segments) > 20:
        raise BadInput("A path of set or unset may have 20 segments.", limit=20, actual=len(segments))
    check_fields(dict.fromkeys(segments))


def _check(met: Matches) -> None:
    if met.count > MOST_MATCHES:
        raise LimitExceeded(
            f"An update may match {MOST_MATCHES} documents, and this one matches more: narrow its filter, and repeat it.",
            limit=MOST_MATCHES,
            actual=met.count,
        )
    if met.obstructed:
        raise BadInput(
            "A path of set leads through a string, number or boolean in a document that matches: set that field as a whole."
        )
