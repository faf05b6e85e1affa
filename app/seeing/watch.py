"""What happens becomes numbers here: operations, refusals, requests to providers. Each costs a lookup in a dictionary of children."""

from __future__ import annotations

from asyncio import CancelledError
from typing import Final, NamedTuple, TypeAlias

import structlog
from prometheus_client import Counter, Histogram

from app import tally
from app.domain.provider_failure import CODES
from app.errors import GatewayError, Internal
from app.seeing.metrics import Metrics
from app.seeing.names import OperationNames
from app.tally import Tally
from providers.watch import Told

OK: Final = "ok"
BROKEN_OFF: Final = "broken_off"
"""The client has gone, or the time was over."""

log = structlog.get_logger(__name__)


class _Run(NamedTuple):
    """What counts operations of one name and outcome."""

    times: Counter
    seconds: Histogram


class _Request(NamedTuple):
    """What counts requests to one provider and model with one outcome."""

    times: Counter
    seconds: Histogram
    tokens: Counter


RequestKey: TypeAlias = tuple[str, str, type[BaseException] | None]


class Watch:
    """Counts, and writes a line for each operation that took longer than `slow_seconds`; 0: for none."""

    def __init__(self, metrics: Metrics, slow_seconds: float) -> None:
        self._metrics = metrics
        self._slow_seconds = slow_seconds
        self._names = OperationNames()
        self._runs: dict[tuple[str | None, str], _Run] = {}
        self._requests: dict[RequestKey, _Request] = {}

    def ran(self, name: str | None, outcome: str, seconds: float, spent: Tally) -> None:
        """An operation has ended. Its name and its document's hash are in the log's context."""
        run = self._runs.get((name, outcome)) or self._run(name, outcome)
        run.times.inc()
        run.seconds.observe(seconds)
        if 0 < self._slow_seconds < seconds:
            log.warning("slow_operation", outcome=outcome, milliseconds=_milliseconds(seconds), **_facts(spent))

    def refused(self, code: str) -> None:
        """A request was refused before anything was run."""
        self._metrics.refusals.labels(code).inc()

    def resolved_event(self) -> None:
        """A subscription has answered once more."""
        self._metrics.events.inc()

    def asked_provider(self, told: Told) -> None:
        """A request to a provider has ended."""
        tally.used_provider(told.seconds)
        key = told.provider, told.model, told.failure
        request = self._requests.get(key) or self._request(key)
        request.times.inc()
        request.seconds.observe(told.seconds)
        if told.usage.total_tokens:
            request.tokens.inc(told.usage.total_tokens)

    def _run(self, name: str | None, outcome: str) -> _Run:
        label, metrics = self._names.label(name), self._metrics
        run = _Run(metrics.operations.labels(label, outcome), metrics.operation_seconds.labels(label))
        if label == (name or ""):  # others are not kept: there is no end of them
            self._runs[name, outcome] = run
        return run

    def _request(self, key: RequestKey) -> _Request:
        provider, model, failure = key
        metrics = self._metrics
        request = self._requests[key] = _Request(
            metrics.provider_requests.labels(provider, model, _outcome(failure)),
            metrics.provider_seconds.labels(provider, model),
            metrics.provider_tokens.labels(provider, model),
        )
        return request


def code_of(failure: BaseException) -> str:
    """What an operation came to that raised this."""
    if isinstance(failure, CancelledError):
        return BROKEN_OFF
    return failure.code if isinstance(failure, GatewayError) else Internal.code


def _outcome(failure: type[BaseException] | None) -> str:
    if failure is None:
        return OK
    codes = (code.code for kind, code in CODES.items() if issubclass(failure, kind))
    return BROKEN_OFF if issubclass(failure, CancelledError) else next(codes, Internal.code)


def _facts(spent: Tally) -> dict[str, float]:
    return {
        "connections": spent.connections,
        "database_milliseconds": _milliseconds(spent.database_seconds),
        "provider_requests": spent.provider_requests,
        "provider_milliseconds": _milliseconds(spent.provider_seconds),
    }


def _milliseconds(seconds: float) -> float:
    return round(seconds * 1000, 1)
