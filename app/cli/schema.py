"""`vectorgate schema`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from resolvers.schema import build_schema, printed

FILE = Path("schema.graphql")


def run(
    check: Annotated[
        bool, typer.Option("--check", help="Compare with schema.graphql here; exit 1 when it is stale.")
    ] = False,
) -> None:
    """Print the GraphQL schema, or check that schema.graphql is the one of this code."""
    text = printed(build_schema())
    if not check:
        typer.echo(text, nl=False)
        return
    if not FILE.is_file() or FILE.read_text() != text:
        typer.echo("vectorgate: schema.graphql is stale: run `vectorgate schema > schema.graphql`.", err=True)
        raise typer.Exit(1)
    typer.echo("schema.graphql is up to date.")
