"""Inserting rows into a table: what of `insertion` is particular to them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from uuid import UUID

from app.access import Actor, Permission
from app.domain import embedding, idempotency, insertion
from app.domain.insertion import MOST_ITEMS, Inserted, Intake, OnConflict, Slot
from app.domain.row import event
from app.domain.row_item import RowDraft, draft, metric_of
from app.domain.table_version import anew
from app.gateway import Gateway
from app.postgres import Connection
from app.store import row, row_key, table_version
from app.store.audit_event import NewEvent
from app.store.record import Metric, Resolved, ResolvedTable, Table, Vector
from app.value import check_count


async def insert(
    gateway: Gateway,
    actor: Actor,
    table_id: UUID,
    *,
    rows: Sequence[Mapping[str, object]],
    on_conflict: OnConflict,
    idempotency_key: str | None,
) -> Inserted[Table]:
    """Insert 1 to 1,000 rows. A table that is changed meanwhile is taken as it is then."""

    async def work() -> Inserted[Table]:
        resolved = await embedding.resolve_table(gateway, actor, table_id)
        actor.require(Permission.WRITE_DATA)
        check_count(len(rows), 1, MOST_ITEMS, "rows")
        given = {"tableId": table_id, "rows": rows, "onConflict": on_conflict}
        call = idempotency.once(gateway, actor, "vectorgate_region", idempotency_key, "insertRows", given)
        return await insertion.insert(gateway, actor, _Rows(resolved), rows, on_conflict, call)

    return await anew(work)


class _Rows(Intake[Table, RowDraft]):
    """A table. A slot is a vector column."""

    taken = "A row with this key exists already: use another, or onConflict: SKIP or REPLACE."

    def __init__(self, resolved: ResolvedTable) -> None:
        self._resolved = resolved
        self._columns = {each.id: each for each in resolved.table.columns}
        self.home = resolved.table

    def key(self, given: Mapping[str, object]) -> str:
        return row_key.of_row(self.home, given)

    def draft(self, given: Mapping[str, object], position: int, key: str | None) -> RowDraft:
        return draft(self._resolved, given, position, key or self.key(given))

    def use(self, slot: Slot) -> Resolved[Table]:
        return self._resolved.uses[slot]

    def metric(self, slot: Slot) -> Metric | None:
        return metric_of(self._columns[slot])

    async def existing(self, connection: Connection, keys: Sequence[str]) -> Collection[str]:
        return await row.existing(connection, self.home, keys)

    async def known(self, gateway: Gateway, drafts: Sequence[RowDraft]) -> Mapping[str, Mapping[Slot, Vector]]:
        """Vectors that follow a text are made anew when, and only when, it changes (rule 30)."""
        following = {each.id for each in self.home.shown if each.source_column_id is not None}
        asking = [each.ready() for each in drafts if following & each.strings.keys()]
        if not asking:
            return {}
        async with gateway.postgres.region(self.home.region).connection() as connection:
            return await row.embedded(connection, self.home, asking)

    async def write(self, connection: Connection, drafts: Sequence[RowDraft], *, replace: bool) -> Mapping[str, bool]:
        written = await row.insert(connection, self.home, [each.ready() for each in drafts], replace=replace)
        await table_version.check(connection, self.home)
        return written

    def event(self, actor: Actor, **counts: int) -> NewEvent:
        return event(actor, "insert_rows", self.home, **counts)
