"""Metrics of several worker processes are one answer, and every place that names a metric names one that exists."""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.seeing.metrics import DIRECTORY, Metrics
from tests.app.cli.conftest import on
from tests.app.cli.support import Start
from tests.app.seeing.support import counted, read, scraped, value
from tests.docs.page import DOCS
from tests.factory import TOKEN, Api

DEPLOY = DOCS / "deploy"
DASHBOARD = DEPLOY / "grafana" / "vectorgate.json"
NAMED = (DASHBOARD, DEPLOY / "alerts.yml", DOCS / "how-to" / "monitor.md")
SUFFIXES = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count"), "gauge": ("",)}


def series_names() -> Iterator[str]:
    for family in Metrics().registry.collect():
        yield from (f"{family.name}{suffix}" for suffix in SUFFIXES[family.type])


@pytest.mark.parametrize("path", NAMED, ids=lambda path: path.name)
def test_every_metric_that_is_named_exists(path: Path) -> None:
    named = set(re.findall(r"(?<!#)\b(?:vectorgate|process)_[a-z_]+\b", path.read_text()))
    assert len(named) > 3
    assert named <= set(series_names())


def test_every_family_is_on_the_dashboard() -> None:
    shown = DASHBOARD.read_text()
    families = [family.name for family in Metrics().registry.collect() if family.name.startswith("vectorgate_")]
    assert [
        name for name in families if f"{name}_" not in shown and f"{name}{{" not in shown and f"{name})" not in shown
    ] == []


def test_every_panel_has_a_title_and_says_what_it_shows() -> None:
    panels = [each for each in json.loads(DASHBOARD.read_text())["panels"] if each["type"] != "row"]
    assert len({each["title"] for each in panels}) == len(panels) > 10
    assert [each["title"] for each in panels if not each["description"] or not each["targets"]] == []


async def python(script: str, folder: Path) -> str:
    """What a process of its own prints that shares its metrics in this folder."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", f"from app.seeing.metrics import Metrics\nmetrics = Metrics()\n{script}",
        env={**os.environ, DIRECTORY: str(folder)}, cwd=DOCS.parent, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, _ = await process.communicate()
    assert process.returncode == 0
    return out.decode()


async def test_of_a_worker_that_has_ended_what_it_counted_stays_and_what_it_had_open_goes(tmp_path: Path) -> None:
    count = "metrics.plans.inc(); metrics.waiting.labels('local').set(3)"
    await python(count, tmp_path)
    series = read(await python(f"{count}\nprint(metrics.text().decode())", tmp_path))
    assert value(series, "vectorgate_plans_compiled_total") == 2
    assert value(series, "vectorgate_database_waiting") == 3


async def test_whichever_worker_is_asked_answers_for_all(start: Start, database_url: str) -> None:
    served = await start("serve", **on(database_url), WORKERS="2", POOL_SIZE="3")
    url = await served.serving()
    for _ in range(12):
        async with Api(url, TOKEN) as api:
            await api("query Counted { viewer { roles } }")
    async with Api(url, TOKEN) as api:
        await counted(api, "vectorgate_operations_total", 12, operation="Counted")
        await counted(api, "vectorgate_database_connections_max", 6)
        assert value(await scraped(api), "vectorgate_operation_duration_seconds_count", operation="Counted") == 12
    ended = await served.stopped()
    assert ended.code == 0
