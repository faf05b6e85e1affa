"""`vectorgate import`."""

from __future__ import annotations

import os
from itertools import combinations
from pathlib import Path
from typing import Annotated, Final

import typer

from app.assembly import WAIT_SECONDS
from app.cli import process
from app.cli.transfer import options
from app.cli.transfer.errand import Errand
from app.cli.transfer.importing import Manner
from app.cli.transfer.mapping import Fields
from app.cli.transfer.options import SHAPE, WHERE, Format
from app.cli.transfer.reading import Reading
from app.cli.transfer.source import STDIN, Source
from app.domain.insertion import MOST_ITEMS, OnConflict

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
            help="The field that is the key: it becomes _id. Where it is empty or null, a key is made; a line of JSON without it is "
            "refused.",
            rich_help_panel=SHAPE,
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
        typer.Option(
            "--dry-run",
            help="Read and check every record, and write nothing anywhere. Not with --url.",
            rich_help_panel=HOW,
        ),
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
    _check(fields, is_table=target.is_table, create=create)
    _check_dry_run(dry_run, create=create, url=url)
    errand = Errand(
        reading=Reading(source, kind, fields, tuple(string or ()), options.delimiter_of(delimiter, source.suffix)),
        manner=Manner(fields, not target.is_table, on_conflict, batch_size, in_flight, patience),
        rejected=rejected or _beside(source, ".rejected.jsonl"),
        checkpoint=checkpoint or (None if source.is_stdin else _beside(source, ".checkpoint")),
        restart=restart,
        quiet=quiet,
    )
    _check_places(errand)
    way = options.way(target, organization, url, token, wait, making=errand.check_places if create else None)
    way.run(errand.rehearse if dry_run else errand.carry)


def _check_dry_run(dry_run: bool, *, create: bool, url: str | None) -> None:
    """Raises BadParameter for what a dry run could not keep its word with."""
    if dry_run and create:
        raise typer.BadParameter("--dry-run makes nothing: leave --create out")
    if dry_run and url is not None:
        raise typer.BadParameter(
            "--dry-run opens the database itself, because a server checks only what it stores: leave --url out, and run it where "
            "the server's settings are"
        )


def _check(fields: Fields, *, is_table: bool, create: bool) -> None:
    """Raises BadParameter for options that do not go together."""
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
