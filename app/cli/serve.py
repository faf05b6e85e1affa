"""`vectorgate serve`."""

from __future__ import annotations

import signal
import sys

import uvicorn

from app.cli import process
from app.domain.organization import Bootstrapped
from app.gateway import Gateway
from app.settings import Settings

STOP_SECONDS = 30
"""How long what is in flight may take to finish when the process is asked to stop."""


def run() -> None:
    """Serve the API at VECTORGATE_HOST:VECTORGATE_PORT until SIGTERM or SIGINT.

    Without VECTORGATE_DATABASE_URL it starts an embedded PostgreSQL under VECTORGATE_DATA_DIR.
    """
    process.with_gateway(_prepared)
    serve(process.settings())


def serve(settings: Settings) -> None:
    """Run the server with the environment's settings. Each worker builds its own gateway."""
    # uvicorn finishes what is in flight and then raises the signal again: that is the end, and a good one.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))
    uvicorn.run(
        "app.main:from_environment",
        factory=True,
        host=settings.host,
        port=settings.port,
        workers=settings.workers,
        loop="uvloop",
        http="httptools",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=STOP_SECONDS,
    )


async def _prepared(_: Gateway, __: Bootstrapped) -> None:
    """Opening the gateway once tells what is wrong before any worker starts."""
