"""`vectorgate import`."""

from __future__ import annotations

import os
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Annotated, Final

import typer

from app.assembly import WAIT_SECONDS, reason
from app.cli import process
from app.cli.process import CommandFailed
from app.cli.transfer import options
from app.cli.transfer.batch import batches
from app.cli.transfer.checkpoint import Checkpoint, Notes, Tally, no_key
from app.cli.transfer.door import Door
from app.cli.transfer.importing import Import, Manner, items_of, rejection
from app.cli.transfer.line import Rejected
from app.cli.transfer.mapping import Fields
from app.cli.transfer.options import SHAPE, WHERE, Format
from app.cli.transfer.progress import Meter
from app.cli.transfer.reading import Reading
from app.cli.transfer.rejects import Rejects
from app.cli.transfer.source import STDIN, Source
from app.domain.insertion import MOST_ITEMS, OnConflict
from app.errors import DatabaseUnavailable, GatewayError

GRACE_SECONDS: Final = 20.0
"""What is under way may take so long when the command is asked to stop."""
SHOWN: Final = 10
"""Refused records that a dry run shows."""
AGAIN: Final = "Run the same command again, and it goes on from there."
STALE: Final = "That was more than a day ago: records of the last batches may be told as already there, though they are of this import."
HOW: Final = "How it goes"
EXAMPLES: Final = (
    "vectorgate import books.jsonl --collection library.books --create --text-field description",
    "vectorgate import books.csv.gz --collection library.books --id-field isbn --text-field title --text-field blurb",
    "vectorgate import films.parquet --table library.films --on-conflict replace",
    "zcat dump.jsonl.gz | vectorgate import - --collection library.books --url https://search.example.org",
)


def run(
    file: Annotated[
        Path, typer.Argument(help="JSON Lines, CSV or Parquet; .gz, .bz2 and .xz are unpacked. - is standard input.")
    ],
    collection: options.CollectionName = None,
    table: options.TableName = None,
    create: Annotated[
        bool,
        typer.Option(
            "--create",
            help="Make the database and the collection where they are missing, with the local model.",
            rich_help_panel=WHERE,
        ),
    ] = False,
    organization: options.Organization = None,
    url: options.Url = None,
    token: options.Token = None,
    file_format: options.FileFormat = None,
    id_field: Annotated[
        str | None,
        typer.Option(
            help="The field that is the key: it becomes _id. A record without a key gets one.", rich_help_panel=SHAPE
        ),
    ] = None,
    text_field: Annotated[
        list[str] | None,
        typer.Option(
            help="The field that is the text to embed: it becomes $vectorize. Repeated: they are joined, and stay fields as well.",
            rich_help_panel=SHAPE,
        ),
    ] = None,
    vector_field: Annotated[
        str | None, typer.Option(help="The field that is the vector: it becomes $vector.", rich_help_panel=SHAPE)
    ] = None,
    ignore: Annotated[
        list[str] | None, typer.Option(help="A field to leave out. Repeat it for several.", rich_help_panel=SHAPE)
    ] = None,
    string: Annotated[
        list[str] | None,
        typer.Option(
            help="A column of CSV that is text even where it looks like a number; * for all. Repeat it for several.",
            rich_help_panel=SHAPE,
        ),
    ] = None,
    delimiter: options.Delimiter = None,
    on_conflict: Annotated[
        OnConflict,
        typer.Option(case_sensitive=False, help="What happens to a record whose key is taken.", rich_help_panel=HOW),
    ] = OnConflict.FAIL,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Read and check every record, and write nothing anywhere.", rich_help_panel=HOW),
    ] = False,
    rejected: Annotated[
        Path | None,
        typer.Option(
            help="Where refused records go, with the reason; by default FILE.rejected.jsonl.", rich_help_panel=HOW
        ),
    ] = None,
    checkpoint: Annotated[
        Path | None,
        typer.Option(help="Where it is noted how far it is; by default FILE.checkpoint.", rich_help_panel=HOW),
    ] = None,
    restart: Annotated[
        bool,
        typer.Option("--restart", help="Begin at the first record, whatever was done before.", rich_help_panel=HOW),
    ] = False,
    batch_size: Annotated[
        int, typer.Option(min=1, max=MOST_ITEMS, help="Records that are sent together.", rich_help_panel=HOW)
    ] = MOST_ITEMS,
    in_flight: Annotated[
        int, typer.Option(min=1, max=32, help="Batches that are under way at a time.", rich_help_panel=HOW)
    ] = 4,
    patience: Annotated[
        float,
        typer.Option(
            min=0,
            help="Seconds without progress after which it gives up what is refused for a while.",
            rich_help_panel=HOW,
        ),
    ] = 600,
    quiet: options.Quiet = False,
    wait: process.Wait = WAIT_SECONDS,
) -> None:
    """Import records into a collection or a table. Broken off, the same command goes on where it was: nothing is lost or doubled.

    Refused records are written to a file, each with the reason; mended there, they are imported from it. What comes from standard
    input cannot be gone on with.
    """
    source, target = Source(file), options.target(collection, table)
    kind = options.format_of(file_format, source.suffix, is_stdin=source.is_stdin)
    fields = Fields(id_field, tuple(text_field or ()), vector_field, frozenset(ignore or ()), kind is not Format.JSONL)
    _check(fields, is_table=target.is_table, create=create, dry_run=dry_run)
    errand = Errand(
        reading=Reading(source, kind, fields, tuple(string or ()), options.delimiter_of(delimiter, source.suffix)),
        manner=Manner(fields, not target.is_table, on_conflict, batch_size, in_flight, patience),
        rejected=rejected or _beside(source, ".rejected.jsonl"),
        checkpoint=checkpoint or (None if source.is_stdin else _beside(source, ".checkpoint")),
        restart=restart,
        quiet=quiet,
    )
    _check_places(errand)
    way = options.way(target, organization, url, token, wait, create=create)
    way.run(errand.rehearse if dry_run else errand.carry)


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
            meter = await self._import(door, notes)
        self._report(notes.tally, meter)

    async def rehearse(self, door: Door) -> None:
        """Read and check. Raises CommandFailed where a record would be refused."""
        refused, count = 0, 0
        with Meter("Checking", self.reading.total, quiet=self.quiet) as meter:
            for batch in batches(self.reading.lines(door, 0), MOST_ITEMS, self.reading.position):
                items, lines, rejected = items_of(batch, self.manner.fields, no_key)
                rejected += [rejection(lines[each.index], each) for each in await door.check(items)]
                for each in rejected[: max(SHOWN - refused, 0)]:
                    meter.say(_line(each))
                refused, count = refused + len(rejected), count + batch.count
                meter.advance(batch.count, batch.position)
        if refused:
            raise CommandFailed(f"{refused:,} of {count:,} records would be refused. Nothing was written.")
        typer.echo(f"{count:,} records can be imported. Nothing was written.")

    async def _import(self, door: Door, notes: Notes) -> Meter:
        tally = notes.tally
        with Rejects(self.rejected, tally.rejected_bytes, tally.rejected_mark) as rejects:
            if tally.records:
                typer.echo(f"Going on behind line {tally.line}: {_told(tally)} so far.", err=True)
            if notes.is_stale:
                typer.echo(STALE, err=True)
            with Meter("Importing", self.reading.total, quiet=self.quiet) as meter:
                work = Import(door, self.manner, notes, rejects, meter, self.reading.position)
                await self._run(work, door, notes)
        return meter

    async def _run(self, work: Import, door: Door, notes: Notes) -> None:
        try:
            await options.until_interrupted(
                work.run(self.reading.lines(door, notes.tally.line)), work.stop, GRACE_SECONDS
            )
        except (GatewayError, CommandFailed) as error:
            raise CommandFailed(f"{_reason(error)} So far: {_told(notes.tally)}.{self._again}") from error
        if work.is_stopping and not notes.tally.done:
            raise CommandFailed(f"Interrupted: {_told(notes.tally)}.{self._again}")

    def _notes(self, door: Door) -> Notes:
        if self.checkpoint is None:
            return Notes()
        manner = {**self.reading.told(), "on_conflict": self.manner.on_conflict, "batch_size": self.manner.batch_size}
        what = {"file": self.reading.source.fingerprint(), "target": door.name, "options": manner}
        return Checkpoint(self.checkpoint, what, restart=self.restart)

    def _report(self, tally: Tally, meter: Meter) -> None:
        typer.echo(f"{_told(tally)}, in {meter.seconds:,.0f} s ({meter.rate:,.0f} a second).")
        if tally.rejected:
            raise CommandFailed(
                f"{tally.rejected:,} records were refused: mend them in {self.rejected}, and import that file."
            )

    @property
    def _again(self) -> str:
        return f" {AGAIN}" if self.checkpoint is not None else ""


def _check(fields: Fields, *, is_table: bool, create: bool, dry_run: bool) -> None:
    """Raises BadParameter for options that do not go together."""
    if dry_run and create:
        raise typer.BadParameter("--dry-run makes nothing: leave --create out")
    if is_table and (fields.named or create):
        raise typer.BadParameter(
            "--create, --id-field, --text-field and --vector-field are for collections: a table has its columns"
        )
    if fields.texts and fields.vector:
        raise typer.BadParameter("--text-field, or --vector-field: a vector comes from the text, or from the file")


def _check_places(errand: Errand) -> None:
    """Raises BadParameter where what is written is what is read, under whatever names."""
    source = errand.reading.source
    named = {
        source.name: Path("/dev/stdin") if source.is_stdin else source.path,
        "--rejected": errand.rejected,
        "--checkpoint": errand.checkpoint,
    }
    places = [(name, path) for name, path in named.items() if path is not None]
    for (one, first), (other, second) in combinations(places, 2):
        if _is_same(first, second):
            raise typer.BadParameter(f"{other} is the same file as {one}: give it a place of its own")


def _is_same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return os.path.realpath(one) == os.path.realpath(other)


def _beside(source: Source, suffix: str) -> Path:
    return Path(f"stdin{suffix}") if source.path == STDIN else source.path.with_name(source.path.name + suffix)


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
