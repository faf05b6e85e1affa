"""The gateway with a probe inside it: what it holds, and how late its event loop is. `python -m bench.soak_gateway` writes to $PROBE.

One JSON line every $PROBE_SECONDS seconds. Linux only: it reads /proc.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
import uvicorn

from app.assembly import build_gateway
from app.log import configure_logging
from app.main import create_app
from app.settings import Settings
from app.web.server import protocols

TICK_SECONDS = 0.02
"""Between looks how late the loop is."""


def main() -> None:
    settings = Settings.from_env()
    configure_logging(settings.log_format, settings.log_level)
    app = create_app(build_gateway(settings))
    begin = app.router.lifespan_context

    @asynccontextmanager
    async def lifespan(served: Any) -> AsyncIterator[Any]:  # noqa: ANN401 - as starlette has it
        async with begin(served) as state:
            probe = asyncio.create_task(_probe(Path(os.environ["PROBE"]), float(os.environ["PROBE_SECONDS"])))
            try:
                yield state
            finally:
                probe.cancel()
                await asyncio.gather(probe, return_exceptions=True)

    app.router.lifespan_context = lifespan
    options = {"loop": "uvloop", **protocols(settings)}
    uvicorn.run(app, port=settings.port, log_config=None, access_log=False, timeout_graceful_shutdown=5, **options)


async def _probe(path: Path, seconds: float) -> None:
    with path.open("ab", buffering=0) as file:
        while True:
            late = sorted(await _lateness(seconds))
            facts = {
                "rss": _resident_bytes(),
                "files": _open_files(),
                "tasks": len(asyncio.all_tasks()),
                "lag_p50": late[len(late) // 2],
                "lag_p99": late[int(len(late) * 0.99)],
            }
            file.write(orjson.dumps(facts) + b"\n")


async def _lateness(seconds: float) -> list[float]:
    """Milliseconds that the loop came too late, tick by tick."""
    late, end = [], time.monotonic() + seconds
    while time.monotonic() < end:
        due = time.perf_counter() + TICK_SECONDS
        await asyncio.sleep(TICK_SECONDS)
        late.append(1000 * (time.perf_counter() - due))
    return late


def _resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _open_files() -> int:
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - a Path of an entry would be one more thing to look at


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main()
