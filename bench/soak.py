"""Mixed load at a steady rate for a long time: whether what the gateway holds stays as much as it was.

`uv run python -m bench.soak --minutes 30`: an embedded PostgreSQL, a provider, one gateway with a probe inside. What is inserted is
deleted later, so that the data stays as large as it was. Exits 1 when memory, open files, tasks or connections do not stay level.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Annotated, Any

import asyncpg
import orjson
import typer

from app import embedded
from bench import machine, sheet
from bench.caller import Caller
from bench.mixed_load import Mixed
from bench.processes import TOKEN, child, free_port
from bench.sheet import Sheet

WARM_UP_SECONDS = 420.0
"""Filling takes two minutes, and opens connections that the pool keeps for five more."""
BETWEEN_SECONDS = 300.0
"""Between two lines of the table."""
PROBE_SECONDS = 5.0
SPAN = 6
"""Probes whose median is a line of the table."""
TOLERANCE = 0.05
SLACK = {"rss": 4 * 1024 * 1024, "files": 8, "tasks": 12, "connections": 4}
"""What comes and goes by itself, and so counts for nothing."""
KEPT_MINUTES = 30
"""A run of so many is kept in RESULTS.md."""
CONNECTIONS = "select count(*) from pg_stat_activity where application_name = 'vectorgate'"


@dataclass(frozen=True)
class Line:
    """How it stood at a moment."""

    minute: float
    held: dict[str, float]
    calls: Counter[str]


def main(
    minutes: Annotated[float, typer.Option(min=8, help="How long, with seven minutes of warming up.")] = 30,
    rate: Annotated[float, typer.Option(min=1, help="Calls a second.")] = 20,
    seed: Annotated[int, typer.Option(help="What the calls are drawn from.")] = 1,
) -> None:
    """Print how it stands now and then, and whether it is level."""
    typer.echo(machine.line())
    begun = datetime.now(UTC)
    lines = asyncio.run(_soak(60 * minutes, rate, seed))
    growing = _growing(lines[0].held, lines[-1].held)
    found = _sheet(lines, f"Not flat: {', '.join(growing)}." if growing else f"Flat (± {TOLERANCE:.0%}).")
    found.show(sheet.console())
    if minutes >= KEPT_MINUTES:
        sheet.write(
            "python -m bench.soak", f"{begun:%Y-%m-%d %H:%M} UTC, {minutes:g} minutes. {machine.line()}", [found]
        )
    raise typer.Exit(1 if growing else 0)


async def _soak(seconds: float, rate: float, seed: int) -> list[Line]:
    async with _started() as (url, database_url, probes), Caller([url], seed) as call:
        load = Mixed(call, url, rate, seed)
        await load.prepare()
        loading = asyncio.create_task(load.forever())
        begun = time.monotonic()
        lines: list[Line] = []
        try:
            due = WARM_UP_SECONDS
            while due < seconds:
                await _until(begun + due, loading)
                lines.append(Line(due / 60, await _held(probes, database_url), call.counts.copy()))
                typer.echo(_text(lines[-1]))
                due += BETWEEN_SECONDS
            await _until(begun + seconds, loading)
            lines.append(Line(seconds / 60, await _held(probes, database_url), call.counts.copy()))
            typer.echo(_text(lines[-1]))
        finally:
            loading.cancel()
            await asyncio.gather(loading, return_exceptions=True)
    return lines


async def _until(moment: float, loading: asyncio.Task[None]) -> None:
    """Wait; when the load ends before, so does this, with what ended it."""
    await asyncio.wait([loading], timeout=max(0.0, moment - time.monotonic()))
    if loading.done():
        loading.result()


async def _held(probes: Path, database_url: str) -> dict[str, float]:
    """The medians of the last probes, and the connections that PostgreSQL sees."""
    last = [orjson.loads(line) for line in (await asyncio.to_thread(probes.read_bytes)).splitlines()[-SPAN:]]
    connection = await asyncpg.connect(database_url)
    try:
        connections = await connection.fetchval(CONNECTIONS)
    finally:
        await connection.close()
    return {name: median(each[name] for each in last) for name in last[0]} | {"connections": connections}


def _growing(first: dict[str, float], last: dict[str, float]) -> list[str]:
    """What there is more of, or less, than a twentieth, and than comes and goes by itself."""
    return [
        f"{name} {first[name]:,.0f} -> {last[name]:,.0f}"
        for name, slack in SLACK.items()
        if abs(last[name] - first[name]) > max(slack, TOLERANCE * first[name])
    ]


def _text(line: Line) -> str:
    held = line.held
    return (
        f"minute {line.minute:.0f}: {held['rss'] / 2**20:.1f} MiB, {held['files']:.0f} files, {held['tasks']:.0f} tasks, "
        f"loop late {held['lag_p50']:.2f}/{held['lag_p99']:.2f} ms, {held['connections']:.0f} connections"
    )


def _sheet(lines: list[Line], note: str) -> Sheet:
    header = ("minute", "RSS MiB", "files", "tasks", "loop late p50 / p99 ms", "connections", "calls so far")
    found = Sheet("Mixed load", header, note=note)
    for line in lines:
        held, calls = line.held, ", ".join(f"{kind} {number:,}" for kind, number in sorted(line.calls.items()))
        late = f"{held['lag_p50']:.2f} / {held['lag_p99']:.2f}"
        numbers = [f"{held[name]:.0f}" for name in ("files", "tasks")]
        row = (f"{line.minute:.0f}", f"{held['rss'] / 2**20:.1f}", *numbers, late, f"{held['connections']:.0f}", calls)
        found.rows.append(row)
    return found


@asynccontextmanager
async def _started() -> AsyncIterator[tuple[str, str, Path]]:
    """The gateway's URL, PostgreSQL's, and the file of the probes. OpenAI answers at once, Mistral never."""
    with tempfile.TemporaryDirectory(prefix="vectorgate-soak-") as name:
        folder, provider, gateway = Path(name), free_port(), free_port()
        await asyncio.to_thread(folder.chmod, 0o755)  # where this runs as root, PostgreSQL runs as a user of its own
        database_url = await asyncio.to_thread(embedded.start, folder)
        vendor, probes = f"http://127.0.0.1:{provider}", folder / "probes"
        settings: dict[str, Any] = {
            "PROBE": str(probes),
            "PROBE_SECONDS": str(PROBE_SECONDS),
            "VECTORGATE_DATA_DIR": str(folder),
            "VECTORGATE_PORT": str(gateway),
            "VECTORGATE_BOOTSTRAP_TOKEN": TOKEN,
            "VECTORGATE_LOG_LEVEL": "error",
            "VECTORGATE_RATE_LIMIT_PER_TOKEN": "1000000",  # the gateway is filled faster than one client may ask
            "VECTORGATE_RATE_LIMIT_PER_ADDRESS": "1000000",
            "VECTORGATE_PROVIDER_DEADLINE_SECONDS": "3",
            "VECTORGATE_PROVIDER_URLS": orjson.dumps({"openai": f"{vendor}/v1", "mistral": f"{vendor}/hang"}).decode(),
        }
        async with (
            child("bench.provider", {"PORT": str(provider)}, f"{vendor}/ready"),
            child("bench.soak_gateway", {**os.environ, **settings}, f"http://127.0.0.1:{gateway}/readyz"),
        ):
            yield f"http://127.0.0.1:{gateway}/graphql", database_url, probes


if __name__ == "__main__":
    typer.run(main)
