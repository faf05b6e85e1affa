"""What `vectorgate doctor` has found, and how it is shown."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

MARKS = {"ok": "[green]ok[/]", "warning": "[yellow]warning[/]", "failed": "[red]failed[/]"}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was checked, and what to do about it. `state` is ok, warning or failed."""

    what: str
    state: str
    detail: str
    cure: str = ""


def ok(what: str, detail: str) -> Finding:
    return Finding(what, "ok", detail)


def warning(what: str, detail: str, cure: str) -> Finding:
    return Finding(what, "warning", detail, cure)


def failed(what: str, detail: str, cure: str) -> Finding:
    return Finding(what, "failed", detail, cure)


def show(findings: Iterable[Finding]) -> None:
    """Print them as a table. Narrow terminals break what is long, and cut nothing of it: names and ids are there to be typed."""
    table = Table(*(Column(name, overflow="fold") for name in ("Checked", "State", "Detail", "What to do")))
    for each in findings:
        table.add_row(each.what, MARKS[each.state], escape(each.detail), escape(each.cure))
    Console().print(table)
