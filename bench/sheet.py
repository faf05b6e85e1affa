"""A table of results, for the terminal and for bench/RESULTS.md, where each command keeps a section of its own."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.table import Column, Table

RESULTS = Path(__file__).parent / "RESULTS.md"
HEAD = """# Results

What the commands of this package printed when they were last run. Only ratios taken in one run say anything: machines differ, and the
same machine differs from hour to hour.
"""
WIDTH = 150


@dataclass
class Sheet:
    """A title, a header, rows of text; the first column is text and the others are numbers."""

    title: str
    header: Sequence[str]
    rows: list[Sequence[str]] = field(default_factory=list)
    note: str = ""

    def show(self, console: Console) -> None:
        first, *others = self.header
        table = Table(first, *(Column(each, justify="right") for each in others))
        for row in self.rows:
            table.add_row(*row)
        console.print(f"\n[bold]{self.title}[/]", highlight=False)
        console.print(table)
        if self.note:
            console.print(self.note, highlight=False)

    def markdown(self) -> str:
        lines = [f"### {self.title}", "", _line(self.header), "|---" + "|---:" * (len(self.header) - 1) + "|"]
        lines += [_line(row) for row in self.rows]
        return "\n".join([*lines, *(["", self.note] if self.note else [])]) + "\n"


def console() -> Console:
    """As wide as the tables need it."""
    return Console(width=WIDTH)


def write(section: str, head: str, sheets: Sequence[Sheet], path: Path = RESULTS) -> None:
    """Put the section of this name in the place of the one before; others stay as they are."""
    before = path.read_text() if path.exists() else HEAD
    body = "\n".join([f"## {section}\n", f"{head}\n", *(each.markdown() for each in sheets)])
    found = re.search(rf"^## {re.escape(section)}\n.*?(?=^## |\Z)", before, re.MULTILINE | re.DOTALL)
    after = before[: found.start()] + body + "\n" + before[found.end() :] if found else f"{before}\n{body}"
    path.write_text(after.rstrip() + "\n")


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
