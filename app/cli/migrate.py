"""`vectorgate migrate`."""

from __future__ import annotations

import typer

from app.cli import process
from app.domain.organization import Bootstrapped
from app.gateway import Gateway


def run() -> None:
    """Bring the catalogue and every region up to date. Safe while servers run, and from many places at once."""
    process.with_gateway(_report)


async def _report(gateway: Gateway, _: Bootstrapped) -> None:
    typer.echo(f"Up to date: the catalogue and the regions {', '.join(gateway.postgres.regions)}.")
