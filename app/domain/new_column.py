"""Columns that a caller asks for, in a new table or in one that there is: each is checked, and planned as it will be stored."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from app.access import Actor, Permission
from app.domain import attaching
from app.domain.vector import check_dimension
from app.errors import (
    AlreadyExists,
    BadInput,
    ColumnNotVector,
    ColumnUnknown,
    LimitExceeded,
    UnsupportedVectorDimension,
)
from app.gateway import Gateway
from app.store.record import (
    Attachment,
    Column,
    ColumnType,
    Database,
    Metric,
    VectorIndex,
    VectorIndexStatus,
    new_id,
)
from app.value import check_identifier

MOST_COLUMNS = 200
LONGEST_NAME = 48


@dataclass(frozen=True, slots=True)
class NewIndex:
    """A vector index that a caller asks for; without a name it is called after its column."""

    name: str | None
    metric: Metric


@dataclass(frozen=True, slots=True)
class NewColumn:
    """A column that a caller asks for. All but the first three: of vector columns."""

    name: str
    type: ColumnType
    nullable: bool = True
    dimension: int | None = None
    embedding: attaching.Embedding | None = None
    source_column: str | None = None
    index: NewIndex | None = None


@dataclass(frozen=True, slots=True)
class Planned:
    """Columns to be stored, and the attachments of those that embed."""

    columns: list[Column]
    attachments: list[Attachment]


def require_index(actor: Actor, asked: Iterable[NewColumn]) -> None:
    """Raises PermissionDenied where a column is asked for with an index, and the actor may make none."""
    if any(each.index for each in asked):
        actor.require(Permission.CREATE_INDEX)


async def plan(
    gateway: Gateway,
    actor: Actor,
    home: Database,
    table_id: UUID,
    asked: Sequence[NewColumn],
    *,
    key: Sequence[str] = (),
    there: Sequence[Column] = (),
) -> Planned:
    """How the columns will be stored behind those that are `there`. Raises the coded error of what does not fit."""
    _check_names(asked, there)
    for each in asked:
        _check_kind(each)
    columns = _identified(actor, table_id, asked, key, there)
    together = [*there, *columns]
    attachments = []
    for position, (column, each) in enumerate(zip(columns, asked, strict=True)):
        use = await _attachment(gateway, actor, home, column, each)
        source = source_of(together, column, each.source_column).id if each.source_column is not None else None
        dimension = use.dimension if use else each.dimension
        check_dimension(dimension)
        columns[position] = replace(column, dimension=dimension, source_column_id=source)
        attachments += [use] if use else []
    return Planned(_indexed(columns, asked, there), attachments)


def source_of(columns: Iterable[Column], column: Column, name: str) -> Column:
    """The text column of this name that a vector column is to be kept in step with. Raises ColumnUnknown or BadInput."""
    found = next((each for each in columns if each.name == name and not each.migrating), None)
    if found is None:
        raise ColumnUnknown("The table has no column of the name given as sourceColumn.", column=column.name)
    if found.type is not ColumnType.TEXT:
        message = f"sourceColumn must be a TEXT column, and {found.name!r} is {found.type}."
        raise BadInput(message, column=column.name)
    if not column.nullable:
        message = f"{column.name!r} has no vector where {found.name!r} has no text: it must be nullable to have a sourceColumn."
        raise BadInput(message, column=column.name)
    return found


def free_index_name(column: str, name: str | None, taken: Iterable[str]) -> str:
    """The name for an index of a column: the one that is asked for, else one after the column. Raises BadInput or AlreadyExists."""
    used = set(taken)
    if name is None:
        return next(each for each in _names_after(column) if each not in used)
    check_identifier(name, "An index's name")
    if name in used:
        raise AlreadyExists(f"The table has an index named {name!r} already: choose another name.", column=column)
    return name


def index_names(columns: Iterable[Column]) -> list[str]:
    return [each.index.name for each in columns if each.index]


def _check_names(asked: Sequence[NewColumn], there: Sequence[Column]) -> None:
    if not asked:
        raise BadInput("columns must hold one at least.", limit=1, actual=0)
    if (actual := len(asked) + len(there)) > MOST_COLUMNS:
        message = f"A table can have {MOST_COLUMNS} columns, and this would be {actual}."
        raise LimitExceeded(message, limit=MOST_COLUMNS, actual=actual)
    for each in asked:
        check_identifier(each.name, "A column's name")
    names = [each.name for each in asked]
    if twice := next((each for each in names if names.count(each) > 1), None):
        raise BadInput(f"Two columns are named {twice!r}.", column=twice)
    if taken := next((each for each in there if each.name in names), None):
        raise AlreadyExists(f"The table has a column named {taken.name!r} already.", column=taken.name)


def _check_kind(asked: NewColumn) -> None:
    if asked.type is not ColumnType.VECTOR:
        given = (asked.dimension, asked.embedding, asked.source_column, asked.index)
        if any(each is not None for each in given):
            message = (
                f"{asked.name!r} is {asked.type}: dimension, embedding, sourceColumn and index are of VECTOR columns."
            )
            raise ColumnNotVector(message, column=asked.name)
    elif asked.embedding is None:
        if asked.dimension is None:
            raise BadInput(f"The VECTOR column {asked.name!r} needs a dimension or an embedding.", column=asked.name)
        if asked.source_column is not None:
            message = f"{asked.name!r} cannot follow a sourceColumn without an embedding: give one, or leave both out."
            raise BadInput(message, column=asked.name)


def _identified(
    actor: Actor, table_id: UUID, asked: Sequence[NewColumn], key: Sequence[str], there: Sequence[Column]
) -> list[Column]:
    """The columns with ids and positions, still without what belongs to vectors."""
    first = max((each.position for each in there), default=0) + 1
    return [
        Column(
            id=new_id(),
            organization_id=actor.organization_id,
            table_id=table_id,
            name=each.name,
            type=each.type,
            nullable=each.nullable and each.name not in key,
            position=first + offset,
            key_position=key.index(each.name) + 1 if each.name in key else None,
            dimension=None,
            source_column_id=None,
            migrating=False,
            index=None,
        )
        for offset, each in enumerate(asked)
    ]


async def _attachment(
    gateway: Gateway, actor: Actor, home: Database, column: Column, asked: NewColumn
) -> Attachment | None:
    if asked.embedding is None:
        return None
    embedding = of_dimension(asked.embedding, asked.dimension, column.name)
    return await attaching.attachable(gateway, actor, home, embedding, column.id)


def of_dimension(embedding: attaching.Embedding, dimension: int | None, column: str) -> attaching.Embedding:
    """The embedding for a column of this dimension. Raises UnsupportedVectorDimension where it asks for another."""
    if None not in (dimension, embedding.dimension) and dimension != embedding.dimension:
        message = f"The column {column!r} holds vectors of {dimension} components, and the embedding asks for {embedding.dimension}."
        raise UnsupportedVectorDimension(message, column=column, limit=dimension, actual=embedding.dimension)
    return replace(embedding, dimension=embedding.dimension if dimension is None else dimension)


def _indexed(columns: Sequence[Column], asked: Sequence[NewColumn], there: Sequence[Column]) -> list[Column]:
    """The columns with their indexes, which are ready as soon as the columns are: there is nothing to index yet."""
    taken = index_names(there)
    indexed = []
    for column, each in zip(columns, asked, strict=True):
        index = None
        if each.index:
            name = free_index_name(column.name, each.index.name, taken)
            index = VectorIndex(name, each.index.metric, VectorIndexStatus.READY)
            taken.append(name)
        indexed.append(replace(column, index=index))
    return indexed


def _names_after(column: str) -> Iterator[str]:
    """`column_index`, then `column_index2` and so on, within the length of a name."""
    number = 1
    while True:
        ending = "_index" if number == 1 else f"_index{number}"
        yield column[: LONGEST_NAME - len(ending)] + ending
        number += 1
