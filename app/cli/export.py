"""`vectorgate export`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import orjson
import typer

from app.assembly import WAIT_SECONDS
from app.cli import output, process
from app.cli.process import CommandFailed
from app.cli.transfer import options
from app.cli.transfer.door import Door, Question
from app.cli.transfer.exporting import Export
from app.cli.transfer.options import SHAPE, Format
from app.cli.transfer.progress import Meter
from app.cli.transfer.sink import Sink
from app.cli.transfer.source import STDIN

GRACE_SECONDS: Final = 0.0
"""When the command is asked to stop, nothing that it is at is worth waiting for."""
EXAMPLES: Final = (
    "vectorgate export books.jsonl.gz --collection library.books",
    'vectorgate export --table library.films --filter \'{"year": {"$gte": 2000}}\' > films.jsonl',
    "vectorgate export books.parquet --collection library.books --vectors",
)


def run(
    file: Annotated[Path, typer.Argument(help="Where to; .gz, .bz2 and .xz are packed. - is standard output.")] = STDIN,
    collection: options.CollectionName = None,
    table: options.TableName = None,
    organization: options.Organization = None,
    url: options.Url = None,
    token: options.Token = None,
    file_format: options.FileFormat = None,
    vectors: Annotated[
        bool,
        typer.Option(
            "--vectors",
            help="Also the vectors that were made from a text, which import makes again: a collection that embeds takes such records back "
            "with --ignore '$vector'. Others are always written.",
            rich_help_panel=SHAPE,
        ),
    ] = False,
    filter: Annotated[
        str | None,
        typer.Option("--filter", help="Only records that match, as in the API: JSON.", rich_help_panel=SHAPE),
    ] = None,
    delimiter: options.Delimiter = None,
    quiet: options.Quiet = False,
    wait: process.Wait = WAIT_SECONDS,
) -> None:
    """Write the records of a collection or a table to a file, in the order of their creation, those of one call by key. What import
    reads back is the same.

    The file appears when it is whole; a pipe or a device is written to as it is. In JSON Lines a null is a null; in CSV and Parquet it
    is left out, like a field that is not there.
    """
    sink = Sink(file)
    if sink.is_stdout:
        output.check()
    errand = Errand(
        sink=sink,
        format=options.format_of(file_format, sink.suffix, is_stdin=sink.is_stdout),
        asked=Question(_filter(filter), vectors),
        delimiter=options.delimiter_of(delimiter, sink.suffix),
        quiet=quiet,
    )
    options.way(options.target(collection, table), organization, url, token, wait).run(errand.carry)


@dataclass(frozen=True, slots=True)
class Errand:
    """One call of the command."""

    sink: Sink
    format: Format
    asked: Question
    delimiter: str
    quiet: bool

    async def carry(self, door: Door) -> None:
        """Export, and tell how much it was. Raises CommandFailed when it is interrupted."""
        total = await door.count(self.asked)
        with Meter("Exporting", total, quiet=self.quiet) as meter:
            work = Export(door, self.asked, meter)
            run = work.run(self.sink, self.format, self.delimiter)
            await options.until_interrupted(run, work.patience.end, GRACE_SECONDS)
        if work.patience.is_over:
            raise CommandFailed(f"Interrupted: {self.sink.name} was not written.")
        told = f"{work.count:,} records in {meter.seconds:,.0f} s ({meter.rate:,.0f} a second): {self.sink.name}."
        typer.echo(told, err=True)


def _filter(text: str | None) -> Mapping[str, Any] | None:
    """Raises BadParameter for what is no JSON object."""
    try:
        found = None if text is None else orjson.loads(text)
    except orjson.JSONDecodeError:
        found = text
    if found is not None and not isinstance(found, dict):
        raise typer.BadParameter('--filter is a JSON object, such as \'{"year": {"$gte": 2000}}\'')
    return found
