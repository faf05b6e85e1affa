"""SQL of changes: while a job fills a collection from another, the keys that are written there are noted with the write itself.

Triggers do it, so that no writer can be missed. At the end it is closed for a moment: what is under way is waited for, and taken over.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Final

import asyncpg

from app.postgres import Connection
from app.store.dropped import dropped_is_not_found
from app.store.identifier import capture_arguments, capture_trigger, collection_table
from app.store.lock import alone, briefly, key
from app.store.record import Collection, Job

CLOSED: Final = "VG001"
"""What the triggers refuse a write with; see the migrations of regions."""

TABLES: Final = {"insert": "new", "update": "new", "delete": "old"}
"""Event -> which of the written documents a trigger looks at; a key never changes."""

_CAPTURE = """
    insert into vectorgate_region.capture as known (job_id, attempt) values ($1, $2)
    on conflict (job_id) do update set attempt = excluded.attempt, closed_until = null where known.attempt <= excluded.attempt
    returning job_id"""
_HOLD = "select job_id from vectorgate_region.capture where job_id = $1 and attempt = $2 for share"
_BATCH = "select id, key from vectorgate_region.change where job_id = $1 order by id limit $2"
_FORGET = "delete from vectorgate_region.change where id = any($1)"
_CLOSE = "update vectorgate_region.capture set closed_until = clock_timestamp() + $3 where job_id = $1 and attempt = $2 returning job_id"
_OPEN = "update vectorgate_region.capture set closed_until = null where job_id = $1 and attempt = $2"
_IS_OVER = """
    select closed_until > clock_timestamp() and not exists (select from vectorgate_region.change where job_id = $1)
    from vectorgate_region.capture where job_id = $1 and attempt = $2"""
_END = "delete from vectorgate_region.capture where job_id = $1 and attempt <= $2 returning job_id"
_FORGET_ALL = "delete from vectorgate_region.change where job_id = $1"


class ClosedError(Exception):
    """A write came while the last changes are being taken over: it is undone, and can be done again in a moment."""


@contextmanager
def closing_is_told() -> Iterator[None]:
    """Raise ClosedError for a write that was refused for this reason."""
    try:
        yield
    except asyncpg.PostgresError as error:
        if error.sqlstate != CLOSED:
            raise
        raise ClosedError from None


@dropped_is_not_found
async def begin(connection: Connection, job: Job, collection: Collection) -> bool:
    """In a transaction: note every change that is committed from now on. False when another worker has the job.

    It waits for writes that are under way, but not for long.
    """
    await briefly(connection)
    if await connection.fetchval(_CAPTURE, job.id, job.attempt) is None:
        return False
    for event, table in TABLES.items():
        await connection.execute(f"""
            create or replace trigger {capture_trigger(job.id, event)}
            after {event} on {collection_table(collection.database_id, collection.id)}
            referencing {table} table as changed
            for each statement execute function vectorgate_region.note_change({capture_arguments(job.id, key(job.id))})""")
    return True


async def hold(connection: Connection, job: Job) -> bool:
    """In the transaction of a batch: whether the job is still this worker's, as it is then until the batch is committed."""
    return await connection.fetchval(_HOLD, job.id, job.attempt) is not None


async def batch(connection: Connection, job: Job, limit: int) -> tuple[list[int], list[str]]:
    """The first changes: their numbers, and the keys that they are about, each once."""
    rows = await connection.fetch(_BATCH, job.id, limit)
    return [row["id"] for row in rows], list(dict.fromkeys(row["key"] for row in rows))


async def forget(connection: Connection, numbers: Sequence[int]) -> None:
    """These changes are taken over."""
    await connection.execute(_FORGET, numbers)


async def close(connection: Connection, job: Job, length: timedelta) -> bool:
    """Refuse writes for so long at most. False when the job is another worker's."""
    return await connection.fetchval(_CLOSE, job.id, job.attempt, length) is not None


async def open_again(connection: Connection, job: Job) -> None:
    """Let writes through."""
    await connection.execute(_OPEN, job.id, job.attempt)


async def wait_for_writes(connection: Connection, job: Job) -> None:
    """In a transaction: return when no write is under way, but wait not for long; none goes on until the transaction ends."""
    await briefly(connection)
    await alone(connection, job.id)


async def is_over(connection: Connection, job: Job) -> bool:
    """After `wait_for_writes`: whether it is still closed, and every change is taken over."""
    return bool(await connection.fetchval(_IS_OVER, job.id, job.attempt))


async def end(connection: Connection, job: Job) -> bool:
    """Note nothing more; writes are let through. False when a later worker has begun anew, or it was ended before."""
    return await connection.fetchval(_END, job.id, job.attempt) is not None


async def remove(connection: Connection, job: Job) -> None:
    """In a transaction, after `end`: remove the triggers, where they are, and what was noted; waits not for long."""
    await briefly(connection)
    old = collection_table(job.database_id, job.target_id)
    for event in TABLES:
        await connection.execute(f"drop trigger if exists {capture_trigger(job.id, event)} on {old}")
    await connection.execute(_FORGET_ALL, job.id)
