"""The build of the console, with a stand-in for npm: when it does what, and what is there afterwards."""

from __future__ import annotations

import asyncio
import shutil
import sys
from pathlib import Path

import pytest

CONSOLE = Path(__file__).parent.parent.parent / "console"
NPM = """#!/bin/sh
echo "$@" >> "$PWD/../calls"
test ! -e ../broken || exit 3
case "$1" in
  ci) mkdir -p node_modules ;;
  run) mkdir -p dist && echo page > dist/index.html ;;
esac
"""


class Clone:
    """The console's sources in a folder of their own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.built = folder / "app" / "web" / "console"
        shutil.copytree(CONSOLE, folder / "console", ignore=shutil.ignore_patterns("node_modules", "dist"))
        self.built.parent.mkdir(parents=True)
        (folder / "bin").mkdir()

    def has_npm(self) -> None:
        npm = self.folder / "bin" / "npm"
        npm.write_text(NPM)
        npm.chmod(0o755)

    async def build(self) -> tuple[int | None, str]:
        """Exit code, and what is said on stderr."""
        path = f"{self.folder / 'bin'}:/usr/bin:/bin" if (self.folder / "bin" / "npm").exists() else str(self.folder)
        process = await asyncio.create_subprocess_exec(
            sys.executable, self.folder / "console" / "build.py", stderr=asyncio.subprocess.PIPE, env={"PATH": path}
        )
        _, told = await process.communicate()
        return process.returncode, told.decode()

    def calls(self) -> list[str]:
        """What npm was asked since the last look."""
        log = self.folder / "calls"
        asked = log.read_text().splitlines() if log.exists() else []
        log.unlink(missing_ok=True)
        return asked


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    return Clone(tmp_path)


async def test_it_builds_once_and_again_when_a_source_or_the_lock_file_has_changed(clone: Clone) -> None:
    clone.has_npm()
    assert await clone.build() == (0, "")
    assert clone.calls() == ["ci", "run build"]
    assert (clone.built / "index.html").read_text() == "page\n"
    assert await clone.build() == (0, "")
    assert clone.calls() == []
    (clone.folder / "console" / "src" / "style.css").write_text("body {}")
    assert await clone.build() == (0, "")
    assert clone.calls() == ["run build"]
    (clone.folder / "console" / "package-lock.json").write_text("{}")
    assert await clone.build() == (0, "")
    assert clone.calls() == ["ci", "run build"]


async def test_a_build_that_fails_leaves_what_was_there(clone: Clone) -> None:
    clone.has_npm()
    await clone.build()
    (clone.folder / "console" / "src" / "style.css").write_text("body {}")
    (clone.folder / "broken").touch()
    assert await clone.build() == (3, "")
    assert (clone.built / "index.html").exists()
    (clone.folder / "broken").unlink()
    clone.calls()
    assert await clone.build() == (0, "")
    assert clone.calls() == ["run build"]


async def test_without_npm_it_says_what_is_needed_unless_there_is_nothing_to_do(clone: Clone) -> None:
    code, told = await clone.build()
    assert (code, told.count("\n")) == (1, 1)
    assert "needs Node.js" in told
    assert not clone.built.exists()
    clone.has_npm()
    await clone.build()
    (clone.folder / "bin" / "npm").unlink()
    assert await clone.build() == (0, "")


def test_the_lock_file_names_versions_and_hashes_and_no_addresses() -> None:
    lock = (CONSOLE / "package-lock.json").read_text()
    assert '"integrity": "sha512-' in lock
    assert '"resolved"' not in lock
