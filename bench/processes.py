"""Child processes of a benchmark: started with settings, waited for until they answer, ended by their pid."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import aiohttp

TOKEN = "vg_benchmark-administrator"  # noqa: S105 - of a server that lives for a minute on loopback
START_SECONDS = 60
STOP_SECONDS = 10


def free_port() -> int:
    """A port that nobody listens on at the moment."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        return int(bound.getsockname()[1])


@asynccontextmanager
async def child(module: str, environment: Mapping[str, str], ready: str) -> AsyncIterator[None]:
    """`python -m module` with these variables added, from when `ready` answers 200 until the block ends."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", *module.split(), env={**os.environ, **environment}
    )
    try:
        await until_ready(ready, process)
        yield
    finally:
        await ended(process)


async def ended(process: asyncio.subprocess.Process) -> None:
    """Ask it to stop; one that does not is stopped."""
    if process.returncode is not None:
        return
    process.send_signal(signal.SIGTERM)
    try:
        await asyncio.wait_for(process.wait(), STOP_SECONDS)
    except TimeoutError:
        process.kill()
        await process.wait()


async def until_ready(url: str, process: asyncio.subprocess.Process) -> None:
    """Wait until `url` answers 200. Raises RuntimeError when the process ends before."""
    async with aiohttp.ClientSession() as session, asyncio.timeout(START_SECONDS):
        while process.returncode is None:
            try:
                async with session.get(url) as answer:
                    if answer.status == 200:
                        return
            except aiohttp.ClientConnectionError:
                pass  # it does not listen yet
            await asyncio.sleep(0.05)
    raise RuntimeError(f"a process ended with {process.returncode} before it answered")
