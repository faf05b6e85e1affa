"""Options that `import` and `export` share: what the records are in, and the way to it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, Final

import typer

from app.cli import process
from app.cli.transfer import direct, remote
from app.cli.transfer.door import Door, Making, Target
from app.domain.organization import Bootstrapped
from app.gateway import Gateway

WHERE: Final = "Where"
SHAPE: Final = "What the file looks like"


class Format(StrEnum):
    """Formats of files."""

    JSONL = "jsonl"
    CSV = "csv"
    PARQUET = "parquet"


SUFFIXES: Final = {
    ".jsonl": Format.JSONL,
    ".ndjson": Format.JSONL,
    ".json": Format.JSONL,
    ".csv": Format.CSV,
    ".tsv": Format.CSV,
    ".parquet": Format.PARQUET,
}

CollectionName = Annotated[
    str | None,
    typer.Option("--collection", metavar="DATABASE.NAME", help="The collection.", rich_help_panel=WHERE),
]
TableName = Annotated[
    str | None, typer.Option("--table", metavar="DATABASE.NAME", help="The table.", rich_help_panel=WHERE)
]
Organization = Annotated[
    str | None,
    typer.Option(
        "--organization",
        help="The organization's name; by default the first one's. Not with --url.",
        rich_help_panel=WHERE,
    ),
]
Url = Annotated[
    str | None,
    typer.Option(
        "--url",
        help="The address of a server, to go through its API. Without it this command opens the database itself, by the settings "
        "that servers have, and needs no server.",
        rich_help_panel=WHERE,
    ),
]
Token = Annotated[
    str | None,
    typer.Option(
        "--token",
        envvar="VG_TOKEN",
        show_envvar=True,
        help="An access token of that server. The variable keeps it out of the list of processes.",
        rich_help_panel=WHERE,
    ),
]
FileFormat = Annotated[
    Format | None,
    typer.Option(
        "--format", help="By default what the file's name says; jsonl of standard input.", rich_help_panel=SHAPE
    ),
]
Delimiter = Annotated[
    str | None,
    typer.Option(
        "--delimiter", help="What stands between cells of CSV; a tab in .tsv, else a comma.", rich_help_panel=SHAPE
    ),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")]


@dataclass(frozen=True, slots=True)
class Way:
    """To which target, and how."""

    target: Target
    organization: str | None
    url: str | None
    token: str
    wait: float
    making: Making = None

    def run(self, work: Callable[[Door], Awaitable[None]]) -> None:
        """Do `work` with the door open, until a signal ends it. Raises what the way is refused with."""
        process.end_on_signals(1)
        if self.url is not None:
            asyncio.run(self._remote(self.url, work))
            return

        async def inside(gateway: Gateway, first: Bootstrapped) -> None:
            name = self.organization or first.organization.name
            async with direct.opened(gateway, name, self.target, making=self.making) as door:
                await work(door)

        process.with_gateway(process.read_settings(quiet=True), inside, self.wait)

    async def _remote(self, url: str, work: Callable[[Door], Awaitable[None]]) -> None:
        async with remote.opened(url, self.token, self.target, making=self.making) as door:
            await work(door)


def target(collection: str | None, table: str | None) -> Target:
    """Raises BadParameter unless one of them is given, as DATABASE.NAME."""
    given = table if collection is None else collection
    if given is None or (collection is not None and table is not None):
        raise typer.BadParameter("give exactly one of --collection and --table")
    database, _, name = given.partition(".")
    if not database or not name:
        raise typer.BadParameter(f"{given!r} is not DATABASE.NAME, such as library.books")
    return Target(database, name, collection is None)


def way(
    to: Target, organization: str | None, url: str | None, token: str | None, wait: float, *, making: Making = None
) -> Way:
    """Raises BadParameter for options that do not go together."""
    secret = (token or "").strip()
    if url is not None and not secret:
        raise typer.BadParameter("--url needs an access token: --token, or the variable VG_TOKEN")
    if url is not None and organization is not None:
        raise typer.BadParameter("--url goes to the organization of the token: leave --organization out")
    if not (secret.isascii() and secret.isprintable()) or " " in secret:
        raise typer.BadParameter(
            "the access token has a character that no token has, such as a line break or an accent: copy it again to VG_TOKEN or --token"
        )
    return Way(to, organization, url, secret, wait, making)


def delimiter_of(given: str | None, suffix: str) -> str:
    """Raises BadParameter for what cannot be between cells."""
    found = given or ("\t" if suffix == ".tsv" else ",")
    if len(found) != 1 or found in '"\r\n':
        raise typer.BadParameter("--delimiter is one character, and neither a quote nor a line break")
    return found


def format_of(given: Format | None, suffix: str, *, is_stdin: bool) -> Format:
    """Raises BadParameter where nothing says it."""
    found = given or (Format.JSONL if is_stdin else SUFFIXES.get(suffix))
    if found is None:
        raise typer.BadParameter(f"what {suffix or 'a name without a suffix'!r} is, is not known: give --format")
    return found


async def until_interrupted(work: Coroutine[Any, Any, None], stop: Callable[[], None], grace_seconds: float) -> None:
    """Run `work` to its end. The first SIGINT or SIGTERM calls `stop`, after which it has `grace_seconds`; a second one breaks it off."""
    loop = asyncio.get_running_loop()
    task = loop.create_task(work)
    asked = 0

    def ask() -> None:
        nonlocal asked
        asked += 1
        stop()
        loop.call_later(0 if asked > 1 else grace_seconds, task.cancel)

    for number in process.STOPPING:
        loop.add_signal_handler(number, ask)
    try:
        await asyncio.wait([task])
    finally:
        for number in process.STOPPING:
            loop.remove_signal_handler(number)
        process.end_on_signals(1)
    if not task.cancelled():
        task.result()
