"""What has no moment of its own is looked at every second: pools, caches, the event loop's lag; and jobs, when the metrics are read."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

from prometheus_client import Counter

from app.errors import GatewayError
from app.gateway import Gateway
from app.seeing.metrics import Metrics
from app.store import job
from app.store.record import JobKind, JobStatus
from resolvers.operation.document import DocumentCache

EVERY_SECONDS: Final = 1.0

JOBS_SECONDS: Final = 5.0
"""For so long jobs are not counted again: whoever reads the metrics needs no token, and must not keep the database busy."""

PATIENCE_SECONDS: Final = 1.0
"""How long the metrics wait for the number of jobs, and go without it then."""


class Sampler:
    """Looks at one gateway and at the documents of its executor."""

    def __init__(self, gateway: Gateway, documents: DocumentCache, metrics: Metrics) -> None:
        self._gateway = gateway
        self._metrics = metrics
        self._jobs_due = 0.0
        lookups, queries = metrics.lookups.labels, gateway.queries
        self._counted: list[_Counted] = [
            _Counted(lambda: queries.hits, lookups("query_vectors", "hit")),
            _Counted(lambda: queries.misses, lookups("query_vectors", "miss")),
            _Counted(lambda: documents.hits, lookups("documents", "hit")),
            _Counted(lambda: documents.misses, lookups("documents", "miss")),
            _Counted(lambda: documents.plans_made, metrics.plans),
        ]

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """Look again and again as long as the block lasts."""
        looking = asyncio.create_task(self._forever())
        try:
            yield
        finally:
            looking.cancel()
            await asyncio.gather(looking, return_exceptions=True)

    async def text(self) -> bytes:
        """Everything as it is now."""
        self.look()
        await self._count_jobs()
        return await asyncio.to_thread(self._metrics.text)  # with all their names they take tens of milliseconds

    def look(self) -> None:
        """Take over what others have counted, and how full the pools are."""
        for each in self._counted:
            each.take_over()
        postgres, metrics = self._gateway.postgres, self._metrics
        for cluster in {postgres.catalogue, *postgres.regions.values()}:
            in_use, idle = cluster.use
            metrics.connections.labels(cluster.name, "in_use").set(in_use)
            metrics.connections.labels(cluster.name, "idle").set(idle)
            metrics.connections_most.labels(cluster.name).set(cluster.pool_size)
            metrics.waiting.labels(cluster.name).set(cluster.waiting)

    async def _forever(self) -> None:
        while True:
            asked = time.perf_counter() + EVERY_SECONDS
            await asyncio.sleep(EVERY_SECONDS)
            self._metrics.lag.observe(max(0.0, time.perf_counter() - asked))
            self.look()

    async def _count_jobs(self) -> None:
        """The numbers stay as they were while the catalogue is away: `readyz` is where that is told."""
        if time.monotonic() < self._jobs_due:
            return
        self._jobs_due = time.monotonic() + JOBS_SECONDS
        try:
            async with asyncio.timeout(PATIENCE_SECONDS), self._gateway.postgres.catalogue.connection() as connection:
                found = await job.standing(connection)
        except (GatewayError, TimeoutError):
            return
        self._set_jobs({(each.kind, each.status): each for each in found})

    def _set_jobs(self, found: dict[tuple[JobKind, JobStatus], job.Standing]) -> None:
        """Those that there are none of are 0, not as they were."""
        for kind in JobKind:
            for status in (JobStatus.QUEUED, JobStatus.RUNNING):
                each = found.get((kind, status))
                self._metrics.jobs.labels(kind, status).set(each.jobs if each else 0)
            running = found.get((kind, JobStatus.RUNNING))
            for state in ("total", "processed", "failed"):
                self._metrics.job_items.labels(kind, state).set(getattr(running, state) if running else 0)


class _Counted:
    """A number that others count up, and the counter that follows it."""

    def __init__(self, read: Callable[[], int], counter: Counter) -> None:
        self._read = read
        self._counter = counter
        self._before = 0

    def take_over(self) -> None:
        now = self._read()
        self._counter.inc(now - self._before)
        self._before = now
