"""`vectorgate schema`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from app.cli import output
from app.cli.process import CommandFailed
from resolvers.schema import build_schema, printed

FILE = Path("schema.graphql")
EXAMPLES = ("vectorgate schema > schema.graphql", "vectorgate schema --check")


def run(
    check: Annotated[
        bool, typer.Option("--check", help=f"Compare with {FILE} in this folder; exit 1 when it is stale.")
    ] = False,
) -> None:
    """Print the GraphQL schema, or check that schema.graphql is the one of this code."""
    text = printed(build_schema())
    if not check:
        output.check()
        typer.echo(text, nl=False)
    elif not FILE.is_file():
        raise CommandFailed(f"There is no {FILE} in this folder.")
    elif FILE.read_text(encoding="utf-8") != text:
        raise CommandFailed(f"{FILE} is stale: run `vectorgate schema > {FILE}`.")
    else:
        typer.echo(f"{FILE} is up to date.")
