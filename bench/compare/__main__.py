"""`python -m bench.compare`."""

import typer

from bench.compare.command import main

app = typer.Typer(pretty_exceptions_enable=False)
app.command()(main)
app()
