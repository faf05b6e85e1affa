"""Clients that write, and enter in a ledger what they were told. Each has keys of its own, and one call at a time."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from bench.caller import AGAIN_SECONDS, Caller, RefusedError, UnansweredError
from bench.ledger import Ledger

MOST_AT_ONCE = 8
"""Records of one insert."""
PAUSE_SECONDS = 0.01


@dataclass(frozen=True)
class Place:
    """Where records go, and how that is said."""

    id: str
    insert: str
    update: str
    delete: str
    actions: tuple[str, str, str]
    """What the audit log calls the three."""
    record: Callable[[int | None, str], dict[str, Any]]
    """A record of a key, or without one, and a text."""
    key_field: str
    text_field: str
    generates_keys: bool

    @classmethod
    def collection(cls, identifier: str) -> Place:
        """Documents with `$vectorize`."""
        return cls(
            identifier,
            "mutation I($id: ID!, $records: [JSONObject!]!, $once: String) { done: insertDocuments("
            "input: {collectionId: $id, documents: $records, idempotencyKey: $once}) { results { key status code } } }",
            "mutation U($id: ID!, $filter: JSONObject!, $set: JSONObject!) { done: updateDocuments("
            "input: {collectionId: $id, filter: $filter, set: $set}) { matchedCount } }",
            "mutation D($id: ID!, $keys: [JSON!]!) { done: deleteDocuments(input: {collectionId: $id, keys: $keys}) { deletedCount } }",
            ("insert_documents", "update_documents", "delete_documents"),
            lambda key, text: {"$vectorize": text} | ({"_id": key} if key is not None else {}),
            "_id",
            "$vectorize",
            generates_keys=True,
        )

    @classmethod
    def table(cls, identifier: str) -> Place:
        """Rows of `id` and `text`, whose vector column follows the text."""
        return cls(
            identifier,
            "mutation I($id: ID!, $records: [JSONObject!]!, $once: String) { done: insertRows("
            "input: {tableId: $id, rows: $records, idempotencyKey: $once}) { results { key status code } } }",
            "mutation U($id: ID!, $filter: JSONObject!, $set: JSONObject!) { done: updateRows("
            "input: {tableId: $id, filter: $filter, set: $set}) { matchedCount } }",
            "mutation D($id: ID!, $keys: [JSON!]!) { done: deleteRows(input: {tableId: $id, keys: $keys}) { deletedCount } }",
            ("insert_rows", "update_rows", "delete_rows"),
            lambda key, text: {"id": key, "text": text},
            "id",
            "text",
            generates_keys=False,
        )


class Writer:
    """Inserts, updates and deletes until it is told to stop."""

    KEYS: ClassVar = 1_000_000
    """Keys that a writer has for itself."""

    def __init__(self, caller: Caller, place: Place, ledger: Ledger, number: int, seed: int) -> None:
        self._call = caller
        self._place = place
        self._ledger = ledger
        self._next = number * self.KEYS
        self._own: list[int] = []
        self._chance = random.Random(f"{seed}/{number}")  # noqa: S311 - no secret comes of it
        self._texts = 0
        self._name = f"{place.actions[0]} {number}"

    async def write(self, stop: asyncio.Event) -> None:
        """One call after another; a call with an idempotency key is repeated until it is answered, also after the stop."""
        while not stop.is_set():
            works = [self._insert, self._insert_once, self._update, self._update, self._delete]
            work = self._chance.choice(works if self._own else works[:2])
            try:
                await work()
            except RefusedError as refused:
                self._ledger.violation(f"{self._name}: refused for good: {refused}")
            await asyncio.sleep(PAUSE_SECONDS)

    async def _insert(self) -> None:
        texts = {key: self._text() for key in self._new_keys()}
        records = [self._place.record(key, text) for key, text in texts.items()]
        done = await self._attempt(0, self._place.insert, texts, records=records)
        if done is not None:
            self._check(done, list(texts))

    async def _insert_once(self) -> None:
        """The same call, as often as it takes: it must be done, and only once."""
        key, text = None if self._place.generates_keys else self._next, self._text()
        self._next += 1
        self._ledger.once[text] = None
        records, once = [self._place.record(key, text)], f"once only: {text}"
        answer = await self._call.until_answered(self._place.insert, id=self._place.id, records=records, once=once)
        self._ledger.acknowledged[self._place.actions[0]] += 1
        [result] = answer["done"]["results"]
        self._ledger.once[text] = result["key"]
        if result["status"] != "INSERTED":
            self._ledger.violation(f"{self._name}: repeated with its idempotency key it is {result}")

    async def _update(self) -> None:
        key, text = self._chance.choice(self._own), self._text()
        possible = self._ledger.states[key]
        new = {key: text} if possible != {None} else {}
        filter_, set_ = {self._place.key_field: key}, {self._place.text_field: text}
        done = await self._attempt(1, self._place.update, new, filter=filter_, set=set_)
        if done is not None and self._ledger.seen(key, there=done["matchedCount"] == 1) and done["matchedCount"]:
            self._ledger.done(key, text)

    async def _delete(self) -> None:
        keys = self._chance.sample(self._own, min(len(self._own), self._chance.randint(1, 3)))
        done = await self._attempt(2, self._place.delete, dict.fromkeys(keys), keys=keys)
        if done is None:
            return
        certain = sum(None not in self._ledger.states[key] for key in keys)
        most = sum(self._ledger.states[key] != {None} for key in keys)
        if not certain <= done["deletedCount"] <= most:
            self._ledger.violation(f"{self._name}: {done['deletedCount']} of {certain} to {most} were deleted")
        for key in keys:
            self._ledger.done(key, None)
            self._own.remove(key)

    async def _attempt(
        self,
        action: int,
        document: str,
        new: Mapping[int, str | None],
        **variables: Any,  # noqa: ANN401 - JSON
    ) -> dict[str, Any] | None:
        """What was answered; None: nothing, and the records may be as they were, or new."""
        name = self._place.actions[action]
        try:
            answer = await self._call(document, id=self._place.id, **variables)
        except UnansweredError:
            self._ledger.unanswered[name] += 1
            for key, text in new.items():
                self._ledger.doubtful(key, text)
            await asyncio.sleep(AGAIN_SECONDS)
            return None
        self._ledger.acknowledged[name] += 1
        done: dict[str, Any] = answer["done"]
        if action == 0:
            for key, text in new.items():
                self._ledger.done(key, text)
        return done

    def _check(self, done: dict[str, Any], keys: Sequence[int]) -> None:
        answered = [(each["key"], each["status"]) for each in done["results"]]
        if answered != [(key, "INSERTED") for key in keys]:
            self._ledger.violation(f"{self._name}: of {keys} came {done['results']}")

    def _new_keys(self) -> list[int]:
        first = self._next
        self._next += self._chance.randint(1, MOST_AT_ONCE)
        keys = list(range(first, self._next))
        self._own += keys
        self._ledger.states |= {key: {None} for key in keys}
        return keys

    def _text(self) -> str:
        self._texts += 1
        return f"{self._name} wrote text {self._texts}"
