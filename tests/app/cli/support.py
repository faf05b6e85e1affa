"""A command in a process of its own: what it prints, what becomes of it, and the server that it may be."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
from asyncio.subprocess import Process
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import httpx

from tests.patience import in_time, until

ROOT = Path(__file__).parents[3]


@dataclass(frozen=True)
class Ended:
    """What a command left: its exit code, and what it printed."""

    code: int
    out: str
    err: str

    @property
    def told(self) -> str:
        """The one line of a refusal, without the command's name."""
        (line,) = self.err.splitlines()
        assert line.startswith("vectorgate: ")
        return line.removeprefix("vectorgate: ")


class Printed:
    """What a process has printed on one stream so far."""

    def __init__(self, stream: asyncio.StreamReader) -> None:
        self._content = b""
        self._ended = False
        self._more = asyncio.Event()
        self.reading = asyncio.create_task(self._read(stream))

    @property
    def text(self) -> str:
        return self._content.decode(errors="replace")

    async def until(self, pattern: str) -> re.Match[str]:
        """Wait for something to be printed."""
        async with in_time():
            while not (found := re.search(pattern, self.text)):
                assert not self._ended, f"never printed {pattern}:\n{self.text}"
                self._more.clear()
                await self._more.wait()
        return found

    async def _read(self, stream: asyncio.StreamReader) -> None:
        while chunk := await stream.read(65536):
            self._content += chunk
            self._more.set()
        self._ended = True
        self._more.set()


class Vectorgate:
    """A running command, in a process group of its own."""

    def __init__(self, process: Process) -> None:
        assert process.stdout is not None
        assert process.stderr is not None
        self.process = process
        self.out, self.err = Printed(process.stdout), Printed(process.stderr)

    async def ended(self) -> Ended:
        """Wait for its end."""
        async with in_time():
            code = await self.process.wait()
            await asyncio.gather(self.out.reading, self.err.reading)
        assert "Traceback" not in self.out.text + self.err.text, self.err.text
        return Ended(code, self.out.text, self.err.text)

    async def stopped(self, number: signal.Signals = signal.SIGTERM) -> Ended:
        """Ask it to stop, and wait for its end."""
        self.process.send_signal(number)
        return await self.ended()

    async def interrupted(self) -> Ended:
        """As Ctrl-C in a terminal does it: every process of the group is told."""
        os.killpg(self.process.pid, signal.SIGINT)
        return await self.ended()

    async def serving(self) -> str:
        """The base URL of the server that this is, once it answers. Its log must be JSON."""
        found = await self.err.until(r'(?m)^.*"event":"serving".*$')
        url = str(json.loads(found[0])["url"]).removesuffix("/graphql")
        async with httpx.AsyncClient(base_url=url) as client:
            await until(lambda: _answers(client))
        return url

    async def kill(self) -> None:
        if self.process.returncode is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        await self.process.wait()
        await asyncio.gather(self.out.reading, self.err.reading)


Start: TypeAlias = Callable[..., Awaitable[Vectorgate]]
Call: TypeAlias = Callable[..., Awaitable[Ended]]


async def _answers(client: httpx.AsyncClient) -> bool:
    try:
        return (await client.get("/healthz")).is_success
    except httpx.ConnectError:
        return False


def write(file: Path, records: Iterable[object]) -> Path:
    """JSON Lines of these records; a text is a line as it is."""
    file.write_text("".join(f"{each if isinstance(each, str) else json.dumps(each)}\n" for each in records))
    return file


def names(folder: Path) -> list[str]:
    """What is in a folder, in order."""
    return sorted(each.name for each in folder.iterdir())
