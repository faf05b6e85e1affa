"""Inserting documents into a collection: what of `insertion` is particular to them."""

from __future__ import annotations

from collections.abc import Collection as Several
from collections.abc import Mapping, Sequence
from uuid import UUID

from app.access import Actor, Permission
from app.domain import embedding, idempotency, insertion
from app.domain.document import event, metric_of
from app.domain.insertion import MOST_ITEMS, Inserted, Intake, OnConflict, Slot
from app.domain.item import Draft, draft, given_key
from app.gateway import Gateway
from app.postgres import Connection
from app.store import document
from app.store.audit_event import NewEvent
from app.store.record import Collection, Metric, Resolved
from app.value import check_count


async def insert(
    gateway: Gateway,
    actor: Actor,
    collection_id: UUID,
    *,
    documents: Sequence[Mapping[str, object]],
    on_conflict: OnConflict,
    idempotency_key: str | None,
) -> Inserted[Collection]:
    """Insert 1 to 1,000 documents."""
    resolved = await embedding.resolve(gateway, actor, collection_id)
    actor.require(Permission.WRITE_DATA)
    check_count(len(documents), 1, MOST_ITEMS, "documents")
    given = {"collectionId": collection_id, "documents": documents, "onConflict": on_conflict}
    call = idempotency.once(gateway, actor, "vectorgate_region", idempotency_key, "insertDocuments", given)
    return await insertion.insert(gateway, actor, _Documents(resolved), documents, on_conflict, call)


class _Documents(Intake[Collection, Draft]):
    """A collection. Its documents have one vector, so that there is one slot."""

    taken = "A document with this _id exists already: use another, or onConflict: SKIP or REPLACE."

    def __init__(self, resolved: Resolved[Collection]) -> None:
        self._resolved = resolved
        self.home = resolved.target

    def key(self, given: Mapping[str, object]) -> str | None:
        return given_key(given)

    def draft(self, given: Mapping[str, object], position: int, key: str | None) -> Draft:
        return draft(self._resolved, given, position, key)

    def use(self, _: Slot) -> Resolved[Collection]:
        return self._resolved

    def metric(self, _: Slot) -> Metric | None:
        return metric_of(self.home)

    async def existing(self, connection: Connection, keys: Sequence[str]) -> Several[str]:
        return await document.existing(connection, self.home, keys)

    async def write(self, connection: Connection, drafts: Sequence[Draft], *, replace: bool) -> Mapping[str, bool]:
        new = [each.ready(each.vector) for each in drafts]
        return await document.insert(connection, self.home, new, replace=replace)

    def event(self, actor: Actor, **counts: int) -> NewEvent:
        return event(actor, "insert_documents", self.home, **counts)
