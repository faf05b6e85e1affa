"""`vectorgate serve` in processes of their own, as an operator runs it, for tests of what happens between processes and when one dies."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Self

import httpx

from bench.processes import free_port
from tests.conftest import KEYS
from tests.factory import TOKEN
from tests.fakes.openai import OpenAIFake
from tests.patience import in_time


async def started(
    database_url: str, openai: OpenAIFake, port: int, command: str = "serve"
) -> asyncio.subprocess.Process:
    """A process on this database."""
    settings = {"DATABASE_URL": database_url, "ENCRYPTION_KEYS": KEYS, "BOOTSTRAP_TOKEN": TOKEN, "PORT": str(port)}
    settings |= {"PROVIDER_URLS": f'{{"openai": "{openai.url}"}}', "LOG_LEVEL": "warning"}
    settings |= {"RATE_LIMIT_PER_TOKEN": "0", "RATE_LIMIT_PER_ADDRESS": "0"}  # a test asks as fast as it is answered
    environment = os.environ | {f"VECTORGATE_{name}": value for name, value in settings.items()}
    return await asyncio.create_subprocess_exec(sys.executable, "-m", "app", command, env=environment)


async def stopped(child: asyncio.subprocess.Process) -> None:
    """Told to stop, it must end by itself, with 0."""
    child.send_signal(signal.SIGTERM)
    async with in_time(30):  # as the README promises
        assert await child.wait() == 0


class Restarted:
    """A process that serves as long as the block lasts, and can be killed and started again at the same address."""

    def __init__(self, database_url: str, openai: OpenAIFake) -> None:
        self._database_url = database_url
        self._openai = openai
        self._port = free_port()
        self.url = f"http://127.0.0.1:{self._port}"

    async def __aenter__(self) -> Self:
        await self._start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await stopped(self._child)

    async def killed_and_started_again(self) -> None:
        self._child.kill()
        await self._child.wait()
        await self._start()

    async def _start(self) -> None:
        self._child = await started(self._database_url, self._openai, self._port)
        await until_ready(self.url, self._child)


@asynccontextmanager
async def serving(database_url: str, openai: OpenAIFake) -> AsyncIterator[str]:
    """The URL of a process that serves as long as the block lasts."""
    port = free_port()
    child = await started(database_url, openai, port)
    try:
        url = f"http://127.0.0.1:{port}"
        await until_ready(url, child)
        yield url
    finally:
        await stopped(child)


async def until_ready(url: str, child: asyncio.subprocess.Process) -> None:
    async with httpx.AsyncClient() as client, in_time():
        while child.returncode is None:
            try:
                if (await client.get(f"{url}/readyz")).status_code == 200:
                    return
            except httpx.TransportError:
                await asyncio.sleep(0.05)
    raise AssertionError(f"serve ended with {child.returncode}")
