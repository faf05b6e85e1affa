"""Inserting documents: each item succeeds or fails by itself, the call as a whole fails with nothing written (rule 23)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from uuid import UUID

from app.access import Actor, Permission
from app.domain import embedding, idempotency, usage
from app.domain.document import metric_of, note
from app.domain.idempotency import AlreadyDoneError, Once
from app.domain.item import Draft, draft, given_key
from app.domain.vector import check_vector
from app.errors import AlreadyExists, GatewayError
from app.gateway import Gateway
from app.postgres import Connection
from app.store import document
from app.store.document import NewDocument
from app.store.record import Collection, Resolved, Vector
from app.store.usage import Spent
from app.value import check_count
from providers.usage import Usage

MOST_ITEMS = 1000


class OnConflict(StrEnum):
    """What happens to an item whose key exists already."""

    FAIL = "FAIL"
    SKIP = "SKIP"
    REPLACE = "REPLACE"


class ItemStatus(StrEnum):
    """What became of one item."""

    INSERTED = "INSERTED"
    REPLACED = "REPLACED"
    SKIPPED = "SKIPPED"
    FAILED = "FAILED"


@dataclass(frozen=True, slots=True)
class Item:
    """The outcome of one item: its stored key where it has one, and why it failed or was skipped."""

    index: int
    key: str | None
    status: ItemStatus
    code: str | None = None
    retryable: bool | None = None
    message: str | None = None


@dataclass(frozen=True, slots=True)
class Inserted:
    """The outcomes in the order of the items, and what embedding them used (None: nothing was embedded)."""

    collection: Collection
    items: list[Item]
    usage: Usage | None


async def insert(
    gateway: Gateway,
    actor: Actor,
    collection_id: UUID,
    *,
    documents: Sequence[Mapping[str, object]],
    on_conflict: OnConflict,
    idempotency_key: str | None,
) -> Inserted:
    """Insert 1 to 1,000 documents: one look for taken keys, one embedding of the distinct texts, one statement to write."""
    resolved = await embedding.resolve(gateway, actor, collection_id)
    actor.require(Permission.WRITE_DATA)
    check_count(len(documents), 1, MOST_ITEMS, "documents")
    given = {"collectionId": collection_id, "documents": documents, "onConflict": on_conflict}
    call = idempotency.once(gateway, actor, "vectorgate_region", idempotency_key, "insertDocuments", given)
    if (known := await _recalled(gateway, resolved, call)) is not None:
        return known
    work = _Work(resolved, on_conflict)
    work.take(documents)
    await work.look_for_conflicts(gateway)
    await work.embed(gateway, actor)
    try:
        await work.write(gateway, call)
    except AlreadyDoneError:
        known = await _recalled(gateway, resolved, call)
        if known is None:
            raise  # it was there a moment ago, and is kept for a day
        return known
    await note(gateway, actor, "insert_documents", resolved.target, **work.counts())
    return work.outcome()


class _Work:
    """The items of one call, on their way from drafts to outcomes."""

    def __init__(self, resolved: Resolved[Collection], on_conflict: OnConflict) -> None:
        self._resolved = resolved
        self._home = resolved.target
        self._on_conflict = on_conflict
        self._drafts: dict[str, Draft] = {}
        self._vectors: dict[int, Vector] = {}
        self._items: dict[int, Item] = {}
        self._usage: Usage | None = None
        self._spent: Spent | None = None

    def take(self, documents: Sequence[Mapping[str, object]]) -> None:
        """Check every document by itself; of equal keys the first wins, or the last under REPLACE."""
        for position, given in enumerate(documents):
            key = None
            try:
                key = given_key(given)
                each = draft(self._resolved, given, position, key)
            except GatewayError as error:
                self._fail(position, key, error)
                continue
            loser = self._drafts.pop(each.key, None)
            winner = each if loser is None or self._on_conflict is OnConflict.REPLACE else loser
            self._drafts[each.key] = winner
            if loser is not None:
                self._conflict(loser if winner is each else each)

    async def look_for_conflicts(self, gateway: Gateway) -> None:
        """Nothing is embedded for a key that is taken, unless it is to be replaced."""
        given = [each.key for each in self._drafts.values() if each.key_was_given]
        if self._on_conflict is OnConflict.REPLACE or not given:
            return
        async with gateway.postgres.region(self._home.region).connection() as connection:
            for key in await document.existing(connection, self._home, given):
                self._conflict(self._drafts.pop(key))

    async def embed(self, gateway: Gateway, actor: Actor) -> None:
        """Each distinct text once; a text that the provider refuses fails the documents that have it."""
        texts = list(dict.fromkeys(text for each in self._drafts.values() if (text := each.text_to_embed) is not None))
        if not texts:
            return
        embedded = await embedding.embed(gateway, actor, self._resolved, texts)
        self._usage, self._spent = embedded.usage, embedded.spent
        outcomes = dict(zip(texts, embedded.outcomes, strict=True))
        for each in list(self._drafts.values()):
            if each.text_to_embed is not None:
                self._settle(each, outcomes[each.text_to_embed])

    async def write(self, gateway: Gateway, call: Once) -> None:
        """All that is left, in one statement; with an idempotency key its record is committed with it."""
        if not self._drafts and self._spent is None and call.key is None:
            return

        async def work(connection: Connection) -> None:
            await call.claim(connection, {})
            await self._write(connection)
            await call.settle(connection, _recorded(self.outcome()))

        await usage.write(gateway, self._home.region, [self._spent] if self._spent else [], work)

    def outcome(self) -> Inserted:
        return Inserted(self._home, [self._items[position] for position in sorted(self._items)], self._usage)

    def counts(self) -> dict[str, int]:
        """How many items ended how."""
        statuses = [item.status.value.lower() for item in self._items.values()]
        return {status: statuses.count(status) for status in sorted(set(statuses))}

    async def _write(self, connection: Connection) -> None:
        if not self._drafts:
            return
        new = [self._ready(each) for each in self._drafts.values()]
        written = await document.insert(connection, self._home, new, replace=self._on_conflict is OnConflict.REPLACE)
        for key, each in self._drafts.items():
            if key not in written:
                self._conflict(each)
            else:
                status = ItemStatus.INSERTED if written[key] else ItemStatus.REPLACED
                self._items[each.position] = Item(each.position, key, status)

    def _ready(self, each: Draft) -> NewDocument:
        return each.ready(self._vectors.get(each.position, each.vector))

    def _settle(self, each: Draft, outcome: Vector | GatewayError) -> None:
        try:
            if isinstance(outcome, GatewayError):
                raise outcome
            check_vector(outcome, metric_of(self._home))
        except GatewayError as error:
            del self._drafts[each.key]
            self._fail(each.position, each.key if each.key_was_given else None, error)
        else:
            self._vectors[each.position] = outcome

    def _conflict(self, each: Draft) -> None:
        if self._on_conflict is OnConflict.FAIL:
            error = AlreadyExists(
                "A document with this _id exists already: use another, or onConflict: SKIP or REPLACE."
            )
            self._fail(each.position, each.key, error)
        else:
            self._items[each.position] = Item(each.position, each.key, ItemStatus.SKIPPED)

    def _fail(self, position: int, key: str | None, error: GatewayError) -> None:
        self._items[position] = Item(position, key, ItemStatus.FAILED, error.code, error.retryable, error.message)


async def _recalled(gateway: Gateway, resolved: Resolved[Collection], call: Once) -> Inserted | None:
    if call.key is None:
        return None
    async with gateway.postgres.region(resolved.target.region).connection() as connection:
        outcome = await call.recall(connection)
    if outcome is None:
        return None
    items = [Item(**{**each, "status": ItemStatus(each["status"])}) for each in outcome["items"]]
    tokens = outcome["usage"]
    return Inserted(resolved.target, items, Usage(*tokens) if tokens is not None else None)


def _recorded(inserted: Inserted) -> Mapping[str, Any]:
    """An outcome as JSON, for calls that repeat this one."""
    used = inserted.usage
    return {
        "items": [{field: getattr(item, field) for field in Item.__slots__} for item in inserted.items],
        "usage": [used.prompt_tokens, used.total_tokens] if used is not None else None,
    }
