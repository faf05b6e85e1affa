"""A process's work on jobs: takes them, keeps them while it works on them, and leaves them to others when it must.

It looks when it is told that there is something to do, when another worker's time would be over, and now and then in any case.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import structlog

from app import tenant
from app.domain.handlers import HANDLERS
from app.domain.job import Handler, JobLeftError, Run
from app.errors import GatewayError, Internal
from app.gateway import Gateway
from app.notification import Changes, Topic
from app.store import lease
from app.store.record import Job, JobKind, JobStatus

AT_ONCE: Final = 4
"""Jobs that a process works on at a time: they wait for providers, most of their time."""

LEASE_SECONDS: Final = 8.0
"""How long a job of a worker that was killed waits for another one."""

GIVING_BACK_SECONDS: Final = 3.0
"""How long giving a job back may take. It need not be done: the lease ends by itself."""

LEAVING_SECONDS: Final = 10.0
"""How long a worker that stops waits for those it has interrupted. A database that says nothing does not hold up its end."""

IDLE_SECONDS: Final = 30.0
"""The longest that a worker goes without looking: it may not have been told."""

AGAIN_SECONDS: Final = 1.0
"""Between looks while the database is away."""

CLEAR_AGAIN: Final = timedelta(seconds=30)
"""After an ended job could not be cleared away."""

NOW: Final = timedelta(0)

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Hold:
    """A job that this worker has, the task that does it, and until when it has it, by this process's clock."""

    run: Run
    task: asyncio.Task[timedelta]
    until: float
    stopping: bool = False

    def stop(self) -> None:
        """Once: what the task does on its way out is not to be interrupted."""
        if not self.stopping:
            self.stopping = True
            self.task.cancel()


class Worker:
    """Works on jobs until it is cancelled. `lease_seconds`: see LEASE_SECONDS; what it has is kept three times as often."""

    def __init__(
        self,
        gateway: Gateway,
        handlers: Mapping[JobKind, Handler] = HANDLERS,
        *,
        at_once: int = AT_ONCE,
        lease_seconds: float = LEASE_SECONDS,
    ) -> None:
        self._gateway = gateway
        self._handlers = handlers
        self._kinds = list(handlers)
        self._at_once = at_once
        self._lease = timedelta(seconds=lease_seconds)
        self._holds: dict[asyncio.Task[None], _Hold] = {}
        """By the task that sees each of them through: it is never interrupted."""

    async def forever(self) -> None:
        """Work until cancelled; what is under way then is left at once, for another worker to take up."""
        with self._gateway.hub.changes(Topic.WORK) as changes:
            try:
                while True:
                    await _told_within(changes, await self._look(changes))
            finally:
                await self._leave()

    async def _look(self, changes: Changes) -> float:
        """Keep what this worker has and take what it can; answers in how many seconds to look again."""
        try:
            return await self._keep_and_take(changes)
        except GatewayError as error:
            log.warning("jobs_not_looked_for", reason=error.message)
        except Exception:
            log.exception("jobs_not_looked_for")  # a fault of ours must not leave jobs lying for good
        for hold in self._holds.values():
            if time.monotonic() > hold.until:
                hold.stop()
        return AGAIN_SECONDS

    async def _keep_and_take(self, changes: Changes) -> float:
        held, free = list(self._holds.values()), self._at_once - len(self._holds)
        until = time.monotonic() + self._lease.total_seconds()
        async with self._gateway.postgres.catalogue.transaction() as connection:
            jobs = [hold.run.job for hold in held]
            kept = await lease.keep(connection, jobs, self._lease) if jobs else {}
            taken = await lease.take(connection, self._kinds, self._lease, free) if free else []
            next_seconds = await lease.next_seconds(connection, self._kinds)
        for hold in held:
            _keep(hold, kept.get(hold.run.job.id), until)
        for job in taken:
            self._begin(job, until, changes)
        return self._pause(next_seconds)

    def _pause(self, next_seconds: float | None) -> float:
        pauses = [IDLE_SECONDS]
        if self._holds:
            pauses.append(self._lease.total_seconds() / 3)
        if next_seconds is not None and len(self._holds) < self._at_once:
            pauses.append(max(next_seconds, 0.1))
        return min(pauses)

    def _begin(self, job: Job, until: float, changes: Changes) -> None:
        run = Run(self._gateway, job)
        with tenant.working_for(job.organization_id):
            hold = _Hold(run, asyncio.create_task(self._carry_out(run)), until)
        seeing_through = asyncio.create_task(self._see_through(hold))
        self._holds[seeing_through] = hold

        def over(_: asyncio.Task[None]) -> None:
            del self._holds[seeing_through]
            changes.tell()

        seeing_through.add_done_callback(over)

    async def _see_through(self, hold: _Hold) -> None:
        """However the work on it ends, the job is given back: nobody need wait until this worker's time is over."""
        await asyncio.wait([hold.task])
        after = NOW if hold.task.cancelled() else hold.task.result()
        try:
            async with (
                asyncio.timeout(GIVING_BACK_SECONDS),
                self._gateway.postgres.catalogue.transaction() as connection,
            ):
                await lease.give_back(connection, hold.run.job, after)
        except GatewayError as error:
            log.warning("job_not_given_back", reason=error.message, **_told(hold.run))
        except TimeoutError:
            log.warning("job_not_given_back", reason=f"not within {GIVING_BACK_SECONDS:g} s", **_told(hold.run))

    async def _carry_out(self, run: Run) -> timedelta:
        """Answers after how long anybody may take the job again, should there be anything left to do. Raises when it is cancelled."""
        try:
            if run.job.status is not JobStatus.RUNNING:
                return await self._clear_away(run)
            await self._work(run)
        except JobLeftError:
            log.info("job_left", **_told(run))
        except GatewayError as error:  # what could not be written is done again by whoever takes the job next
            log.warning("job_interrupted", reason=error.message, **_told(run))
        return NOW

    async def _work(self, run: Run) -> None:
        """Do the job to its end. Raises JobLeftError, and DatabaseUnavailable where the end could not be written."""
        handler = self._handlers[run.job.kind]

        async def to_its_end() -> None:
            await handler.work(run)
            if not run.job.status.ended:
                await run.succeed()

        log.info("job_taken", attempt=run.job.attempt, **_told(run))
        try:
            await run.patiently(to_its_end)
        except JobLeftError:
            raise
        except GatewayError as error:
            await run.fail(error.code, error.message)
        except Exception:
            log.exception("job_failed", **_told(run))
            message = f"The gateway itself failed; its operator finds the reason in the log, by the job {run.job.id}."
            await run.fail(Internal.code, message)
        log.info("job_ended", status=run.job.status.value, code=run.job.error_code, **_told(run))

    async def _clear_away(self, run: Run) -> timedelta:
        """Remove what an ended job has left behind; answers after how long to try again, where that fails."""
        handler = self._handlers[run.job.kind]
        clear = handler.finished if run.job.status is JobStatus.SUCCEEDED else handler.abandoned
        try:
            await clear(run)
            async with self._gateway.postgres.catalogue.connection() as connection:
                await lease.clean(connection, run.job)
        except GatewayError as error:
            log.warning("job_not_cleared_away", reason=error.message, **_told(run))
            return CLEAR_AGAIN
        except Exception:
            log.exception("job_not_cleared_away", **_told(run))
            return CLEAR_AGAIN
        return NOW

    async def _leave(self) -> None:
        for hold in self._holds.values():
            hold.stop()
        if self._holds:
            await asyncio.wait(self._holds, timeout=LEAVING_SECONDS)
        for hold in self._holds.values():
            log.warning("job_not_left", reason=f"not within {LEAVING_SECONDS:g} s", **_told(hold.run))


def _keep(hold: _Hold, job: Job | None, until: float) -> None:
    """Go on with a job that still is this worker's, and was not cancelled."""
    mine = job is not None and job.attempt == hold.run.job.attempt
    cancelled = mine and job is not None and job.status is JobStatus.CANCELLED
    if not mine or (cancelled and hold.run.job.status is JobStatus.RUNNING):
        hold.stop()
    else:
        hold.until = until


async def _told_within(changes: Changes, seconds: float) -> None:
    """Until there may be something to do, or so many seconds have passed."""
    try:
        async with asyncio.timeout(seconds):
            await changes.wait()
    except TimeoutError:
        return


def _told(run: Run) -> dict[str, str]:
    return {"job": str(run.job.id), "kind": run.job.kind.value}
