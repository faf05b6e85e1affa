"""Documents: reading, inserting, replacing and deleting (rules 22 and 23). What is answered as done is committed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from app.access import Actor, Permission
from app.domain import audit, collection, embedding
from app.domain.item import Draft, draft
from app.domain.vector import check_vector
from app.errors import BadInput, GatewayError, NotFound
from app.gateway import Gateway
from app.page import Page, bad_cursor, check_first, decode_cursor, encode_cursor
from app.store import document
from app.store.document import NewDocument, Wanted
from app.store.key import encode_key
from app.store.record import Collection, Document, Metric, Resolved
from app.value import check_count
from providers.base import InputType
from providers.usage import Usage

MOST_KEYS = 1000


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


async def replace(
    gateway: Gateway, actor: Actor, collection_id: UUID, *, key: object, given: Mapping[str, object], upsert: bool
) -> tuple[Collection, str, Usage | None]:
    """Replace a document as a whole, embedding anew; answers the collection, the stored key and the usage. Nothing is half-done."""
    resolved = await embedding.resolve(gateway, actor, collection_id)
    actor.require(Permission.WRITE_DATA)
    home, stored = resolved.collection, encode_key(key)
    if given.get("_id") is not None and encode_key(given["_id"]) != stored:
        raise BadInput("The document's _id is not the key that is to be replaced: leave _id out.")
    await _check_there(gateway, home, stored, upsert=upsert)
    wanted = draft(resolved, {**given, "_id": key}, 0)
    new, usage = await _embedded_alone(gateway, actor, resolved, wanted)
    async with gateway.postgres.region(home.region).connection() as connection:
        if upsert:
            await document.insert(connection, home, [new], replace=True)
        elif not await document.replace(connection, home, new):
            raise _no_document()
    await note(gateway, actor, "replace_document", home, count=1)
    return home, stored, usage


async def delete(
    gateway: Gateway,
    actor: Actor,
    collection_id: UUID,
    *,
    given: Mapping[str, object] | None,
    keys: Sequence[object] | None,
    stored_keys: Sequence[str] | None,
) -> tuple[Collection, list[str]]:
    """Delete by exactly one of filter, keys and stored keys (of ids); answers the stored keys that are gone."""
    home = await collection.find(gateway, actor, collection_id)
    actor.require(Permission.WRITE_DATA)
    if sum(each is not None for each in (given, keys, stored_keys)) != 1:
        raise BadInput("Give exactly one of filter, keys and ids; an empty object as filter means every document.")
    if keys is not None or stored_keys is not None:
        check_count(len(keys if keys is not None else stored_keys or []), 1, MOST_KEYS, "keys or ids")
    exact = [encode_key(key) for key in keys] if keys is not None else stored_keys
    async with gateway.postgres.region(home.region).transaction() as connection:
        if exact is not None:
            gone = await document.delete_keys(connection, home, exact)
        else:
            gone = await document.delete(connection, home, given or {})
    await note(gateway, actor, "delete_documents", home, count=len(gone))
    return home, gone


async def note(gateway: Gateway, actor: Actor, action: str, home: Collection, **details: object) -> None:
    """The audit event of a write that is committed in its region: how many, never what."""
    async with gateway.postgres.catalogue.connection() as connection:
        await audit.done(connection, actor, action, "Collection", home.id, home.name, **details)


def metric_of(home: Collection) -> Metric:
    """The metric of a collection that has vectors."""
    return home.metric or Metric.COSINE


async def _embedded_alone(
    gateway: Gateway, actor: Actor, resolved: Resolved, wanted: Draft
) -> tuple[NewDocument, Usage | None]:
    """One document with its vector. Raises the refusal of its text: the call has nothing else to do."""
    if wanted.text_to_embed is None:
        return wanted.ready(wanted.vector), None
    embedded = await embedding.embed(gateway, actor, resolved, [wanted.text_to_embed], InputType.DOCUMENT)
    [outcome] = embedded.outcomes
    if isinstance(outcome, GatewayError):
        raise outcome
    check_vector(outcome, metric_of(resolved.collection))
    return wanted.ready(outcome), embedded.usage


async def _check_there(gateway: Gateway, home: Collection, key: str, *, upsert: bool) -> None:
    """Before anything is spent on embedding."""
    if not upsert:
        async with gateway.postgres.region(home.region).connection() as connection:
            if not await document.existing(connection, home, [key]):
                raise _no_document()


def _no_document() -> NotFound:
    return NotFound("There is no document with this key: insert it, or pass upsert: true.")


def _after(after: str | None) -> tuple[datetime, str] | None:
    if after is None:
        return None
    created_at, key = decode_cursor(after, 2)
    try:
        return datetime.fromisoformat(str(created_at)), str(key)
    except ValueError:
        raise bad_cursor() from None
