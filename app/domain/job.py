"""Jobs: work that outlives its request, on one worker at a time, to be taken up by another where that one ends (rules 21, 28 and 31).

What a kind of job does is its handler's; which worker does it, and what becomes of it, is `domain/worker.py`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass
from typing import Final, TypeVar
from uuid import UUID

import structlog
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, wait_random_exponential

from app.access import Actor, Permission
from app.cancelled import is_cancelled
from app.domain import audit
from app.errors import BadInput, DatabaseUnavailable, GatewayError, NotFound
from app.gateway import Gateway
from app.notification import Topic
from app.page import Page, after_id, check_first, id_cursor
from app.postgres import Connection
from app.store import job as store
from app.store import lease
from app.store.lease import Failure
from app.store.record import Collection, Job, JobKind, JobStatus, Table

PATIENCE_SECONDS: Final = 3600.0
"""How long a job may go on being refused for reasons that pass, without any progress, before it fails."""

MOST_SECONDS: Final = 60.0
"""Between two attempts at what was refused."""

AGAIN_SECONDS: Final = 1.0
"""How long a follower waits while the database is away."""

PERMISSIONS: Final = {
    JobKind.MIGRATE_COLLECTION: Permission.CREATE_COLLECTION,
    JobKind.MIGRATE_VECTOR_COLUMN: Permission.ALTER_TABLE,
    JobKind.EMBED_MISSING: Permission.WRITE_DATA,
    JobKind.BUILD_INDEX: Permission.CREATE_INDEX,
}
"""What starting a job of each kind needs, and therefore cancelling it."""

T = TypeVar("T")

log = structlog.get_logger(__name__)


class JobLeftError(Exception):
    """The job was cancelled, or another worker has it: whoever gets this stops and writes nothing more."""


class Run:
    """One worker's work on a job: `job` is its row as this worker has last seen or written it."""

    def __init__(self, gateway: Gateway, job: Job) -> None:
        self.gateway = gateway
        self.actor = Actor.system(job.organization_id)
        self.job = job
        self._progressed = time.monotonic()
        self._telling = asyncio.Lock()

    async def progress(
        self, *, total: int | None = None, processed: int | None = None, failed: int | None = None
    ) -> None:
        """Write how far it has come, and tell those who look on; None leaves a number as it is. Call it where a batch ends.

        Raises JobLeftError when the job is not this worker's any more.
        """
        self._progressed = time.monotonic()

        async def write() -> Job | None:
            async with self.gateway.postgres.catalogue.transaction() as connection:
                return await lease.progress(connection, self.job, total, processed, failed)

        async with self._telling:  # batches side by side are told of in the order of their calls: numbers never go back
            self._settle(await self.patiently(write))

    async def succeed(self) -> None:
        """End the job: for a handler that must do so at a certain moment, since returning ends it, too. Raises JobLeftError."""
        await self._end(JobStatus.SUCCEEDED, None)

    async def fail(self, code: str, message: str) -> None:
        """End the job with the code and message of an error. Raises JobLeftError."""
        await self._end(JobStatus.FAILED, Failure(code, message))

    async def patiently(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """What `attempt` answers, tried again and again while it is refused for a reason that passes: hold no connection meanwhile.

        Waits grow to a minute. Raises the last refusal when there was no progress for an hour, and at once what will not pass.
        """
        retrying = AsyncRetrying(
            retry=retry_if_exception(_passes), wait=self._wait, stop=self._is_hopeless, reraise=True
        )

        async def tried() -> T:
            if is_cancelled():
                raise asyncio.CancelledError
            return await attempt()  # `attempt` may be a lambda, which the library would take for a plain function

        return await retrying(tried)

    async def _end(self, status: JobStatus, failure: Failure | None) -> None:
        async with self.gateway.postgres.catalogue.transaction() as connection:
            self._settle(await lease.end(connection, self.job, status, failure))

    def _settle(self, written: Job | None) -> None:
        if written is None:
            raise JobLeftError(f"job {self.job.id} is not this worker's any more")
        self.job = written

    def _wait(self, state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        asked = error.facts.get("retryAfterSeconds") if isinstance(error, GatewayError) else None
        seconds = _BACKOFF(state)
        seconds = min(max(seconds, asked), MOST_SECONDS) if isinstance(asked, int | float) else seconds
        log.warning("job_waits", job=str(self.job.id), seconds=round(seconds, 1), reason=str(error))
        return seconds

    def _is_hopeless(self, _: RetryCallState) -> bool:
        return time.monotonic() - self._progressed > PATIENCE_SECONDS


_BACKOFF: Final = wait_random_exponential(multiplier=0.5, max=MOST_SECONDS)


def _passes(error: BaseException) -> bool:
    return isinstance(error, GatewayError) and error.retryable


async def _nothing(_: Run) -> None: ...


@dataclass(frozen=True, slots=True)
class Handler:
    """What a kind of job does. Each of these may be begun anew, by any worker, from what is stored."""

    work: Callable[[Run], Awaitable[None]]
    """Returning is success. A GatewayError that will not pass is failure with its code; one that passes lets it begin anew.

    It is cancelled when the job is, or when this worker must leave it.
    """
    abandoned: Callable[[Run], Awaitable[None]] = _nothing
    """Clear away what a job that has FAILED, or was CANCELLED, has left behind."""
    finished: Callable[[Run], Awaitable[None]] = _nothing
    """The same for one that has SUCCEEDED."""


async def start(
    connection: Connection,
    kind: JobKind,
    target: Collection | Table,
    *,
    column_name: str | None = None,
    result_id: UUID | None = None,
    **details: object,
) -> Job:
    """Begin a job in the caller's transaction on the catalogue: workers hear of it when that commits.

    `column_name`: as users are told. `result_id`: what it makes. `details`: JSON values for its handler, in `run.job.details`.
    """
    return await store.insert(connection, kind, target, column_name=column_name, result_id=result_id, details=details)


async def find(gateway: Gateway, actor: Actor, job_id: UUID) -> Job:
    """Raises NotFound."""
    async with gateway.postgres.catalogue.connection() as connection:
        found = await store.by_ids(connection, actor.organization_id, actor.databases, [job_id])
    if not found:
        raise NotFound("There is no job with this id.")
    return found[0]


async def page(gateway: Gateway, actor: Actor, *, first: int, after: str | None, status: JobStatus | None) -> Page[Job]:
    """Jobs about the databases that the caller sees, newest first."""
    check_first(first)
    async with gateway.postgres.catalogue.connection() as connection:
        found = await store.page(connection, actor.organization_id, actor.databases, status, after_id(after), first + 1)
    return Page.of(found, first, after, lambda each: id_cursor(each.id))


async def count(gateway: Gateway, actor: Actor, *, status: JobStatus | None) -> int:
    """How many jobs `page` would go through."""
    async with gateway.postgres.catalogue.connection() as connection:
        return await store.count(connection, actor.organization_id, actor.databases, status)


async def cancel(gateway: Gateway, actor: Actor, job_id: UUID) -> Job:
    """End a job. It is CANCELLED when this returns, and what it left behind is cleared away moments later.

    One that was cancelled before is answered as it is. Raises BadInput for one that has ended by itself.
    """
    found = await find(gateway, actor, job_id)
    actor.require(Permission.WRITE_DATA)
    actor.require(PERMISSIONS[found.kind])
    async with gateway.postgres.catalogue.transaction() as connection:
        cancelled = await store.cancel(connection, actor.organization_id, job_id)
        if cancelled is not None:
            await audit.done(connection, actor, "cancel_job", "Job", job_id, found.target_name, job=found.kind.value)
            return cancelled
    ended = await find(gateway, actor, job_id)
    if ended.status is not JobStatus.CANCELLED:
        raise BadInput(f"The job has ended: it is {ended.status}, and nothing is left to cancel.")
    return ended


async def cancel_of(connection: Connection, organization_id: UUID, target_id: UUID) -> None:
    """In the transaction that drops a collection or table: what is under way to change it, or to make it, is CANCELLED."""
    await store.cancel_of_target(connection, organization_id, target_id)


async def cancel_of_database(connection: Connection, organization_id: UUID, database_id: UUID) -> None:
    """In the transaction that drops a database: what is under way in it is CANCELLED."""
    await store.cancel_of_database(connection, organization_id, database_id)


async def follow(gateway: Gateway, actor: Actor, job_id: UUID) -> AsyncGenerator[Job, None]:
    """The job as it is now, then after each change, whichever replica works on it, until it has ended. Raises NotFound."""
    return _changes(gateway, actor, await find(gateway, actor, job_id))


async def _changes(gateway: Gateway, actor: Actor, last: Job) -> AsyncGenerator[Job, None]:
    with gateway.hub.changes(Topic.JOB, actor.organization_id) as changes:
        yield last
        while not last.status.ended:
            await changes.wait()
            now = await _read(gateway, actor, last.id)
            if now != last:
                last = now
                yield now


async def _read(gateway: Gateway, actor: Actor, job_id: UUID) -> Job:
    """The job, once the database is there again."""
    while True:
        try:
            return await find(gateway, actor, job_id)
        except DatabaseUnavailable:
            await asyncio.sleep(AGAIN_SECONDS)
