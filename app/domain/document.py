"""Documents: reading, inserting, replacing and deleting (rules 22 and 23). What is answered as done is committed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from app.access import Actor, Permission
from app.domain import audit, collection, embedding, usage
from app.domain.item import draft, given_key
from app.errors import BadInput, NotFound
from app.gateway import Gateway
from app.page import Page, bad_cursor, check_first, decode_cursor, decode_time, encode_cursor
from app.postgres import Connection
from app.store import document
from app.store.audit_event import NewEvent
from app.store.document import Touched, Wanted
from app.store.key import encode_key, is_encoded
from app.store.record import Collection, Document, Metric
from app.value import check_count
from providers.usage import Usage

MOST_KEYS = 1000

MOST_NAMED = 1000
"""A write of more documents than this tells how many, and not which."""


async def page(
    gateway: Gateway,
    actor: Actor,
    home: Collection,
    *,
    wanted: Wanted,
    given: Mapping[str, object] | None,
    first: int,
    after: str | None,
) -> Page[Document]:
    """Documents that match a filter, in order of creation, then key."""
    actor.require(Permission.READ_DATA)
    check_first(first)
    async with gateway.postgres.region(home.region).connection() as connection:
        found = await document.page(connection, home, wanted, given, _after(after), first + 1)
    return Page.of(found, first, after, lambda each: encode_cursor(each.created_at.isoformat(), each.key))


async def count(gateway: Gateway, actor: Actor, home: Collection, given: Mapping[str, object] | None) -> int:
    """How many documents match a filter."""
    actor.require(Permission.READ_DATA)
    async with gateway.postgres.region(home.region).connection() as connection:
        return await document.count(connection, home, given)


async def by_keys(
    gateway: Gateway, actor: Actor, home: Collection, wanted: Wanted, keys: Sequence[str]
) -> dict[str, Document]:
    """Stored key -> document, for those that exist."""
    actor.require(Permission.READ_DATA)
    async with gateway.postgres.region(home.region).connection() as connection:
        found = await document.by_keys(connection, home, wanted, keys)
    return {each.key: each for each in found}


async def by_key(gateway: Gateway, actor: Actor, home: Collection, wanted: Wanted, key: object) -> Document | None:
    """The document with this `_id`. Raises BadInput for what can be no key."""
    actor.require(Permission.READ_DATA)
    stored = encode_key(key)
    return (await by_keys(gateway, actor, home, wanted, [stored])).get(stored)


async def replace(
    gateway: Gateway, actor: Actor, collection_id: UUID, *, key: object, given: Mapping[str, object], upsert: bool
) -> tuple[Collection, Document, Usage | None]:
    """Replace a document as a whole, embedding anew; answers it as it is stored, and the usage. Nothing is half-done."""
    resolved = await embedding.resolve(gateway, actor, collection_id)
    actor.require(Permission.WRITE_DATA)
    home, stored = resolved.target, encode_key(key)
    if given_key(given) not in (None, stored):
        raise BadInput("The document's _id is not the key that is to be replaced: leave _id out.")
    await _check_there(gateway, home, stored, upsert=upsert)
    wanted = draft(resolved, given, 0, stored)
    text = wanted.text_to_embed
    embedded = await embedding.embed(gateway, actor, resolved, [text]) if text is not None else None

    async def write(connection: Connection) -> Document:
        new = wanted.ready(embedded.only(metric_of(home)) if embedded else wanted.vector)
        written = await document.replace(connection, home, new, upsert=upsert)
        if written is None:
            raise _no_document()
        return written

    told = event(actor, "replace_document", home, count=1)
    written = await usage.write(gateway, home.region, [embedded.spent] if embedded else [], write, lambda _: told)
    return home, written, embedded.usage if embedded else None


async def delete(
    gateway: Gateway,
    actor: Actor,
    collection_id: UUID,
    *,
    given: Mapping[str, object] | None,
    keys: Sequence[object] | None,
    ids: Sequence[str | None] | None,
) -> tuple[Collection, int, list[str] | None]:
    """Delete by exactly one of filter, keys and ids (as stored keys; None: of nothing here); answers how many, and which (see `named`)."""
    home = await collection.find(gateway, actor, collection_id)
    actor.require(Permission.WRITE_DATA)
    if sum(each is not None for each in (given, keys, ids)) != 1:
        raise BadInput("Give exactly one of filter, keys and ids; an empty object as filter means every document.")
    stored = _stored(keys, ids)

    async def write(connection: Connection) -> Touched:
        return await document.delete(connection, home, given=given, keys=stored, most_keys=MOST_NAMED)

    def told(gone: Touched) -> NewEvent:
        return event(actor, "delete_documents", home, count=gone.count)

    gone = await usage.write(gateway, home.region, [], write, told)
    return home, gone.count, named(gone)


def named(touched: Touched) -> list[str] | None:
    """The keys of what was touched; None where there are too many to tell."""
    return touched.keys if touched.count <= MOST_NAMED else None


def event(actor: Actor, action: str, home: Collection, **details: object) -> NewEvent:
    """The audit event of a write: how many, never what."""
    return audit.event(actor, action, "Collection", home.id, home.name, **details)


def metric_of(home: Collection) -> Metric:
    """The metric of a collection that has vectors."""
    return home.metric or Metric.COSINE


async def _check_there(gateway: Gateway, home: Collection, key: str, *, upsert: bool) -> None:
    """Before anything is spent on embedding."""
    if not upsert:
        async with gateway.postgres.region(home.region).connection() as connection:
            if not await document.existing(connection, home, [key]):
                raise _no_document()


def _stored(keys: Sequence[object] | None, ids: Sequence[str | None] | None) -> list[str] | None:
    """The stored keys that are named; None where none are, but a filter. Raises BadInput and LimitExceeded."""
    if keys is not None:
        check_count(len(keys), 1, MOST_KEYS, "keys")
        return [encode_key(key) for key in keys]
    if ids is not None:
        check_count(len(ids), 1, MOST_KEYS, "ids")
        return [key for key in ids if key is not None]
    return None


def _no_document() -> NotFound:
    return NotFound("There is no document with this key: insert it, or pass upsert: true.")


def _after(after: str | None) -> tuple[datetime, str] | None:
    if after is None:
        return None
    created_at, key = decode_cursor(after, 2)
    if not isinstance(key, str) or not is_encoded(key):
        raise bad_cursor()
    return decode_time(created_at), key
