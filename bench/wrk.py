"""Load by wrk, which takes less of the machine than any client in Python: one thread, 16 connections, as fast as answers come."""

from __future__ import annotations

import asyncio
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from bench.processes import TOKEN, ended
from bench.spent import Meter, Spent, Watched

SCRIPT = Path(__file__).parent / "load.lua"
CONNECTIONS = 16
SECONDS_MORE = 15
"""What wrk takes at most for reading its bodies and for its last answers."""


@dataclass(frozen=True)
class Load:
    """What came of a load: answers a second, milliseconds, and bytes of an answer with its headers."""

    rate: float
    p50: float
    p99: float
    bytes: float
    requests: int
    spent: Spent
    """By wrk and by each of the processes that were watched."""


async def load(url: str, bodies: Path, first: int, seconds: int, watched: Watched) -> Load:
    """POST the lines of `bodies` in turn, from line `first` on. Raises RuntimeError for a refusal, or a connection that broke."""
    meter = Meter(watched)
    environment = {"BODIES": str(bodies), "FIRST": str(first), "AUTHORIZATION": f"Bearer {TOKEN}"}
    process = await asyncio.create_subprocess_exec(
        *(_wrk(), "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--timeout=10s", "-s", SCRIPT, url),
        env={**os.environ, **environment},
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        said, _ = await asyncio.wait_for(process.communicate(), seconds + SECONDS_MORE)
    finally:
        await ended(process)
    told = _told(said)
    if not told or told["refused"] or told["broken"]:
        raise RuntimeError(f"{url}: wrk says {said.decode()!r}")
    each = told["bytes"] / max(1, told["requests"])
    rate = 1e6 * told["requests"] / told["microseconds"]
    return Load(rate, told["p50"] / 1000, told["p99"] / 1000, each, told["requests"], meter.read())


def _told(said: bytes) -> dict[str, Any]:
    """What the script wrote, among what wrk writes itself; nothing where it did not come to that."""
    return next((orjson.loads(line) for line in said.splitlines() if line.startswith(b"{")), {})


def _wrk() -> str:
    found = shutil.which("wrk")
    if found is None:
        raise RuntimeError("wrk is not installed: apt-get install wrk.")
    return found
