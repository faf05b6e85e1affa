"""Updating rows by filter: a text is embedded once a configuration, and only if a row that matches needs its vector (rules 24 and 30)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from app.access import Actor, Permission
from app.domain import embedding, usage
from app.domain.document import MOST_NAMED, named
from app.domain.embedding_groups import AllEmbedded, Asking, embed_all
from app.domain.row import event
from app.domain.row_item import check_columns, metric_of, origin, value
from app.domain.size import MOST_BYTES, check_size, grown, stored_bytes
from app.domain.table_version import anew
from app.domain.update import MOST_MATCHES, Updated, check_matches
from app.domain.vector import check_vector
from app.errors import BadInput, GatewayError
from app.gateway import Gateway
from app.postgres import Connection
from app.store import row_update as store
from app.store import table_version
from app.store.audit_event import NewEvent
from app.store.document import Touched
from app.store.record import Column, ColumnType, ResolvedTable, Table, Vector
from app.store.row_update import RowChange, RowMatches
from providers.usage import Usage


class _TextChangedError(Exception):
    """Between looking and writing rows came to match that need a vector which is not made: embed, and match again."""

    def __init__(self, met: RowMatches) -> None:
        super().__init__("a row with another text")
        self.met = met


async def update(
    gateway: Gateway, actor: Actor, table_id: UUID, *, given: Mapping[str, object], fields: Mapping[str, object]
) -> Updated[Table]:
    """Change every row that matches, in one transaction; a refused text or more than 10,000 matches change nothing.

    A table that is changed meanwhile is taken as it is then.
    """
    return await anew(lambda: _update(gateway, actor, table_id, given, fields))


async def _update(
    gateway: Gateway, actor: Actor, table_id: UUID, given: Mapping[str, object], fields: Mapping[str, object]
) -> Updated[Table]:
    resolved = await embedding.resolve_table(gateway, actor, table_id)
    actor.require(Permission.WRITE_DATA)
    work = _Work(gateway, actor, resolved, given)
    work.take(fields)
    await work.embed(await work.look())
    try:
        met, modified = await work.write()
    except _TextChangedError as changed:
        await work.embed(changed.met)
        met, modified = await work.write()
    return Updated(resolved.table, met.count, modified.count, named(modified), work.usage)


@dataclass(slots=True)
class _Work:
    """One update on its way: new values by column id, texts to embed by vector column, and which columns follow which text."""

    gateway: Gateway
    actor: Actor
    resolved: ResolvedTable
    given: Mapping[str, object]
    values: dict[UUID, Any] = field(default_factory=dict)
    strings: dict[UUID, str] = field(default_factory=dict)
    followers: dict[UUID, UUID] = field(default_factory=dict)
    made: dict[UUID, Vector | GatewayError] = field(default_factory=dict)
    """What became of the texts that were embedded."""
    embedded: AllEmbedded[UUID] = field(default_factory=lambda: AllEmbedded({}, None, []))
    usage: Usage | None = None

    def take(self, fields: Mapping[str, object]) -> None:
        """Check the new values. Raises the coded error of what cannot be done."""
        if not fields:
            raise BadInput("set must name one column at least.", limit=1, actual=0)
        check_columns(self.resolved.table, fields)
        columns = {each: fields[each.name] for each in self.resolved.table.shown if each.name in fields}
        plain = {each: new for each, new in columns.items() if each.type is not ColumnType.VECTOR}
        for each, new in plain.items():
            self._take_plain(each, new)
        check_size(stored_bytes({each.name: new for each, new in plain.items()}), "row")
        for each, new in columns.items():
            if each not in plain:
                self._take_vector(each, new)

    async def look(self) -> RowMatches:
        """What would be met; refused where that is too much."""
        async with self.gateway.postgres.region(self._home.region).connection() as connection:
            met = await store.matches(connection, self._home, self.given, self._change({}), MOST_MATCHES + 1)
        _check(met)
        return met

    async def embed(self, met: RowMatches) -> None:
        """The texts whose vectors are needed for what was met, and not made yet."""
        wanted = {each: Asking(self.resolved.uses[each], [self.strings[each]]) for each in self._lacking(met)}
        self.embedded = await embed_all(self.gateway, self.actor, wanted)
        used = [each for each in (self.usage, self.embedded.usage) if each is not None]
        self.usage = sum(used[1:], used[0]) if used else None
        self.made |= {each: outcomes[self.strings[each]] for each, outcomes in self.embedded.outcomes.items()}

    async def write(self) -> tuple[RowMatches, Touched]:
        """Raises, and so undoes the transaction, where a text is refused or a row would get no vector for its new text."""

        async def work(connection: Connection) -> tuple[RowMatches, Touched]:
            met, modified = await store.update(
                connection,
                self._home,
                self.given,
                self._change({each: self._vector(each) for each in self.made}),
                limit=MOST_MATCHES + 1,
                most_bytes=MOST_BYTES,
                most_keys=MOST_NAMED,
            )
            _check(met)
            if self._lacking(met):
                raise _TextChangedError(met)
            await table_version.check(connection, self._home)
            return met, modified

        def told(done: tuple[RowMatches, Touched]) -> NewEvent:
            met, modified = done
            return event(self.actor, "update_rows", self._home, matched=met.count, modified=modified.count)

        return await usage.write(self.gateway, self._home.region, self.embedded.spent, work, told)

    @property
    def _home(self) -> Table:
        return self.resolved.table

    def _take_plain(self, column: Column, new: object) -> None:
        """A column that is no vector column, and the vector columns that follow its text; one in migration is left for its job."""
        if column.key_position is not None:
            raise BadInput(
                f"{column.name} belongs to the primary key, which cannot be changed: insert the row anew under the other key.",
                column=column.name,
            )
        text = self.values[column.id] = value(column, new)
        for each in self._home.vectors:
            if each.source_column_id == column.id:
                self.followers[each.id] = column.id
                self._put(each, None if each.migrating else origin(self.resolved, each, None, text))

    def _take_vector(self, column: Column, new: object) -> None:
        made = origin(self.resolved, column, new, None)
        if column.id not in self.followers:
            self._put(column, made)

    def _put(self, column: Column, made: Vector | str | None) -> None:
        match made:
            case str() as text:
                self.strings[column.id] = text
            case vector:
                self.values[column.id] = vector

    def _lacking(self, met: RowMatches) -> list[UUID]:
        """The vector columns whose text is not embedded yet, and has to be for what was met."""
        return [each for each in self.strings if each not in self.made and self._is_needed(each, met)]

    def _is_needed(self, column: UUID, met: RowMatches) -> bool:
        source = self.followers.get(column)
        return source in met.other if source is not None else met.count > 0

    def _change(self, vectors: Mapping[UUID, Vector]) -> RowChange:
        made = {each: vectors.get(each) for each in self.strings}
        return RowChange({**self.values, **made}, self.followers)

    def _vector(self, column: UUID) -> Vector:
        """Raises the provider's refusal of the text, or InvalidVector."""
        outcome = self.made[column]
        if isinstance(outcome, GatewayError):
            raise outcome
        [found] = [each for each in self._home.vectors if each.id == column]
        check_vector(outcome, metric_of(found))
        return outcome


def _check(met: RowMatches) -> None:
    check_matches(met.count, "rows")
    if met.too_large:
        raise grown("row")
