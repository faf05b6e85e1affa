"""Inserting documents or rows: each item succeeds or fails by itself, the call as a whole fails with nothing written (rule 23)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Generic, Protocol, Self, TypeAlias, TypeVar
from uuid import UUID

from app.access import Actor
from app.domain import usage
from app.domain.embedding import Target
from app.domain.embedding_groups import AllEmbedded, Asking, embed_all
from app.domain.idempotency import AlreadyDoneError, Once
from app.domain.vector import checked
from app.errors import AlreadyExists, GatewayError
from app.gateway import Gateway
from app.postgres import Connection
from app.store.audit_event import NewEvent
from app.store.record import Metric, Resolved, Vector
from providers.usage import Usage

MOST_ITEMS = 1000

Slot: TypeAlias = UUID
"""Where a vector belongs: to the vector column of this id, or to a document as a `WHOLE`."""

WHOLE = UUID(int=0)


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


class Draft(Protocol):
    """An item that can be stored once each of its `texts` has a vector."""

    @property
    def position(self) -> int: ...
    @property
    def key(self) -> str: ...
    @property
    def key_was_given(self) -> bool: ...
    @property
    def texts(self) -> Mapping[Slot, str]: ...
    def with_vectors(self, vectors: Mapping[Slot, Vector]) -> Self:
        """The same item with the vectors of some of its texts, which need none any more."""
        ...


T = TypeVar("T", bound=Target)
D = TypeVar("D", bound=Draft)


class Intake(ABC, Generic[T, D]):
    """Where items go, and what is particular about it."""

    home: T
    taken: str
    """What an item is told whose key exists already."""

    @abstractmethod
    def key(self, given: Mapping[str, object]) -> str | None:
        """The stored key of an item; None where it has none. Raises BadInput."""

    @abstractmethod
    def draft(self, given: Mapping[str, object], position: int, key: str | None) -> D:
        """The item under its key, or a new one. Raises the coded error of what is wrong with it."""

    @abstractmethod
    def use(self, slot: Slot) -> Resolved[Target]:
        """How text is embedded there."""

    @abstractmethod
    def metric(self, slot: Slot) -> Metric | None:
        """What vectors there must be fit for; None: to be stored."""

    @abstractmethod
    async def existing(self, connection: Connection, keys: Sequence[str]) -> Collection[str]:
        """Those of the stored keys that are taken."""

    async def known(self, gateway: Gateway, drafts: Sequence[D]) -> Mapping[str, Mapping[Slot, Vector]]:  # noqa: ARG002 - for those who know some
        """Stored key -> vectors that what is to be replaced has of the same texts, where these are not to be embedded again."""
        return {}

    @abstractmethod
    async def write(self, connection: Connection, drafts: Sequence[D], *, replace: bool) -> Mapping[str, bool]:
        """Stored key -> whether it was new, for every item that was written: all with `replace`, else those whose key was free."""

    @abstractmethod
    def event(self, actor: Actor, **counts: int) -> NewEvent:
        """The call's audit event."""


@dataclass(frozen=True, slots=True)
class Inserted(Generic[T]):
    """The outcomes in the order of the items, and what embedding them used (None: nothing was embedded)."""

    home: T
    items: list[Item]
    usage: Usage | None


async def insert(
    gateway: Gateway,
    actor: Actor,
    intake: Intake[T, D],
    given: Sequence[Mapping[str, object]],
    on_conflict: OnConflict,
    call: Once,
) -> Inserted[T]:
    """One look for taken keys, one embedding of the distinct texts, one statement to write; a call that is repeated, none of it."""
    if (known := await _recalled(gateway, intake, call)) is not None:
        return known
    work = _Work(intake, on_conflict)
    work.take(given)
    await work.look(gateway)
    await work.embed(gateway, actor)
    try:
        await work.write(gateway, actor, call)
    except AlreadyDoneError:
        known = await _recalled(gateway, intake, call)
        if known is None:
            raise  # it was there a moment ago, and is kept for a day
        return known
    return work.outcome()


class _Work(Generic[T, D]):
    """The items of one call, on their way from drafts to outcomes."""

    def __init__(self, intake: Intake[T, D], on_conflict: OnConflict) -> None:
        self._intake = intake
        self._on_conflict = on_conflict
        self._drafts: dict[str, D] = {}
        self._items: dict[int, Item] = {}
        self._embedded: AllEmbedded[Slot] = AllEmbedded({}, None, [])
        self._made: Mapping[Slot, Mapping[str, Vector | GatewayError]] = {}

    def take(self, items: Sequence[Mapping[str, object]]) -> None:
        """Check every item by itself; of equal keys the first wins, or the last under REPLACE."""
        for position, given in enumerate(items):
            key = None
            try:
                key = self._intake.key(given)
                each = self._intake.draft(given, position, key)
            except GatewayError as error:
                self._fail(position, key, error)
                continue
            loser = self._drafts.pop(each.key, None)
            winner = each if loser is None or self._replaces else loser
            self._drafts[each.key] = winner
            if loser is not None:
                self._conflict(loser if winner is each else each)

    async def look(self, gateway: Gateway) -> None:
        """Nothing is embedded for a key that is taken, nor, where it is to be replaced, for a text that has its vector already."""
        if self._replaces:
            for key, vectors in (await self._intake.known(gateway, list(self._drafts.values()))).items():
                self._drafts[key] = self._drafts[key].with_vectors(vectors)
            return
        if given := [each.key for each in self._drafts.values() if each.key_was_given]:
            async with gateway.postgres.region(self._intake.home.region).connection() as connection:
                for key in await self._intake.existing(connection, given):
                    self._conflict(self._drafts.pop(key))

    async def embed(self, gateway: Gateway, actor: Actor) -> None:
        """Each distinct text once; a text that the provider refuses fails the items that have it."""
        texts: dict[Slot, list[str]] = {}
        for each in self._drafts.values():
            for slot, text in each.texts.items():
                texts.setdefault(slot, []).append(text)
        wanted = {slot: Asking(self._intake.use(slot), found) for slot, found in texts.items()}
        self._embedded = await embed_all(gateway, actor, wanted)
        self._made = {slot: checked(made, self._intake.metric(slot)) for slot, made in self._embedded.outcomes.items()}
        for each in list(self._drafts.values()):
            if each.texts:
                self._settle(each)

    async def write(self, gateway: Gateway, actor: Actor, call: Once) -> None:
        """All that is left, in one statement; the record of an idempotency key and the audit event are committed with it."""

        async def work(connection: Connection) -> None:
            await call.claim(connection, {})
            await self._write(connection)
            if call.key is not None:
                await call.settle(connection, _recorded(self.outcome()))

        def told(_: None) -> NewEvent:
            return self._intake.event(actor, **self.counts())

        await usage.write(gateway, self._intake.home.region, self._embedded.spent, work, told)

    def outcome(self) -> Inserted[T]:
        items = [self._items[position] for position in sorted(self._items)]
        return Inserted(self._intake.home, items, self._embedded.usage)

    def counts(self) -> dict[str, int]:
        """How many items ended how."""
        statuses = [item.status.value.lower() for item in self._items.values()]
        return {status: statuses.count(status) for status in sorted(set(statuses))}

    @property
    def _replaces(self) -> bool:
        return self._on_conflict is OnConflict.REPLACE

    async def _write(self, connection: Connection) -> None:
        if not self._drafts:
            return
        written = await self._intake.write(connection, list(self._drafts.values()), replace=self._replaces)
        for key, each in self._drafts.items():
            if key not in written:
                self._conflict(each)
            else:
                status = ItemStatus.INSERTED if written[key] else ItemStatus.REPLACED
                self._items[each.position] = Item(each.position, key, status)

    def _settle(self, each: D) -> None:
        vectors: dict[Slot, Vector] = {}
        try:
            for slot, text in each.texts.items():
                vectors[slot] = self._vector(slot, text)
        except GatewayError as error:
            del self._drafts[each.key]
            self._fail(each.position, each.key if each.key_was_given else None, error)
        else:
            self._drafts[each.key] = each.with_vectors(vectors)

    def _vector(self, slot: Slot, text: str) -> Vector:
        """Raises the provider's refusal of the text, or InvalidVector."""
        made = self._made[slot][text]
        if isinstance(made, GatewayError):
            raise made
        return made

    def _conflict(self, each: D) -> None:
        if self._on_conflict is OnConflict.FAIL:
            self._fail(each.position, each.key, AlreadyExists(self._intake.taken))
        else:
            self._items[each.position] = Item(each.position, each.key, ItemStatus.SKIPPED)

    def _fail(self, position: int, key: str | None, error: GatewayError) -> None:
        self._items[position] = Item(position, key, ItemStatus.FAILED, error.code, error.retryable, error.message)


async def _recalled(gateway: Gateway, intake: Intake[T, D], call: Once) -> Inserted[T] | None:
    if call.key is None:
        return None
    async with gateway.postgres.region(intake.home.region).connection() as connection:
        outcome = await call.recall(connection)
    if outcome is None:
        return None
    items = [Item(**{**each, "status": ItemStatus(each["status"])}) for each in outcome["items"]]
    tokens = outcome["usage"]
    return Inserted(intake.home, items, Usage(*tokens) if tokens is not None else None)


def _recorded(inserted: Inserted[T]) -> Mapping[str, Any]:
    """An outcome as JSON, for calls that repeat this one."""
    used = inserted.usage
    return {
        "items": [{field: getattr(item, field) for field in Item.__slots__} for item in inserted.items],
        "usage": [used.prompt_tokens, used.total_tokens] if used is not None else None,
    }
