"""One call of `import`: what it reads, in which manner, what it leaves behind, and what it tells of that."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import typer

from app.assembly import reason
from app.cli.process import CommandFailed
from app.cli.transfer import checkpoint, options, rejects
from app.cli.transfer.batch import batches
from app.cli.transfer.checkpoint import Checkpoint, Notes, Tally, no_key
from app.cli.transfer.door import VECTOR, Door, passes
from app.cli.transfer.importing import Import, Manner, doubts, items_of, rejection
from app.cli.transfer.line import Rejected
from app.cli.transfer.progress import Meter
from app.cli.transfer.reading import Reading
from app.cli.transfer.rejects import Rejects
from app.domain.insertion import MOST_ITEMS
from app.errors import DatabaseUnavailable, GatewayError, VectorizeAndVector

GRACE_SECONDS: Final = 20.0
"""What is under way may take so long when the command is asked to stop."""
SHOWN: Final = 10
"""Refused records that a dry run shows."""
AGAIN: Final = "Run the same command again, and it goes on from there."
STALE: Final = "That was more than a day ago: records of the last batches may be told as already there, though they are of this import."


@dataclass(frozen=True, slots=True)
class Errand:
    """One call of the command."""

    reading: Reading
    manner: Manner
    rejected: Path
    checkpoint: Path | None
    restart: bool
    quiet: bool

    async def carry(self, door: Door) -> None:
        """Import, and tell what came of it. Raises CommandFailed where it was not all."""
        source = self.reading.source
        with self._notes(door) as notes:
            if notes.tally.done:
                typer.echo(f"{source.name} is imported already: {_told(notes.tally)}. --restart imports it again.")
                return
            meter, codes = await self._import(door, notes)
        self._report(notes.tally, meter, _advice(codes, door))

    def check_places(self) -> None:
        """Before a target is made. Raises CommandFailed for what would refuse the import into it."""
        if self.checkpoint is not None:
            checkpoint.check_new(self.checkpoint, restart=self.restart)
        rejects.check(self.rejected)

    async def rehearse(self, door: Door) -> None:
        """Read and check. Raises CommandFailed where a record would be refused."""
        refused, count = 0, 0
        codes: set[str] = set()
        with Meter("Checking", self.reading.total, quiet=self.quiet) as meter:
            for batch in batches(self.reading.lines(door, 0), MOST_ITEMS, self.reading.position):
                items, lines, rejected = items_of(batch, self.manner.fields, no_key)
                rejected += [rejection(lines[each.index], each) for each in await door.check(items)]
                for each in rejected[: max(SHOWN - refused, 0)]:
                    meter.say(_line(each))
                for doubt in doubts(batch, self.manner.fields) if not count else ():
                    meter.warn(doubt)
                codes |= {each.code for each in rejected}
                refused, count = refused + len(rejected), count + batch.count
                meter.advance(batch.count, batch.position)
        if refused:
            raise CommandFailed(
                f"{refused:,} of {count:,} records would be refused. Nothing was written.{_advice(codes, door)}"
            )
        typer.echo(f"{count:,} records can be imported. Nothing was written.")

    async def _import(self, door: Door, notes: Notes) -> tuple[Meter, Collection[str]]:
        """How long it took, and why records were refused."""
        tally = notes.tally
        with Rejects(self.rejected, tally.rejected_bytes, tally.rejected_mark) as refused:
            if tally.records:
                typer.echo(f"Going on behind line {tally.line}: {_told(tally)} so far.", err=True)
            if notes.is_stale:
                typer.echo(STALE, err=True)
            with Meter("Importing", self.reading.total, quiet=self.quiet) as meter:
                work = Import(door, self.manner, notes, refused, meter, self.reading.position)
                await self._run(work, door, notes)
        return meter, refused.codes

    async def _run(self, work: Import, door: Door, notes: Notes) -> None:
        try:
            await options.until_interrupted(
                work.run(self.reading.lines(door, notes.tally.line)), work.stop, GRACE_SECONDS
            )
        except (GatewayError, CommandFailed) as error:
            so_far = f" So far: {_told(notes.tally)}." if notes.tally.records else ""
            raise CommandFailed(f"{_reason(error)}{so_far}{self._again if passes(error) else ''}") from error
        if work.is_stopping and not notes.tally.done:
            so_far = _told(notes.tally) if notes.tally.records else "nothing was imported"
            raise CommandFailed(f"Interrupted: {so_far}.{self._again}")

    def _notes(self, door: Door) -> Notes:
        if self.checkpoint is None:
            return Notes()
        manner = {**self.reading.told(), "on_conflict": self.manner.on_conflict, "batch_size": self.manner.batch_size}
        what = {"file": self.reading.source.fingerprint(), "target": door.name, "options": manner}
        return Checkpoint(self.checkpoint, what, restart=self.restart)

    def _report(self, tally: Tally, meter: Meter, advice: str) -> None:
        typer.echo(f"{_told(tally)}, in {meter.seconds:,.0f} s ({meter.rate:,.0f} a second).")
        if tally.rejected:
            raise CommandFailed(
                f"{tally.rejected:,} records were refused: mend them in {self.rejected}, and import that file.{advice}"
            )

    @property
    def _again(self) -> str:
        return f" {AGAIN}" if self.checkpoint is not None else ""


def _told(tally: Tally) -> str:
    counts = {
        "inserted": tally.inserted,
        "replaced": tally.replaced,
        "skipped": tally.skipped,
        "refused": tally.rejected,
    }
    found = ", ".join(f"{count:,} {word}" for word, count in counts.items() if count) or "nothing to import"
    return f"{tally.records:,} records: {found}" if tally.records else found


def _line(rejected: Rejected) -> str:
    return f"line {rejected.number}: {rejected.code}: {rejected.message}"


def _reason(error: Exception) -> str:
    return reason(error) if isinstance(error, DatabaseUnavailable) else str(error)


def _advice(codes: Collection[str], door: Door) -> str:
    """What takes the records that were refused with these codes as they are."""
    if VectorizeAndVector.code not in codes:
        return ""
    names = [each.name for each in door.columns if each.follows] or [VECTOR]
    ignored = " ".join(f"--ignore '{name}'" for name in names)
    return f" Those that bring the vector of their text are taken with {ignored}, and the text is embedded anew."
