"""Where a search looks: found, allowed to be read, and fit to be searched, or refused before anything is spent (rule 31)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias
from uuid import UUID

from app.access import Actor, Permission
from app.domain import embedding
from app.errors import (
    BadInput,
    ColumnNotIndexed,
    ColumnNotVector,
    ColumnUnknown,
    EmbeddingNotConfigured,
    OneVectorColumnPerSearch,
    VectorsNotEnabled,
)
from app.gateway import Gateway
from app.store import document, job, row, space
from app.store.record import (
    Collection,
    Column,
    ColumnType,
    Document,
    Job,
    JobKind,
    Resolved,
    Table,
    TableRow,
    VectorIndexStatus,
)
from app.store.space import Space

Record: TypeAlias = Document | TableRow
Filter: TypeAlias = Mapping[str, object] | None


@dataclass(frozen=True, slots=True)
class Searched:
    """A target as it is now, and the space in it that is searched."""

    resolved: Resolved[Collection] | Resolved[Table]
    space: Space[Record]
    column: Column | None = None

    @property
    def ids(self) -> list[UUID]:
        """What it is: the collection, or the table and the column."""
        return [self.resolved.target.id, *([self.column.id] if self.column else [])]

    def check_embeds(self) -> None:
        """Raises EmbeddingNotConfigured where no text can be searched with."""
        if self.resolved.attachment is not None:
            return
        if self.column is None:
            raise embedding.not_configured(self.resolved)
        raise EmbeddingNotConfigured(
            f"No integration is attached to the column {self.column.name} of {self.resolved.target.name}: "
            "give a vector, or attach an integration with attachIntegration.",
            column=self.column.name,
        )


class Among(Protocol):
    """What a caller wants searched."""

    async def find(self, gateway: Gateway, actor: Actor, given: Filter) -> Searched:
        """The space with what matches a filter. Raises NotFound, PermissionDenied, or why it cannot be searched, in this order."""
        ...


@dataclass(frozen=True, slots=True)
class Documents:
    """A collection's documents, and what is read of those that are found."""

    collection_id: UUID
    column: str | None
    wanted: document.Wanted

    async def find(self, gateway: Gateway, actor: Actor, given: Filter) -> Searched:
        resolved = await embedding.resolve(gateway, actor, self.collection_id)
        actor.require(Permission.READ_DATA)
        home = resolved.target
        if home.dimension is None:
            raise VectorsNotEnabled(f"{home.name} holds no vectors: search a collection that has a dimension.")
        if self.column is not None:
            raise BadInput(f"{home.name} is a collection and has no columns: leave column out.")
        return Searched(resolved, space.documents(home, self.wanted, given))


@dataclass(frozen=True, slots=True)
class Rows:
    """A table's rows by one of its vector columns, and what is read of those that are found."""

    table_id: UUID
    column: str | None
    wanted: row.Wanted

    async def find(self, gateway: Gateway, actor: Actor, given: Filter) -> Searched:
        found = await embedding.resolve_table(gateway, actor, self.table_id)
        actor.require(Permission.READ_DATA)
        column = _vector_column(found.table, self.column)
        if column.index is None or column.index.status is not VectorIndexStatus.READY:
            raise await _not_indexed(gateway, actor, found.table, column)
        searched = space.rows(found.table, column, column.index.metric, self.wanted, given)
        return Searched(found.uses[column.id], searched, column)


def _vector_column(table: Table, name: str | None) -> Column:
    """The vector column of this name; without a name, the only one, not counting one that another has taken the place of."""
    vectors = [
        each.name
        for each in table.shown
        if each.type is ColumnType.VECTOR and (name is not None or each.index or not each.retired)
    ]
    if name is None and not vectors:
        raise ColumnNotVector(f"{table.name} has no vector column that could be searched.")
    if name is None and len(vectors) > 1:
        raise OneVectorColumnPerSearch(
            f"{table.name} has several vector columns ({', '.join(vectors)}), and a search looks at one: name it in column.",
            columns=vectors,
        )
    column = table.column(vectors[0] if name is None else name)
    if column is None:
        raise ColumnUnknown(f"{table.name} has no column of the name given in column{_instead(vectors)}.")
    if column.type is not ColumnType.VECTOR:
        raise ColumnNotVector(
            f"The column {column.name} of {table.name} is {column.type.value} and holds no vectors{_instead(vectors)}.",
            column=column.name,
        )
    return column


def _instead(vectors: list[str]) -> str:
    return f"; its vector columns: {', '.join(vectors)}" if vectors else ""


async def _not_indexed(gateway: Gateway, actor: Actor, table: Table, column: Column) -> ColumnNotIndexed:
    """What is missing, and how to mend it; of an index that is being built, how far it has come."""
    index, what = column.index, f"column {column.name} of {table.name}"
    if index is None:
        message = f"The {what} has no vector index, which a search needs: make one with createVectorIndex."
        return ColumnNotIndexed(message, column=column.name)
    facts: dict[str, Any] = {"column": column.name, "index": index.name, "status": index.status.value}
    if index.status is VectorIndexStatus.FAILED:
        message = (
            f"The vector index {index.name} of the {what} could not be built: "
            "drop it with dropVectorIndex, and make it again with createVectorIndex."
        )
        return ColumnNotIndexed(message, **facts)
    building = await _building(gateway, actor, table, column)
    if building is not None:
        facts |= {"jobStatus": building.status.value, "processed": building.processed, "total": building.total}
    share = f" ({building.processed} of {building.total} vectors)" if building and building.total else ""
    message = f"The vector index {index.name} of the {what} is being built{share}: search again when it is READY."
    return ColumnNotIndexed(message, retryable=True, **facts)


async def _building(gateway: Gateway, actor: Actor, table: Table, column: Column) -> Job | None:
    """The job that builds the column's index; None when it has ended by now."""
    async with gateway.postgres.catalogue.connection() as connection:
        jobs = await job.under_way(connection, actor.organization_id, table.id)
    return next((each for each in jobs if each.kind is JobKind.BUILD_INDEX and each.column_name == column.name), None)
