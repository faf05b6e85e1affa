"""The metrics: every family with its meaning and its labels, and nothing that measures. With several worker processes,
prometheus_client adds up what each of them writes into files (`PROMETHEUS_MULTIPROC_DIR`, which `serve` sets)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from app.alive import is_alive

DIRECTORY: Final = "PROMETHEUS_MULTIPROC_DIR"
"""Read by prometheus_client when it is imported."""

OPERATION_SECONDS: Final = (0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
PROVIDER_SECONDS: Final = (0.0025, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
LAG_SECONDS: Final = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)


class Metrics:
    """The families of one application. Label sets are bounded: see what is said of each."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self.operations = Counter(
            "vectorgate_operations",
            "Operations that were run, by name (the first 100; then (other)) and outcome: ok, a code, or broken_off.",
            ("operation", "outcome"),
            registry=registry,
        )
        self.operation_seconds = Histogram(
            "vectorgate_operation_duration_seconds",
            "How long operations ran, without reading the request.",
            ("operation",),
            buckets=OPERATION_SECONDS,
            registry=registry,
        )
        self.refusals = Counter(
            "vectorgate_refusals",
            "Requests refused before anything was run, by code: RATE_LIMITED, LIMIT_EXCEEDED, UNAUTHENTICATED …",
            ("code",),
            registry=registry,
        )
        self.events = Counter(
            "vectorgate_subscription_events", "Events of subscriptions that were resolved.", registry=registry
        )
        self.provider_requests = Counter(
            "vectorgate_provider_requests",
            "Requests to embedding providers, repeated ones too, by model of the catalogue and outcome: ok, a code, or broken_off.",
            ("provider", "model", "outcome"),
            registry=registry,
        )
        self.provider_seconds = Histogram(
            "vectorgate_provider_request_duration_seconds",
            "How long embedding providers took to answer a request.",
            ("provider", "model"),
            buckets=PROVIDER_SECONDS,
            registry=registry,
        )
        self.provider_tokens = Counter(
            "vectorgate_provider_tokens",
            "Tokens that embedding providers counted.",
            ("provider", "model"),
            registry=registry,
        )
        self.connections = Gauge(
            "vectorgate_database_connections",
            "Open connections of the pools, by cluster and state: in_use, idle.",
            ("cluster", "state"),
            registry=registry,
            multiprocess_mode="livesum",
        )
        self.connections_most = Gauge(
            "vectorgate_database_connections_max",
            "The most connections that the pools open.",
            ("cluster",),
            registry=registry,
            multiprocess_mode="livesum",
        )
        self.waiting = Gauge(
            "vectorgate_database_waiting",
            "Requests and jobs that wait for a connection.",
            ("cluster",),
            registry=registry,
            multiprocess_mode="livesum",
        )
        self.lookups = Counter(
            "vectorgate_cache_lookups",
            "Lookups, by cache (query_vectors, documents) and result: hit, miss.",
            ("cache", "result"),
            registry=registry,
        )
        self.plans = Counter(
            "vectorgate_plans_compiled",
            "Plans of operations that were compiled; all other runs of operations found theirs.",
            registry=registry,
        )
        self.jobs = Gauge(
            "vectorgate_jobs",
            "Jobs that wait or are worked on in the whole deployment, by kind and status.",
            ("kind", "status"),
            registry=registry,
            multiprocess_mode="mostrecent",
        )
        self.job_items = Gauge(
            "vectorgate_job_items",
            "Documents and rows of the jobs that are worked on, by kind and state: total, processed, failed.",
            ("kind", "state"),
            registry=registry,
            multiprocess_mode="mostrecent",
        )
        self.lag = Histogram(
            "vectorgate_event_loop_lag_seconds",
            "How much later than asked for the event loop wakes a task.",
            buckets=LAG_SECONDS,
            registry=registry,
        )

    def text(self) -> bytes:
        """All of them in Prometheus's text format."""
        directory = os.environ.get(DIRECTORY)
        return generate_latest(_of_workers(directory) if directory else self.registry)


def _of_workers(directory: str) -> CollectorRegistry:
    """The sums over all workers. What a worker that has ended had open is forgotten, what it has counted is not."""
    for pid in _pids(directory):
        if not is_alive(pid):
            mark_process_dead(pid, directory)  # type: ignore[no-untyped-call] # prometheus_client has no types there
    registry = CollectorRegistry()
    MultiProcessCollector(registry, directory)  # type: ignore[no-untyped-call] # as above
    return registry


def _pids(directory: str) -> set[int]:
    return {int(path.stem.rpartition("_")[2]) for path in Path(directory).glob("gauge_live*.db")}
