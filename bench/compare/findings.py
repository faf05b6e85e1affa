"""What a run has found so far: tables, printed as they come, and ratios that have a target."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console

from bench.compare import ratio
from bench.compare.contest import Case, Outcome
from bench.compare.ratio import Target
from bench.sheet import Sheet


class Findings:
    """In the order in which they were found."""

    def __init__(self, console: Console) -> None:
        self.server = ""
        """What answers the statements, with its version."""
        self._console = console
        self._sheets: list[Sheet] = []
        self._targets: list[Target] = []

    def case(self, case: Case, outcomes: Sequence[Outcome], note: str = "") -> None:
        self.sheet(ratio.sheet(case, outcomes, note))
        self._targets += ratio.targets(case.name, outcomes)

    def sheet(self, sheet: Sheet) -> None:
        sheet.show(self._console)
        self._sheets.append(sheet)

    def target(self, target: Target) -> None:
        self._targets.append(target)

    def say(self, text: str) -> None:
        """Something for whoever waits; it is not kept."""
        self._console.print(text, highlight=False)

    def all(self) -> list[Sheet]:
        """The table of targets, then the others."""
        summary = Sheet("Targets", ("", "found", "target", "met"), [each.row for each in self._targets])
        return [summary, *self._sheets]
