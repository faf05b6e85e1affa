"""Moving a vector column to another embedding configuration while its table is searched and written to (rule 28).

A new column, not seen yet, is filled from the source text, indexed, and then swapped in by one transaction of the catalogue. Until
then nothing is changed of the old one, which stays under `<name>_previous`. Every step can be begun anew: what is done is found done.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from uuid import UUID

from app.access import Actor, Permission
from app.domain import attaching, audit, column, database, debris, embedding, job, new_column, table
from app.domain.column import PREVIOUS
from app.domain.filling import Filling, Place
from app.domain.job import Handler, JobLeftError, Run
from app.domain.table_version import anew, changing
from app.errors import AlreadyExists, BadInput, ColumnUnknown, EmbeddingNotConfigured, LimitExceeded, NotFound
from app.gateway import Gateway
from app.store import attachment, lease, vector_index
from app.store import column as column_store
from app.store import debris as debris_store
from app.store.debris import Debris
from app.store.identifier import column as physical
from app.store.missing import Gap
from app.store.record import Attachment, Column, Job, JobKind, Metric, Table, VectorIndex, VectorIndexStatus, new_id
from app.store.row import home as home_of
from app.store.row import typed_key

MOST_PASSES = 20
"""Over texts that changed while others were embedded; what is left then is filled in after the swap, when no more can come."""


@dataclass(frozen=True, slots=True)
class _Move:
    """What is begun: the column that another is to take the place of, that other one, and how it embeds."""

    old: Column
    new: Column
    use: Attachment
    pending: list[Debris]


async def begin(
    gateway: Gateway, actor: Actor, table_id: UUID, name: str, asked: attaching.Embedding, source_name: str | None
) -> tuple[Job, Table]:
    """Begin to move a vector column. Raises the coded error of what keeps it from being moved, and nothing is changed."""

    async def work() -> Job:
        found = await table.find(gateway, actor, table_id)
        actor.require(Permission.ALTER_TABLE)
        old = _movable(found, name)
        [home] = await database.find_all(gateway, actor, [found.database_id])
        use = await attaching.attachable(gateway, actor, home, asked, new_id())
        new = _planned(found, old, use, _source(found, old, source_name))
        pending = await column.noted(gateway, found, [new])
        try:
            await column.make(gateway, found, [new])
            return await _enter(gateway, actor, found, _Move(old, new, use, pending))
        except Exception:
            await debris.take_back(gateway, pending)
            raise

    return await anew(work), await table.find(gateway, actor, table_id)


async def _enter(gateway: Gateway, actor: Actor, found: Table, move: _Move) -> Job:
    """In the catalogue: writes know of the new column from now on, and a worker takes the job."""
    old, new, use = move.old, move.new, move.use
    async with changing(gateway, found) as connection:
        await column.spare(connection, move.pending)
        await column_store.insert(connection, [new])
        await attaching.attach(connection, use, found.id)
        told = {"column": old.name, "provider": use.provider, "model": use.model}
        await audit.done(connection, actor, "migrate_vector_column", "Table", found.id, found.name, **told)
        kind = JobKind.MIGRATE_VECTOR_COLUMN
        return await job.start(connection, kind, found, column_name=old.name, old_id=str(old.id), new_id=str(new.id))


async def work(run: Run) -> None:
    """Fill, index, swap, and fill what writes left behind that were under way at the swap."""
    filling = Filling(run, lambda: _place(run))
    if await _is_waiting(run):
        await filling.settle(MOST_PASSES)
        await run.patiently(lambda: _build_index(run))
        await filling.settle(MOST_PASSES)
        await run.patiently(lambda: anew(lambda: _swap(run)))
    await filling.settle(MOST_PASSES)
    await run.patiently(lambda: _drop_old_index(run))


async def abandoned(run: Run) -> None:
    """Before the swap: nothing of the new column stays. After it only the old index goes: `embedMissing` fills in what is missing."""

    async def work() -> None:
        found = await table.find(run.gateway, run.actor, run.job.target_id)
        new = _with_id(found, run.job.details["new_id"])
        if new is None or not new.migrating:
            await _drop_old_index(run)
            return
        async with changing(run.gateway, found) as connection:
            await column_store.delete(connection, found.organization_id, [new.id])
            left = await debris_store.insert(connection, found.region, found.database_id, found.id, new.id)
        await debris.try_to_remove(run.gateway, left)

    try:
        await anew(work)
    except NotFound:
        return  # dropped, with all of its columns


HANDLER = Handler(work, abandoned)


def _movable(found: Table, name: str) -> Column:
    """The vector column of this name, which must be able to give it up."""
    old = column.vector(found, name)
    column.check_settled(found, old)
    if any(each.name == name + PREVIOUS for each in found.columns):
        message = f"The table has a column named {name + PREVIOUS!r} already: drop it with dropColumns first."
        raise AlreadyExists(message, column=name + PREVIOUS)
    if len(found.columns) >= new_column.MOST_COLUMNS:
        message = (
            f"A table can have {new_column.MOST_COLUMNS} columns, and both are needed while one moves: drop one first."
        )
        raise LimitExceeded(message, limit=new_column.MOST_COLUMNS, actual=len(found.columns) + 1)
    if old.index and old.index.status is VectorIndexStatus.BUILDING:
        message = f"The index of {name!r} is being built: wait until that job has ended, or cancel it with cancelJob."
        raise BadInput(message, retryable=True, column=name)
    return old


def _source(found: Table, old: Column, name: str | None) -> UUID:
    """The text column to embed from: the one asked for, else the one that the old column follows."""
    if name is not None:
        return new_column.source_of(found.columns, replace(old, nullable=True), name).id
    if old.source_column_id is None:
        raise BadInput(
            f"{old.name!r} has no sourceColumn, and texts that were embedded are not kept: "
            "name the text column to embed from in sourceColumn.",
            column=old.name,
        )
    return old.source_column_id


def _planned(found: Table, old: Column, use: Attachment, source_id: UUID) -> Column:
    """The new column; until the swap it holds the name that the old one will have then, so that nothing else takes it."""
    assert use.column_id is not None  # noqa: S101 - it was asked for with one
    return replace(
        old,
        id=use.column_id,
        name=old.name + PREVIOUS,
        nullable=True,
        position=max(each.position for each in found.columns) + 1,
        dimension=use.dimension,
        source_column_id=source_id,
        migrating=True,
        index=None,
    )


async def _is_waiting(run: Run) -> bool:
    """Whether the swap is still to come."""
    found = await run.patiently(lambda: table.find(run.gateway, run.actor, run.job.target_id))
    return _new(found, run).migrating


async def _place(run: Run) -> Place:
    """Where the new column's vectors are missing, with its configuration as it is now."""
    resolved = await embedding.resolve_table(run.gateway, run.actor, run.job.target_id)
    new = _new(resolved.table, run)
    source = new.source_column_id
    if source is None:
        message = f"The integration was taken off {new.name!r} when it had been moved, and before all of its rows were embedded."
        raise EmbeddingNotConfigured(message, column=new.name)
    gap = Gap(new.table_id, home_of(resolved.table), typed_key(resolved.table), physical(source), physical(new.id))
    return Place(resolved.uses[new.id], gap, _metric(resolved.table, run))


def _metric(found: Table, run: Run) -> Metric | None:
    """What the new column's vectors are, or will be, compared by."""
    index = _new(found, run).index or _old_index(found, run)
    return index.metric if index else None


def _old_index(found: Table, run: Run) -> VectorIndex | None:
    old = _with_id(found, run.job.details["old_id"])
    return old.index if old else None


async def _build_index(run: Run) -> None:
    """As the old column has one; without the time-out of a request, while others read and write."""
    found = await table.find(run.gateway, run.actor, run.job.target_id)
    index, new = _old_index(found, run), _new(found, run)
    if index is not None:
        async with run.gateway.postgres.region(found.region).outside() as connection:
            if not await vector_index.is_built(connection, found, new):
                await vector_index.build(connection, found, new, index.metric)


async def _swap(run: Run) -> None:
    """The new column takes the old one's name, place and index; writes that were prepared before are begun anew."""
    found = await table.find(run.gateway, run.actor, run.job.target_id)
    new, old = _new(found, run), _with_id(found, run.job.details["old_id"])
    if not new.migrating or old is None:
        return
    await column.let_be_null(run.gateway, found, [old])
    async with changing(run.gateway, found) as connection:
        # In the same transaction: a job that is cancelled moves nothing any more.
        if await lease.progress(connection, run.job, None, None, None) is None:
            raise JobLeftError(f"job {run.job.id} is not this worker's any more")
        await attachment.delete_of_column(connection, found.organization_id, old.id)
        await column_store.swap(connection, old, new)


async def _drop_old_index(run: Run) -> None:
    found = await table.find(run.gateway, run.actor, run.job.target_id)
    old = _with_id(found, run.job.details["old_id"])
    if old is not None and old.index is None:
        async with run.gateway.postgres.region(found.region).transaction() as connection:
            await vector_index.drop(connection, found, old)


def _new(found: Table, run: Run) -> Column:
    """The new column. Raises ColumnUnknown where it was dropped after the swap."""
    new = _with_id(found, run.job.details["new_id"])
    if new is None:
        raise ColumnUnknown(f"The column {run.job.column_name!r} was dropped meanwhile.", column=run.job.column_name)
    return new


def _with_id(found: Table, column_id: str) -> Column | None:
    return next((each for each in found.columns if each.id == UUID(column_id)), None)
