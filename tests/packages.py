"""npm's packages for the tests that run JavaScript: those of a folder's lock file, installed once and kept in its node_modules."""

from __future__ import annotations

import asyncio
import hashlib
import tempfile
from pathlib import Path

from console.build import installed
from tests.conftest import one_at_a_time
from tests.console.conftest import needed


async def install(folder: Path) -> None:
    """`npm ci`, unless that has been done for this lock file. Without npm the test fails in CI, and is skipped elsewhere."""
    npm = needed("npm")
    lock = Path(tempfile.gettempdir()) / f"vectorgate-npm-{hashlib.sha256(str(folder).encode()).hexdigest()[:16]}"

    def once() -> int:
        with one_at_a_time(lock):
            return installed(npm, folder)

    assert await asyncio.to_thread(once) == 0
