"""SQL of jobs as users see them: begun with what they are about, paged through, told of, ended by their users."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from app.notification import Topic
from app.postgres import Connection, Row
from app.store.notification import notify
from app.store.record import Collection, Job, JobKind, JobStatus, Table, new_id

COLUMNS = """
    id, organization_id, database_id, kind, status, target_id, target_name, column_name, result_id, details, total, processed, failed,
    error_code, error, created_at, started_at, finished_at, attempt"""
_SEEN = "($2::uuid[] is null or database_id = any($2))"
_HERE = f"organization_id = $1 and {_SEEN} and ($3::text is null or status = $3)"
_INSERT = f"""
    insert into vectorgate.job
        (id, organization_id, database_id, kind, target_id, target_name, column_name, result_id, details)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9) returning {COLUMNS}"""
_BY_ID = f"select {COLUMNS} from vectorgate.job where organization_id = $1 and {_SEEN} and id = any($3)"
_PAGE = (
    f"select {COLUMNS} from vectorgate.job where {_HERE} and ($4::uuid is null or id < $4) order by id desc limit $5"
)
_COUNT = f"select count(*) from vectorgate.job where {_HERE}"
_STANDING = """
    select kind, status, count(*) as jobs, sum(total)::bigint as total, sum(processed)::bigint as processed,
        sum(failed)::bigint as failed
    from vectorgate.job where status in ('QUEUED', 'RUNNING') group by kind, status"""
_UNDER_WAY = f"""
    select {COLUMNS} from vectorgate.job
    where organization_id = $1 and (target_id = $2 or result_id = $2) and status in ('QUEUED', 'RUNNING') order by id"""
_CANCEL = f"""
    update vectorgate.job set status = 'CANCELLED', finished_at = now(), unclean = true
    where organization_id = $1 and id = $2 and status in ('QUEUED', 'RUNNING') returning {COLUMNS}"""
_CANCEL_OF_TARGET = """
    update vectorgate.job set status = 'CANCELLED', finished_at = now(), unclean = true
    where organization_id = $1 and (target_id = $2 or result_id = $2) and status in ('QUEUED', 'RUNNING') returning id"""
_CANCEL_OF_DATABASE = """
    update vectorgate.job set status = 'CANCELLED', finished_at = now(), unclean = true
    where organization_id = $1 and database_id = $2 and status in ('QUEUED', 'RUNNING') returning id"""


@dataclass(frozen=True, slots=True)
class Standing:
    """How many jobs of a kind are in a status, and the sums of what they count."""

    kind: JobKind
    status: JobStatus
    jobs: int
    total: int
    processed: int
    failed: int


async def insert(
    connection: Connection,
    kind: JobKind,
    target: Collection | Table,
    *,
    column_name: str | None,
    result_id: UUID | None,
    details: Mapping[str, object],
) -> Job:
    """A new job, QUEUED; workers hear of it when the transaction commits."""
    about = target.organization_id, target.database_id, kind.value, target.id, target.name, column_name, result_id
    row = await connection.fetchrow(_INSERT, new_id(), *about, details)
    assert row is not None  # noqa: S101 - an insert answers its row
    await tell_workers(connection, target.organization_id)
    return job(row)


async def by_ids(
    connection: Connection, organization_id: UUID, databases: Sequence[UUID] | None, ids: Sequence[UUID]
) -> list[Job]:
    return [job(row) for row in await connection.fetch(_BY_ID, organization_id, databases, ids)]


async def page(
    connection: Connection,
    organization_id: UUID,
    databases: Sequence[UUID] | None,
    status: JobStatus | None,
    before: UUID | None,
    limit: int,
) -> list[Job]:
    """Jobs, newest first, as far as a token limited to `databases` sees them."""
    rows = await connection.fetch(_PAGE, organization_id, databases, status, before, limit)
    return [job(row) for row in rows]


async def standing(connection: Connection) -> list[Standing]:
    """What is under way in the whole deployment, for its operator."""
    rows = await connection.fetch(_STANDING)
    return [Standing(**{**row, "kind": JobKind(row["kind"]), "status": JobStatus(row["status"])}) for row in rows]


async def count(
    connection: Connection, organization_id: UUID, databases: Sequence[UUID] | None, status: JobStatus | None
) -> int:
    number: int = await connection.fetchval(_COUNT, organization_id, databases, status)
    return number


async def under_way(connection: Connection, organization_id: UUID, target_id: UUID) -> list[Job]:
    """The jobs about a collection or table that have not ended, oldest first."""
    return [job(row) for row in await connection.fetch(_UNDER_WAY, organization_id, target_id)]


async def cancel(connection: Connection, organization_id: UUID, job_id: UUID) -> Job | None:
    """The job, CANCELLED; None when it had ended, or is not there."""
    row = await connection.fetchrow(_CANCEL, organization_id, job_id)
    if row is None:
        return None
    await tell_workers(connection, organization_id)
    return job(row)


async def cancel_of_target(connection: Connection, organization_id: UUID, target_id: UUID) -> None:
    """Cancel what is under way to change a collection or table, or to make it."""
    if await connection.fetch(_CANCEL_OF_TARGET, organization_id, target_id):
        await tell_workers(connection, organization_id)


async def cancel_of_database(connection: Connection, organization_id: UUID, database_id: UUID) -> None:
    """Cancel what is under way in a database."""
    if await connection.fetch(_CANCEL_OF_DATABASE, organization_id, database_id):
        await tell_workers(connection, organization_id)


async def tell_workers(connection: Connection, organization_id: UUID) -> None:
    """A job is to be taken, or to be left: its state has changed, too."""
    await notify(connection, Topic.WORK, organization_id)
    await notify(connection, Topic.JOB, organization_id)


def job(row: Row) -> Job:
    return Job(**{**row, "kind": JobKind(row["kind"]), "status": JobStatus(row["status"])})
