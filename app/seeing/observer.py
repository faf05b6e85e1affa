"""All that sees what an application does, put together: `app/main.py` hands it what there is to be seen."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import strawberry
from starlette.middleware import Middleware
from starlette.routing import Route

from app.gateway import Gateway
from app.seeing.endpoint import MetricsEndpoint
from app.seeing.execution import WatchedExecutor, watched_door
from app.seeing.metrics import Metrics
from app.seeing.sampling import Sampler
from app.seeing.tracing import Tracing
from app.seeing.watch import Watch
from app.web.admission import Authenticate
from app.web.rate import Arrival
from resolvers.operation.execution import Executor, Heed, run_by_plan
from resolvers.operation.limits import RequestLimits


class Observer:
    """Of one gateway and the application that serves it. Without `traces` there are none."""

    def __init__(self, gateway: Gateway, traces: Tracing | None = None) -> None:
        self._gateway = gateway
        self._traces = traces
        self._metrics = Metrics()
        self._watch = Watch(self._metrics, gateway.settings.slow_operation_seconds)
        gateway.sender.watcher = self._watch.asked_provider

    def executor(
        self, schema: strawberry.Schema, limits: RequestLimits, *, introspection: bool, heed: Heed
    ) -> WatchedExecutor:
        """The executor that is seen."""
        runner = self._traces.runner(run_by_plan) if self._traces else run_by_plan
        return WatchedExecutor(self._watch, schema, limits, introspection=introspection, heed=heed, runner=runner)

    def door(self, authenticate: Authenticate) -> Authenticate:
        """The authentication that is seen."""
        return watched_door(authenticate, self._watch)

    def middleware(self) -> list[Middleware]:
        return [Middleware(self._traces.around)] if self._traces else []

    def route(self, sampler: Sampler, arrive: Arrival) -> Route:
        return Route("/metrics", MetricsEndpoint(sampler.text, arrive).respond)

    def sampler(self, executor: Executor) -> Sampler:
        return Sampler(self._gateway, executor.documents, self._metrics)

    @asynccontextmanager
    async def tracing(self) -> AsyncIterator[None]:
        """Trace what the gateway does as long as the block lasts."""
        if self._traces is None:
            yield
            return
        self._traces.begin(self._gateway)
        try:
            yield
        finally:
            await asyncio.to_thread(self._traces.end)
