"""Whether traces are wanted, by OpenTelemetry's standard variables, and what tracing does. Nothing of it is imported here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Protocol

import structlog
from starlette.types import ASGIApp

from app.gateway import Gateway
from resolvers.operation.execution import Runner

ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
DISABLED: Final = "OTEL_SDK_DISABLED"
PACKAGES: Final = (
    "opentelemetry-exporter-otlp-proto-http",
    "opentelemetry-instrumentation-asyncpg",
    "opentelemetry-instrumentation-httpx",
    "opentelemetry-sdk",
)
"""Those of the extra `traces`, by their own names: the package itself is on no index that could be asked for an extra."""

log = structlog.get_logger(__name__)


class Tracing(Protocol):
    """Spans of requests, of operations, and, with `begin`, of statements and requests to providers."""

    def around(self, app: ASGIApp) -> ASGIApp: ...

    def runner(self, run: Runner) -> Runner: ...

    def begin(self, gateway: Gateway) -> None: ...

    def end(self) -> None:
        """Send what is left. Blocks for as long as the collector takes, within bounds."""


def tracing(environ: Mapping[str, str]) -> Tracing | None:
    """What the environment asks for; None, at no cost, where it names no endpoint or the extra is not installed."""
    if not any(environ.get(name) for name in ENDPOINTS) or environ.get(DISABLED, "").lower() == "true":
        return None
    try:
        from app.seeing.traces import exported  # noqa: PLC0415 - of an extra, and only for those who want traces
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "opentelemetry":
            raise
        log.warning("traces_not_exported", reason=f"install {', '.join(PACKAGES)}")
        return None
    return exported()
