"""Embedding texts that have no vector: left behind by a cancelled migration, refused by a provider then, or older than their column."""

from __future__ import annotations

from uuid import UUID

from app.access import Actor, Permission
from app.domain import audit, collection, column, embedding, job, loading
from app.domain.embedding import not_configured, resolve, resolve_table
from app.domain.filling import Filling, Place
from app.domain.job import Handler, Run
from app.errors import AlreadyExists, BadInput, ColumnUnknown, EmbeddingNotConfigured, VectorsNotEnabled
from app.gateway import Gateway
from app.postgres import Connection
from app.store import document, lock
from app.store import job as job_store
from app.store.identifier import column as physical
from app.store.missing import Gap
from app.store.record import Collection, Column, Job, JobKind, Resolved, ResolvedTable, Table
from app.store.row import home as home_of
from app.store.row import typed_key

MOST_PASSES = 3
"""What is written meanwhile is embedded by the writes themselves: later passes are for texts that changed while they were embedded."""


async def begin_in_collection(gateway: Gateway, actor: Actor, collection_id: UUID, name: str | None) -> Job:
    """Begin to embed the documents' texts that have no vector."""
    resolved = await resolve(gateway, actor, collection_id)
    actor.require(Permission.WRITE_DATA)
    home = resolved.target
    if name is not None:
        raise BadInput(f"{home.name} is a collection and has no columns: leave column out.")
    if home.dimension is None:
        raise VectorsNotEnabled(f"{home.name} holds no vectors.")
    embedding.allowed(gateway, actor, resolved)
    return await _start(gateway, actor, home, None)


async def begin_in_table(gateway: Gateway, actor: Actor, table_id: UUID, name: str | None) -> Job:
    """Begin to embed the texts of a vector column's source column where it has no vector."""
    resolved = await resolve_table(gateway, actor, table_id)
    actor.require(Permission.WRITE_DATA)
    wanted = _column(resolved.table, name)
    _check(resolved, wanted)
    embedding.allowed(gateway, actor, resolved.uses[wanted.id])
    return await _start(gateway, actor, resolved.table, wanted)


async def work(run: Run) -> None:
    """Pass over what is missing until nothing is, or only what the provider refuses. A collection without vectors gets its index then."""
    filling = Filling(run, lambda: _place(run))
    if run.job.details["column_id"] is not None:
        await filling.settle(MOST_PASSES)
        return
    home = await collection.find(run.gateway, run.actor, run.job.target_id)
    async with loading.into(run.gateway, home):
        await filling.settle(MOST_PASSES)


HANDLER = Handler(work)


def _column(home: Table, name: str | None) -> Column:
    """The vector column of this name; without one, the only one that follows a text."""
    if name is not None:
        return column.vector(home, name)
    following = [each for each in home.shown if each.source_column_id is not None]
    if len(following) == 1:
        return following[0]
    if following:
        names = ", ".join(each.name for each in following)
        raise BadInput(f"{home.name} has several vector columns with a sourceColumn: name one of {names} in column.")
    raise BadInput(f"{home.name} has no vector column with a sourceColumn: attach an integration with one.")


def _check(resolved: ResolvedTable, wanted: Column) -> None:
    """Raises what keeps a column's vectors from being made."""
    column.check_settled(resolved.table, wanted)
    if resolved.uses[wanted.id].attachment is None:
        message = f"No integration is attached to {wanted.name!r}: attach one with attachIntegration."
        raise EmbeddingNotConfigured(message, column=wanted.name)
    if wanted.source_column_id is None:
        message = f"{wanted.name!r} has no sourceColumn, and texts that were embedded are not kept: attach the integration with one."
        raise BadInput(message, column=wanted.name)


async def _start(gateway: Gateway, actor: Actor, home: Collection | Table, wanted: Column | None) -> Job:
    """One at a time for each place: two would embed the same texts."""
    name = wanted.name if wanted else None
    async with gateway.postgres.catalogue.transaction() as connection:
        await lock.alone(connection, home.id)
        await _check_free(connection, home, name)
        column_id = str(wanted.id) if wanted else None
        begun = await job.start(connection, JobKind.EMBED_MISSING, home, column_name=name, column_id=column_id)
        kind = "Table" if isinstance(home, Table) else "Collection"
        await audit.done(connection, actor, "embed_missing", kind, home.id, home.name, column=name)
    return begun


async def _check_free(connection: Connection, home: Collection | Table, name: str | None) -> None:
    for each in await job_store.under_way(connection, home.organization_id, home.id):
        if each.kind is JobKind.EMBED_MISSING and each.column_name == name:
            raise AlreadyExists(
                "A job embeds what is missing there already: wait until it has ended.", job=str(each.id)
            )


async def _place(run: Run) -> Place:
    """Where vectors are missing, with the configuration as it is now."""
    if run.job.details["column_id"] is None:
        return _in_collection(await resolve(run.gateway, run.actor, run.job.target_id))
    return _in_table(await resolve_table(run.gateway, run.actor, run.job.target_id), run)


def _in_collection(resolved: Resolved[Collection]) -> Place:
    if resolved.attachment is None:
        raise not_configured(resolved)
    gap = Gap(resolved.target.id, document.table(resolved.target), {"key": "text"}, "text", "vector")
    return Place(resolved, gap, resolved.target.metric)


def _in_table(resolved: ResolvedTable, run: Run) -> Place:
    home, wanted_id = resolved.table, UUID(run.job.details["column_id"])
    wanted = next((each for each in home.shown if each.id == wanted_id), None)
    if wanted is None:
        raise ColumnUnknown(f"The column {run.job.column_name!r} was dropped meanwhile.", column=run.job.column_name)
    _check(resolved, wanted)
    assert wanted.source_column_id is not None  # noqa: S101 - that was checked
    gap = Gap(home.id, home_of(home), typed_key(home), physical(wanted.source_column_id), physical(wanted.id))
    return Place(resolved.uses[wanted.id], gap, wanted.index.metric if wanted.index else None)
