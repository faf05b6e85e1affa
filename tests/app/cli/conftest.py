"""Runs the real command: in processes of its own, or, where that shows the same, inside the tests' process."""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from app.cli import main
from tests.app.cli.support import ROOT, Call, Ended, Start, Vectorgate
from tests.conftest import KEYS
from tests.factory import TOKEN

INHERITED = ("PATH", "HOME", "LANG", "TMPDIR", "LD_LIBRARY_PATH")


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    """Starts `vectorgate …` with these settings alone; what still runs at the test's end is killed."""
    started: list[Vectorgate] = []

    async def command(*arguments: str, stdin: int = DEVNULL, **settings: str) -> Vectorgate:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "app", *arguments,
            cwd=ROOT, env=_environment(settings), stdin=stdin, stdout=PIPE, stderr=PIPE, start_new_session=True,
        )  # fmt: skip
        started.append(Vectorgate(process))
        return started[-1]

    yield command
    for each in started:
        await each.kill()


def _environment(settings: dict[str, str]) -> dict[str, str]:
    """Little of the tests' own, and wide enough for a table to keep its lines."""
    inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
    return inherited | {"COLUMNS": "400"} | {f"VECTORGATE_{name}": value for name, value in settings.items()}


@pytest.fixture
def call(start: Start, database_url: str) -> Call:
    """Runs `vectorgate …` to its end, on this test's database."""

    async def command(*arguments: str, **settings: str) -> Ended:
        return await (await start(*arguments, **on(database_url) | settings)).ended()

    return command


def on(database_url: str) -> dict[str, str]:
    """Settings for a server on this database, on a free port."""
    return {
        "DATABASE_URL": database_url,
        "ENCRYPTION_KEYS": KEYS,
        "BOOTSTRAP_TOKEN": TOKEN,
        "PORT": "0",
        "LOG_FORMAT": "json",
    }


@pytest.fixture
def inside(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Ended]:
    """Runs `vectorgate …` in this process, for commands that neither wait nor listen."""
    monkeypatch.setenv("COLUMNS", "400")

    def command(*arguments: str) -> Ended:
        monkeypatch.setattr(sys, "argv", ["vectorgate", *arguments])
        with pytest.raises(SystemExit) as end:
            main()
        printed = capsys.readouterr()
        return Ended(int(end.value.code or 0), printed.out, printed.err)

    return command


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """A folder for an embedded server: as root it must be passable, and a socket's path below it short."""
    with tempfile.TemporaryDirectory(prefix="vg") as folder:
        yield Path(folder) / "data"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "books.jsonl"
