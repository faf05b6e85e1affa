"""Migrating a collection: a new one with another configuration, filled from the old one by a job while both are in use (rules 20 and 21).

Everything is copied, and the vector index built; then what was written meanwhile is taken over; then the old one is closed to
writes for a moment, and what came last is taken over, too. So a write in the old collection that was answered before the job has
SUCCEEDED is in the new one.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from typing import Final
from uuid import UUID

import structlog

from app.access import Actor, Permission
from app.bounded import Begin, bounded
from app.domain import attaching, audit, carrying, collection, database, debris, embedding, job
from app.domain.carrying import Batch, Carrying
from app.domain.job import Handler, JobLeftError, Run
from app.domain.vector import check_dimension
from app.errors import DatabaseUnavailable
from app.gateway import Gateway
from app.postgres import Connection, transaction
from app.store import change, document, document_copy, target
from app.store import collection as collection_store
from app.store import debris as debris_store
from app.store.document_copy import EVERYTHING, Stretch
from app.store.record import Collection, Job, JobKind, Metric
from app.value import check_identifier

BATCH: Final = 256
"""Documents that are written together."""

IN_FLIGHT: Final = 4
"""Batches under way at a time: with BATCH, the most texts that are embedded twice when a process is killed."""

CLOSED: Final = timedelta(seconds=10)
"""How long writes in the old collection wait at most."""

AGAIN_SECONDS: Final = 5.0
"""How long they go on before it is closed again, where that was not long enough."""

log = structlog.get_logger(__name__)


async def migrate(
    gateway: Gateway,
    actor: Actor,
    collection_id: UUID,
    *,
    name: str,
    wanted: attaching.Embedding | None,
    metric: Metric | None,
) -> tuple[Job, Collection]:
    """A new collection, still empty, and the job that fills it. Without `wanted` vectors are copied, and texts dropped.

    Reading is not asked for: nothing of a document is answered here, and the new collection is read with the same permission.
    """
    old = (await embedding.resolve(gateway, actor, collection_id)).target
    actor.require(Permission.CREATE_COLLECTION)
    check_identifier(name, "A collection's name")
    [home] = await database.find_all(gateway, actor, [old.database_id])
    database.check_active(home)
    use = await attaching.attachable(gateway, actor, home, wanted) if wanted is not None else None
    dimension = use.dimension if use is not None else old.dimension
    check_dimension(dimension)
    begun: list[Job] = []

    async def note(connection: Connection, created: Collection) -> None:
        kind = JobKind.MIGRATE_COLLECTION
        begun.append(await job.start(connection, kind, old, result_id=created.id, region=old.region))
        details = {"into": name, **collection.using(use)}
        await audit.done(connection, actor, "migrate_collection", "Collection", old.id, old.name, **details)

    made = await collection.make(
        gateway,
        actor,
        home,
        name=name,
        wanted=use,
        dimension=dimension,
        metric=metric or old.metric or Metric.COSINE,
        note=note,
        indexed=False,
    )
    return begun[-1], made


async def _work(run: Run) -> None:
    way = await carrying.between(run, run.job.target_id, _result(run))
    await _begin(run, way)
    await _copy(run, way)
    await run.patiently(lambda: _index(way))
    while True:
        if await _catch_up_and_end(run, way):
            return
        await asyncio.sleep(AGAIN_SECONDS)


async def _begin(run: Run, way: Carrying) -> None:
    """From now on no change is missed. A worker that comes too late leaves nothing behind."""
    async with way.region.transaction() as connection:
        if not await change.begin(connection, run.job, way.old):
            raise JobLeftError(f"job {run.job.id} has another worker")
    try:
        await _recount(run, way)
    except JobLeftError:
        await _withdraw(run, way)
        raise


async def _copy(run: Run, way: Carrying) -> None:
    """All that is not there yet, in order of keys, up to the last one of now: what comes behind it is noted as a change."""
    last = await run.patiently(partial(_last_key, way))
    processed, failed = run.job.processed, run.job.failed

    async def carry(batch: Batch) -> None:
        nonlocal processed, failed
        failed += await way.carry(batch)
        processed += len(batch.documents)
        await run.progress(total=max(run.job.total, processed), processed=processed, failed=failed)

    async def each(begin: Begin) -> None:
        after = ""
        while (found := await run.patiently(partial(_stretch, way, after, last))) is not None:
            after = found.last
            if found.documents:
                await begin(carry(Batch(found.documents)))

    await bounded(IN_FLIGHT, each)


async def _index(way: Carrying) -> None:
    """Build the new collection's vector index once it is filled: three times as fast as while it is."""
    async with way.region.outside() as connection:
        await collection_store.build_index(connection, way.new)


async def _last_key(way: Carrying) -> str:
    async with way.region.connection() as connection:
        return await document_copy.last_key(connection, way.old)


async def _stretch(way: Carrying, after: str, last: str) -> Stretch | None:
    async with way.region.connection() as connection:
        return await document_copy.stretch(connection, way.old, way.new, after, last, BATCH)


async def _catch_up(run: Run, way: Carrying, *, left: int) -> None:
    """Take over what was changed since it was copied, until no more than so many changes were left.

    One batch after the other: a key may be in several.
    """
    while (batch := await run.patiently(lambda: _changes(run, way))) is not None:
        await way.carry(batch)
        await run.progress()
        if len(batch.changes) <= left:
            return


async def _changes(run: Run, way: Carrying) -> Batch | None:
    """The documents as they are after the changes were noted: what comes later is noted again."""
    async with way.region.connection() as connection:
        numbers, keys = await change.batch(connection, run.job, BATCH)
        if not numbers:
            return None
        documents = await document.by_keys(connection, way.old, EVERYTHING, keys)
    return Batch(documents, sorted(set(keys) - {each.key for each in documents}), numbers)


async def _catch_up_and_end(run: Run, way: Carrying) -> bool:
    """End the job when nothing is left to be taken over; False when there was no moment for it."""
    await _catch_up(run, way, left=BATCH - 1)  # with writers who never pause there is always something left
    try:
        async with _closed(run, way), asyncio.timeout(CLOSED.total_seconds()):
            async with way.region.outside() as connection, transaction(connection):
                await change.wait_for_writes(connection, run.job)
            await _catch_up(run, way, left=0)
            await _recount(run, way)
            # With a connection that is not the pool's, which may have one only: the end of the job is written with another.
            async with way.region.outside() as connection, transaction(connection):
                await change.wait_for_writes(connection, run.job)
                if not await change.is_over(connection, run.job):
                    return False
                await run.succeed()
    except (TimeoutError, DatabaseUnavailable) as error:
        log.info("migration_not_ended_yet", job=str(run.job.id), reason=str(error))
        return False
    return True


@asynccontextmanager
async def _closed(run: Run, way: Carrying) -> AsyncIterator[None]:
    """Let writes in the old collection wait. They stay so when the job has ended, until the triggers are gone."""
    async with way.region.connection() as connection:
        if not await change.close(connection, run.job, CLOSED):
            raise JobLeftError(f"job {run.job.id} has another worker")
    try:
        yield
    finally:
        if not run.job.status.ended:
            async with way.region.connection() as connection:
                await change.open_again(connection, run.job)


async def _recount(run: Run, way: Carrying) -> None:
    """Say how far it has come, by what is stored."""
    async with way.region.connection() as connection:
        found = await document_copy.counts(connection, way.old, way.new, anew=way.anew)
    total = max(found.originals, found.copies)
    await run.progress(total=total, processed=found.copies, failed=found.lacking)


async def _withdraw(run: Run, way: Carrying) -> None:
    """Undo `_begin`, unless another worker has begun since; in one transaction, so that none begins in between."""
    async with way.region.transaction() as connection:
        if await change.end(connection, run.job):
            await change.remove(connection, run.job)


async def _release(run: Run) -> None:
    """Let the old collection go: writes need not wait until the triggers are gone, which wait for long reads."""
    region = run.gateway.postgres.region(run.job.details["region"])
    async with region.transaction() as connection:
        await change.end(connection, run.job)
    async with region.transaction() as connection:
        await change.remove(connection, run.job)


async def _abandon(run: Run) -> None:
    """Half a collection is of use to nobody: the new one is dropped, and its name is free."""
    await _release(run)
    made, region = _result(run), run.job.details["region"]
    async with run.gateway.postgres.catalogue.transaction() as connection:
        if not await target.delete(connection, run.job.organization_id, made):
            return
        await job.cancel_of(connection, run.job.organization_id, made)
        left = await debris_store.insert(connection, region, run.job.database_id, made)
    await debris.try_to_remove(run.gateway, left)


def _result(run: Run) -> UUID:
    assert run.job.result_id is not None  # noqa: S101 - `migrate` always names it
    return run.job.result_id


HANDLER: Final = Handler(_work, abandoned=_abandon, finished=_release)
