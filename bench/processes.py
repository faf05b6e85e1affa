"""Child processes of a benchmark: started with settings, waited for until they answer, ended by their pid."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import socket
import sys
from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

import aiohttp

T = TypeVar("T")

TOKEN = "vg_benchmark-administrator"  # noqa: S105 - of a server that lives for a minute on loopback
UNLIMITED = dict.fromkeys(("VECTORGATE_RATE_LIMIT_PER_TOKEN", "VECTORGATE_RATE_LIMIT_PER_ADDRESS"), "1000000000")
"""Rates out of reach: requests are counted as ever, and none is refused."""
LEFT_ALONE = range(10_000, 16_000)
"""Ports below those from which Linux and macOS choose for whoever asks for any, and for the near end of connections."""
START_SECONDS = 60
STOP_SECONDS = 10
LAST_WORDS = 4000
"""Characters of a log that tell why a process has ended."""


class NotStartedError(RuntimeError):
    """A process that ended before it answered."""


def free_port() -> int:
    """A port that nobody has at the moment, and that the system gives to nobody else until it is bound, or bound again."""
    for port in secrets.SystemRandom().sample(LEFT_ALONE, 100):
        with socket.socket() as bound, suppress(OSError):
            bound.bind(("127.0.0.1", port))
            return port
    raise NotStartedError(f"no port of {LEFT_ALONE} can be bound")


@asynccontextmanager
async def child(
    module: str, environment: Mapping[str, str], ready: str, *, log: Path | None = None
) -> AsyncIterator[int]:
    """`python -m module` with these variables added, from when `ready` answers until the block ends; its pid."""
    async with program([sys.executable, "-m", *module.split()], environment, ready, log=log) as pid:
        yield pid


@asynccontextmanager
async def program(
    arguments: Sequence[str | Path], environment: Mapping[str, str], ready: str, *, log: Path | None = None
) -> AsyncIterator[int]:
    """As `child`, of any program. What it says goes to `log`, which is told when it does not start."""
    with (log or Path(os.devnull)).open("ab") as file:
        said = None if log is None else file
        process = await asyncio.create_subprocess_exec(
            *arguments, env={**os.environ, **environment}, stdout=said, stderr=said
        )
        try:
            await until_ready(ready, process)
            yield process.pid
        except (NotStartedError, TimeoutError) as error:
            if log is not None:
                error.add_note(await asyncio.to_thread(_last_words, log))
            raise
        finally:
            await ended(process)


def _last_words(log: Path) -> str:
    return log.read_text()[-LAST_WORDS:]


async def interruptible(work: Coroutine[Any, Any, T]) -> T:
    """SIGTERM ends it as Ctrl-C does: in good order, its children first."""
    task = asyncio.ensure_future(work)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    return await task


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
    """Wait until `url` answers, and not with a 5xx. Raises NotStartedError when the process ends before, TimeoutError."""
    async with aiohttp.ClientSession() as session, asyncio.timeout(START_SECONDS):
        while process.returncode is None:
            try:
                async with session.get(url) as answer:
                    if answer.status < 500:
                        return
            except aiohttp.ClientConnectionError:
                pass  # it does not listen yet
            await asyncio.sleep(0.05)
    raise NotStartedError(f"a process ended with {process.returncode} before it answered")
