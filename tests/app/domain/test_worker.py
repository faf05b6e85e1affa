"""Workers: each job on one of them at a time, taken over when that one dies, left when it stops, given up when it cannot be done."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import UUID

import pytest
from structlog.testing import capture_logs

from app.domain import job as job_rules
from app.domain import worker as workers
from app.domain.job import Handler, JobLeftError, Run
from app.errors import BadInput, DatabaseUnavailable, EmbeddingProviderRateLimited
from app.store import lease
from app.store.record import Job, JobStatus
from tests.app.domain.working import KIND, Resting, begun, now, reached, settled, system, unclean, working
from tests.factory import Run as Start
from tests.factory import Running
from tests.patience import until


@pytest.fixture(autouse=True)
def only_the_test_works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.assembly.Worker", Resting)
    monkeypatch.setattr(workers, "AGAIN_SECONDS", 0.05)


@pytest.fixture
async def books(running: Running) -> str:
    return await running.api.collection(await running.api.database())


class Notes:
    """A handler that says what was done, and can be made to wait or fail."""

    def __init__(self) -> None:
        self.begun: list[tuple[UUID, int, int]] = []
        """Job, attempt, and how far it had come."""
        self.waiting = 0
        self.cleared: list[JobStatus] = []
        self.stopped = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.faults: list[Exception] = []
        self.clearing_faults: list[Exception] = []

    @property
    def handler(self) -> Handler:
        return Handler(self._work, self._clear, self._clear)

    async def _work(self, run: Run) -> None:
        self.begun.append((run.job.id, run.job.attempt, run.job.processed))
        if self.faults:
            raise self.faults.pop(0)
        await run.progress(total=2, processed=1)
        self.waiting += 1
        try:
            await self.gate.wait()
        except asyncio.CancelledError:
            self.stopped += 1
            raise
        await run.progress(processed=2)

    async def _clear(self, run: Run) -> None:
        if self.clearing_faults:
            raise self.clearing_faults.pop(0)
        self.cleared.append(run.job.status)

    async def waits(self, times: int = 1) -> bool:
        return self.waiting >= times


@pytest.fixture
def notes() -> Notes:
    return Notes()


async def dead(running: Running, seconds: float) -> Job:
    """The one job, taken by a worker that does nothing with it, nor ever says so."""
    async with running.gateway.postgres.catalogue.transaction() as connection:
        [taken] = await lease.take(connection, [KIND], timedelta(seconds=seconds), 1)
    return taken


# --- how jobs end ---
async def test_a_job_is_done_and_cleared_away_once(running: Running, books: str, notes: Notes) -> None:
    async with working(running, notes.handler):
        made = await begun(running, books, depth=3)
        done = await settled(running, made.id)
    assert (made.status, made.started_at, made.details) == (JobStatus.QUEUED, None, {"depth": 3})
    assert (done.status, done.total, done.processed, done.failed) == (JobStatus.SUCCEEDED, 2, 2, 0)
    assert done.started_at is not None
    assert done.finished_at is not None
    assert made.created_at <= done.started_at <= done.finished_at
    assert (len(notes.begun), notes.cleared) == (1, [JobStatus.SUCCEEDED])


async def test_what_will_not_pass_fails_the_job_at_once_with_its_code(
    running: Running, books: str, notes: Notes
) -> None:
    notes.faults.append(BadInput("No."))
    async with working(running, notes.handler):
        failed = await settled(running, (await begun(running, books)).id)
    assert (failed.status, failed.error_code, failed.error) == (JobStatus.FAILED, "BAD_INPUT", "No.")
    assert (len(notes.begun), notes.cleared) == (1, [JobStatus.FAILED])


async def test_a_fault_of_the_gateway_is_internal_and_in_the_log(running: Running, books: str, notes: Notes) -> None:
    notes.faults.append(RuntimeError("a secret detail"))
    with capture_logs() as logged:
        async with working(running, notes.handler):
            failed = await settled(running, (await begun(running, books)).id)
    assert (failed.status, failed.error_code) == (JobStatus.FAILED, "INTERNAL")
    assert "secret" not in (failed.error or "")
    [entry] = [each for each in logged if each["event"] == "job_failed"]
    assert entry["exc_info"]


async def test_what_passes_lets_the_job_begin_anew(
    running: Running, books: str, notes: Notes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_rules, "_BACKOFF", lambda _: 0.0)
    notes.faults += [DatabaseUnavailable("away"), EmbeddingProviderRateLimited("slower", retryAfterSeconds=0)]
    async with working(running, notes.handler):
        done = await settled(running, (await begun(running, books)).id)
    assert (done.status, len(notes.begun)) == (JobStatus.SUCCEEDED, 3)


async def test_patience_ends_an_hour_after_the_last_progress(
    running: Running, books: str, notes: Notes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_rules, "_BACKOFF", lambda _: 0.0)
    monkeypatch.setattr(job_rules, "PATIENCE_SECONDS", -1.0)
    notes.faults.append(EmbeddingProviderRateLimited("slower"))
    async with working(running, notes.handler):
        failed = await settled(running, (await begun(running, books)).id)
    assert (failed.status, failed.error_code) == (JobStatus.FAILED, "EMBEDDING_PROVIDER_RATE_LIMITED")


@pytest.mark.parametrize("fault", [RuntimeError("no"), DatabaseUnavailable("away")])
async def test_what_could_not_be_cleared_away_is_cleared_away_later(
    running: Running, books: str, notes: Notes, fault: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "CLEAR_AGAIN", timedelta(0))
    notes.clearing_faults += [fault, fault]
    async with working(running, notes.handler):
        await settled(running, (await begun(running, books)).id)
    assert (len(notes.begun), notes.cleared) == (1, [JobStatus.SUCCEEDED])


# --- who works ---
async def test_a_job_is_on_one_worker_at_a_time_across_replicas(run: Start, notes: Notes) -> None:
    here, there = await run(), await run()
    books = await here.api.collection(await here.api.database())
    async with working(here, notes.handler), working(there, notes.handler):
        made = [await begun(here, books) for _ in range(20)]
        for each in made:
            await settled(here, each.id)
    assert sorted(notes.begun) == sorted((each.id, 1, 0) for each in made)


async def test_a_worker_takes_no_more_than_it_can_do_and_the_rest_when_it_can(
    running: Running, books: str, notes: Notes
) -> None:
    notes.gate.clear()
    async with working(running, notes.handler, at_once=2):
        made = [await begun(running, books) for _ in range(3)]
        await until(lambda: notes.waits(2))
        waiting = [(await now(running, each.id)).status for each in made]
        assert sorted(waiting) == [JobStatus.QUEUED, JobStatus.RUNNING, JobStatus.RUNNING]
        notes.gate.set()
        assert {(await settled(running, each.id)).status for each in made} == {JobStatus.SUCCEEDED}


async def test_the_job_of_a_worker_that_died_is_taken_over(running: Running, books: str, notes: Notes) -> None:
    made = await begun(running, books)
    lost = await dead(running, 0.3)
    async with working(running, notes.handler):
        done = await settled(running, made.id)
    assert (done.status, len(notes.begun), notes.begun[0][1]) == (JobStatus.SUCCEEDED, 1, 2)
    late = Run(running.gateway, lost)
    with pytest.raises(JobLeftError):
        await late.progress(processed=1)
    with pytest.raises(JobLeftError):
        await late.fail("INTERNAL", "late")
    assert await now(running, made.id) == done


async def test_a_worker_keeps_its_job_for_as_long_as_it_takes(running: Running, books: str, notes: Notes) -> None:
    notes.gate.clear()
    moved = "select not_before from vectorgate.job where not_before > $1"
    async with working(running, notes.handler), working(running, notes.handler):
        made = await begun(running, books)
        await until(lambda: notes.waits(1))
        (row,) = await running.sql("select not_before + interval '1 second' as later from vectorgate.job")

        async def kept() -> bool:
            return bool(await running.sql(moved, row["later"]))

        await until(kept)
        notes.gate.set()
        await settled(running, made.id)
    assert len(notes.begun) == 1


async def test_a_worker_that_lost_its_job_stops(running: Running, books: str, notes: Notes) -> None:
    notes.gate.clear()
    async with working(running, notes.handler):
        made = await begun(running, books)
        await until(lambda: notes.waits(1))
        await running.sql("update vectorgate.job set attempt = attempt + 1, not_before = now() + interval '1 hour'")

        async def stopped() -> bool:
            return notes.stopped == 1

        await until(stopped)
        assert (await now(running, made.id)).status is JobStatus.RUNNING
    assert await running.sql("select 1 from vectorgate.job where not_before > now() + interval '1 minute'")


async def test_a_worker_that_is_stopped_leaves_its_job_to_another_at_once(
    running: Running, books: str, notes: Notes
) -> None:
    notes.gate.clear()
    async with working(running, notes.handler, lease_seconds=3600):
        made = await begun(running, books)
        await until(lambda: notes.waits(1))
    left = await now(running, made.id)
    assert (notes.stopped, left.status, left.processed) == (1, JobStatus.RUNNING, 1)
    notes.gate.set()
    async with working(running, notes.handler, lease_seconds=3600):
        done = await settled(running, made.id)
    assert (done.status, notes.begun[1][2]) == (JobStatus.SUCCEEDED, 1)


async def test_a_job_that_does_not_let_go_keeps_no_worker_from_stopping(
    running: Running, books: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "LEAVING_SECONDS", 0.05)
    begun_at, let_go = asyncio.Event(), asyncio.Event()

    async def work(_: Run) -> None:
        try:
            begun_at.set()
            await asyncio.Event().wait()
        finally:
            await let_go.wait()

    with capture_logs() as logged:
        async with working(running, Handler(work)):
            await begun(running, books)
            await begun_at.wait()
    assert [each["kind"] for each in logged if each["event"] == "job_not_left"] == [KIND.value]
    let_go.set()


# --- cancelling ---
async def test_a_running_job_that_is_cancelled_is_stopped_and_cleared_away(
    running: Running, books: str, notes: Notes
) -> None:
    notes.gate.clear()
    async with working(running, notes.handler, lease_seconds=3600):
        made = await begun(running, books)
        await until(lambda: notes.waits(1))
        cancelled = await job_rules.cancel(running.gateway, await system(running), made.id)
        assert (cancelled.status, cancelled.processed) == (JobStatus.CANCELLED, 1)
        await settled(running, made.id)
    assert (notes.stopped, notes.cleared) == (1, [JobStatus.CANCELLED])


async def test_a_queued_job_that_is_cancelled_is_never_begun(running: Running, books: str, notes: Notes) -> None:
    made = await begun(running, books)
    await job_rules.cancel(running.gateway, await system(running), made.id)
    assert await unclean(running, made.id)
    async with working(running, notes.handler):
        ended = await settled(running, made.id)
    assert (ended.status, ended.started_at is None) == (JobStatus.CANCELLED, True)
    assert (notes.begun, notes.cleared) == ([], [JobStatus.CANCELLED])


# --- a database that goes away ---
async def test_a_job_outlives_every_connection_of_its_gateway(running: Running, books: str, notes: Notes) -> None:
    notes.gate.clear()
    ended = "select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
    async with working(running, notes.handler):
        made = await begun(running, books)
        await until(lambda: notes.waits(1))
        await running.as_login(ended)
        notes.gate.set()
        assert (await settled(running, made.id)).status is JobStatus.SUCCEEDED


async def test_a_worker_whose_database_stays_away_stops_and_takes_the_job_up_when_it_is_back(
    running: Running, books: str, notes: Notes, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object) -> dict[object, object]:
        raise DatabaseUnavailable("away")

    notes.gate.clear()
    async with working(running, notes.handler):
        made = await begun(running, books)
        await until(lambda: notes.waits(1))
        with monkeypatch.context() as patch:
            patch.setattr(lease, "keep", away)
            patch.setattr(lease, "give_back", away)

            async def stopped() -> bool:
                return notes.stopped == 1

            await until(stopped)
        notes.gate.set()
        done = await reached(running, made.id, JobStatus.SUCCEEDED)
    assert (len(notes.begun), done.attempt >= 2) == (2, True)
