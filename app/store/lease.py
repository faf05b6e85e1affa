"""SQL of workers: taking jobs, keeping them, writing their progress, ending them and giving them back.

A job is taken until a moment, which its worker keeps moving on; when the worker is killed, the moment comes and another takes it.
Every write of a worker names the attempt that it has been given, so that what a worker writes after it was taken for dead changes nothing.

PgQueuer 1.6 was tried for this and left, for what its statements say: heartbeats, completions and requeues address an entry by its id
alone, so that a worker which stood still beyond its time-out keeps alive, deletes or frees the entry that another has taken over; there
is no way out of a handler that leaves the entry as it is; a lost listening connection is never made again; and while all slots are in
use, a waiting job is asked for ten times a second.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from app.notification import Topic
from app.postgres import Connection
from app.store.job import COLUMNS, job, tell_workers
from app.store.notification import notify
from app.store.record import Job, JobKind, JobStatus

_OPEN = "(status in ('QUEUED', 'RUNNING') or unclean)"
_MINE = "id = $1 and attempt = $2"
_TAKE = f"""
    with due as materialized (
        select id as job_id from vectorgate.job where {_OPEN} and kind = any($1) and not_before <= now()
        order by not_before, id limit $3 for update skip locked
    )
    update vectorgate.job set
        attempt = attempt + 1, not_before = now() + $2, started_at = case status when 'QUEUED' then now() else started_at end,
        status = case status when 'QUEUED' then 'RUNNING' else status end
    from due where id = job_id returning {COLUMNS}"""
_NEXT = (
    f"select extract(epoch from min(not_before) - now())::float8 from vectorgate.job where {_OPEN} and kind = any($1)"
)
_KEEP = f"""
    update vectorgate.job set not_before = now() + $3 from unnest($1::uuid[], $2::integer[]) as mine (job_id, of_attempt)
    where id = job_id and attempt = of_attempt and {_OPEN} returning {COLUMNS}"""
_PROGRESS = f"""
    update vectorgate.job set total = coalesce($3, total), processed = coalesce($4, processed), failed = coalesce($5, failed)
    where {_MINE} and status = 'RUNNING' returning {COLUMNS}"""
_END = f"""
    update vectorgate.job set status = $3, error_code = $4, error = $5, finished_at = now(), unclean = true
    where {_MINE} and status = 'RUNNING' returning {COLUMNS}"""
_CLEAN = f"update vectorgate.job set unclean = false where {_MINE}"
# With an attempt of its own, so that the giver cannot keep it any more.
_GIVE_BACK = f"""
    update vectorgate.job set attempt = attempt + 1, not_before = now() + $3 where {_MINE} and {_OPEN} returning organization_id"""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a job has failed: a code of the errors' catalogue, and a sentence."""

    code: str
    message: str


async def take(connection: Connection, kinds: Sequence[JobKind], length: timedelta, limit: int) -> list[Job]:
    """Jobs that nobody works on, for the caller alone for so long: to be done where they are RUNNING, else to be cleared away."""
    taken = [job(row) for row in await connection.fetch(_TAKE, kinds, length, limit)]
    for organization_id in {each.organization_id for each in taken}:
        await notify(connection, Topic.JOB, organization_id)
    return taken


async def next_seconds(connection: Connection, kinds: Sequence[JobKind]) -> float | None:
    """In how many seconds a job can be taken, if its worker is dead; None: there is none."""
    seconds: float | None = await connection.fetchval(_NEXT, kinds)
    return seconds


async def keep(connection: Connection, jobs: Sequence[Job], length: timedelta) -> dict[UUID, Job]:
    """Keep jobs for so long from now on: those of them that still are the caller's, as they are now."""
    rows = await connection.fetch(_KEEP, [each.id for each in jobs], [each.attempt for each in jobs], length)
    return {row["id"]: job(row) for row in rows}


async def progress(
    connection: Connection, mine: Job, total: int | None, processed: int | None, failed: int | None
) -> Job | None:
    """The job with these numbers; None when it was ended, or is not the caller's any more."""
    row = await connection.fetchrow(_PROGRESS, mine.id, mine.attempt, total, processed, failed)
    if row is None:
        return None
    await notify(connection, Topic.JOB, mine.organization_id)
    return job(row)


async def end(connection: Connection, mine: Job, status: JobStatus, failure: Failure | None) -> Job | None:
    """The job, ended, and still the caller's; None when it was ended before, or is not the caller's any more."""
    told = (failure.code, failure.message) if failure else (None, None)
    row = await connection.fetchrow(_END, mine.id, mine.attempt, status, *told)
    if row is None:
        return None
    await notify(connection, Topic.JOB, mine.organization_id)
    return job(row)


async def clean(connection: Connection, mine: Job) -> None:
    """Nothing of an ended job is left to be cleared away."""
    await connection.execute(_CLEAN, mine.id, mine.attempt)


async def give_back(connection: Connection, mine: Job, after: timedelta) -> None:
    """Let any worker take the job, after so long; does nothing when there is nothing more to do, or another has it."""
    organization_id = await connection.fetchval(_GIVE_BACK, mine.id, mine.attempt, after)
    if organization_id is not None:
        await tell_workers(connection, organization_id)
