"""`vectorgate serve`."""

from __future__ import annotations

import os
import signal
import socket
from multiprocessing import resource_tracker
from tempfile import TemporaryDirectory
from typing import Any

import structlog
import uvicorn
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess

from app.assembly import WAIT_SECONDS
from app.cli import keys, listener, process
from app.domain.organization import Bootstrapped
from app.gateway import Gateway
from app.main import check_documents
from app.seeing import metrics
from app.settings import Settings
from app.web.server import protocols

STOP_SECONDS = 30
"""How long what is in flight may take to finish when the process is asked to stop."""

EXAMPLES = ("vectorgate serve", "VECTORGATE_PORT=9000 VECTORGATE_WORKERS=4 vectorgate serve --wait 120")

log = structlog.get_logger(__name__)


class Config(uvicorn.Config):
    """uvicorn's configuration. Workers are processes of their own, and this method is the first that each of them calls."""

    def configure_logging(self) -> None:
        """Logging is configured by the application. Signals are: uvicorn stops on them and then hands them back, to end."""
        process.end_on_signals()


class Workers(Multiprocess):
    """uvicorn's supervisor of worker processes.

    Ctrl-C in a terminal reaches all of them at once, also those that are still being imported. Workers inherit that SIGINT is
    blocked, and this process asks whether one is pending: it alone stops them, by SIGTERM.
    """

    def run(self) -> None:
        resource_tracker.ensure_running()  # which multiprocessing starts with its first process, and which unblocks SIGINT then
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        super().run()

    def handle_signals(self) -> None:
        if signal.SIGINT in signal.sigpending():
            self.handle_int()
        super().handle_signals()

    def terminate_all(self) -> None:
        """Stop. Left open in this process, the socket would take connections that nobody serves any more."""
        for each in self.sockets:
            each.close()
        super().terminate_all()


def run(wait: process.Wait = WAIT_SECONDS, accept_lost_keys: keys.AcceptLost = False) -> None:
    """Serve the API at VECTORGATE_HOST:VECTORGATE_PORT until SIGTERM or SIGINT.

    Without VECTORGATE_DATABASE_URL it starts an embedded PostgreSQL under VECTORGATE_DATA_DIR.
    """
    process.end_on_signals()
    settings = process.read_settings()
    check_documents(settings)

    async def ready(gateway: Gateway, _: Bootstrapped) -> None:
        await keys.check(gateway, accept_lost=accept_lost_keys)

    with listener.bound(settings.host, settings.port) as listening:
        process.with_gateway(settings, ready, wait)
        log.info("serving", url=listener.url(listening), workers=settings.workers)
        _serve(settings, listening)


def options(settings: Settings) -> dict[str, Any]:
    """uvicorn's options, for whichever command serves."""
    quiet = {"log_config": None, "access_log": False, "server_header": False}
    return {**protocols(settings), **quiet, "timeout_graceful_shutdown": STOP_SECONDS}


def _serve(settings: Settings, listening: socket.socket) -> None:
    """Run the server. Each worker builds its own gateway, from the environment. Raises CommandFailed."""
    config = Config("app.main:from_environment", factory=True, workers=settings.workers, **options(settings))
    if (_one if settings.workers == 1 else _many)(config, listening):
        raise process.CommandFailed("The server did not start; the log says why.")


def _one(config: Config, listening: socket.socket) -> bool:
    """Serve in this process; answers whether that failed."""
    try:
        uvicorn.Server(config).run(sockets=[listening])
    except SystemExit as end:
        return end.code == STARTUP_FAILURE
    return False


def _many(config: Config, listening: socket.socket) -> bool:
    """Serve in worker processes; answers whether one of them could not start."""
    with TemporaryDirectory(prefix="vectorgate-metrics-") as folder:
        os.environ[metrics.DIRECTORY] = (
            folder  # where each of them writes what it counts, for whichever is asked for the metrics
        )
        workers = Workers(config, sockets=[listening])
        workers.run()
    return any(worker.exitcode == STARTUP_FAILURE for worker in workers.processes)
