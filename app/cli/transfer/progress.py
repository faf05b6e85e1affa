"""How far it is, on stderr: a bar with rate and time left in a terminal, a line now and then elsewhere."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

EVERY_SECONDS: Final = 15.0
"""Between lines, where nobody watches a bar."""


class Meter(AbstractContextManager["Meter"]):
    """Tells of records, and of `total` units of work (bytes, or records), if that is known. `quiet`: tells nothing."""

    def __init__(self, what: str, total: int | None, *, quiet: bool) -> None:
        self._what, self._total = what, total
        self._console = Console(stderr=True, quiet=quiet)
        self._records = 0
        self._began = self._told = time.monotonic()
        self._bar = self._progress() if self._console.is_terminal and not quiet else None
        self._task = self._bar.add_task(what, total=total, records=0, rate=0.0) if self._bar else None

    def __enter__(self) -> Meter:
        if self._bar:
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar:
            self._bar.stop()

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._began

    @property
    def rate(self) -> float:
        """Records a second, of this run."""
        return self._records / max(self.seconds, 1e-3)

    def advance(self, records: int, done: int) -> None:
        """So many more records are dealt with, and `done` units of the total in all."""
        self._records += records
        if self._bar and self._task is not None:
            self._bar.update(self._task, completed=done, records=self._records, rate=self.rate)
        elif time.monotonic() - self._told > EVERY_SECONDS:
            self._told = time.monotonic()
            self.say(f"{self._what}: {self._records:,} records, {self.rate:,.0f}/s{self._left(done)}")

    def say(self, line: str) -> None:
        """A line above the bar."""
        (self._bar.console if self._bar else self._console).print(line, highlight=False, markup=False, soft_wrap=True)

    def warn(self, line: str) -> None:
        """As `say`, also to those who want to see no progress."""
        console = self._bar.console if self._bar else Console(stderr=True)
        console.print(line, highlight=False, markup=False, soft_wrap=True)

    def now(self, what: str) -> None:
        """What is being done from here on."""
        if self._bar and self._task is not None:
            self._bar.update(self._task, description=what)

    def _left(self, done: int) -> str:
        if not self._total or not done:
            return ""
        share = min(done / self._total, 1.0)
        return f", {share:.0%}, {_minutes(self.seconds * (1 - share) / share)} left"

    def _progress(self) -> Progress:
        return Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[records]:,} records  {task.fields[rate]:,.0f}/s"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=self._console,
        )


def _minutes(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
