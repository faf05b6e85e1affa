"""Where a benchmark ran: what a reader needs to judge its numbers."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from importlib.metadata import version

SHOWN = ("strawberry-graphql", "graphql-core", "starlette", "uvicorn", "asyncpg", "httpx", "aiohttp")


def line(more: Sequence[str] = ()) -> str:
    """One line: Python, cores, and the versions that matter; `more`: further packages."""
    packages = ", ".join(f"{name} {version(name)}" for name in (*SHOWN, *more))
    return f"Python {platform.python_version()} on {os.cpu_count()} cores; {packages}"
