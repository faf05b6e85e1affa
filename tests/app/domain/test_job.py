"""A job's patience: what passes is tried again for as long as its cause says, at most a minute, and what will not pass is not."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import cast
from uuid import uuid4

import pytest
from structlog.testing import capture_logs

from app.access import EVERYTHING
from app.domain import job as rules
from app.domain.job import Run
from app.errors import BadInput, DatabaseUnavailable, EmbeddingProviderRateLimited
from app.gateway import Gateway
from app.store.record import Job, JobKind, JobStatus


@pytest.fixture
def run() -> Run:
    job = Job(
        id=uuid4(),
        organization_id=uuid4(),
        database_id=uuid4(),
        kind=JobKind.BUILD_INDEX,
        status=JobStatus.RUNNING,
        target_id=uuid4(),
        target_name="films",
        column_name="v",
        result_id=None,
        details={},
        total=0,
        processed=0,
        failed=0,
        error_code=None,
        error=None,
        created_at=datetime.now(UTC),
        started_at=datetime.now(UTC),
        finished_at=None,
        attempt=1,
    )
    return Run(cast("Gateway", None), job)


@pytest.fixture(autouse=True)
def without_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "_BACKOFF", lambda _: 0.0)


def failing(*errors: Exception) -> Callable[[], Awaitable[str]]:
    """Raises these, one after the other, then answers."""
    left = list(errors)

    async def attempt() -> str:
        if left:
            raise left.pop(0)
        return "done"

    return attempt


def test_it_acts_for_the_gateway_in_the_organization_of_the_job(run: Run) -> None:
    assert (run.actor.organization_id, run.actor.permissions) == (run.job.organization_id, EVERYTHING)
    assert run.actor.databases is None


async def test_what_passes_is_tried_again(run: Run) -> None:
    assert await run.patiently(failing(DatabaseUnavailable("a"), EmbeddingProviderRateLimited("b"))) == "done"


@pytest.mark.parametrize(
    "error",
    [BadInput("no"), EmbeddingProviderRateLimited("quota", retryable=False), RuntimeError("fault")],
)
async def test_what_will_not_pass_is_not_tried_again(run: Run, error: Exception) -> None:
    with pytest.raises(type(error)):
        await run.patiently(failing(error))


@pytest.mark.parametrize(("asked", "waited"), [(0.2, 0.2), (500, 0.3), (None, 0.0)])
async def test_it_waits_as_long_as_the_provider_asks_but_not_longer_than_a_minute(
    run: Run, asked: float | None, waited: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rules, "MOST_SECONDS", 0.3)
    with capture_logs() as logged:
        await run.patiently(failing(EmbeddingProviderRateLimited("slower", retryAfterSeconds=asked)))
    [entry] = [each for each in logged if each["event"] == "job_waits"]
    assert (entry["seconds"], entry["reason"]) == (waited, "slower")


async def test_whoever_is_cancelled_and_told_otherwise_tries_no_more(run: Run) -> None:
    begun = asyncio.Event()

    async def swallow() -> None:
        begun.set()
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            raise DatabaseUnavailable("The connection broke.") from None

    task = asyncio.create_task(run.patiently(swallow))
    await begun.wait()
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()


async def test_without_progress_for_an_hour_it_gives_up_with_the_last_refusal(run: Run) -> None:
    run._progressed -= rules.PATIENCE_SECONDS
    with pytest.raises(DatabaseUnavailable, match="first"):
        await run.patiently(failing(DatabaseUnavailable("first"), DatabaseUnavailable("second")))
