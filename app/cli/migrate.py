"""`vectorgate migrate`."""

from __future__ import annotations

import typer

from app.assembly import WAIT_SECONDS
from app.cli import process
from app.domain.organization import Bootstrapped
from app.gateway import Gateway

EXAMPLES = ("vectorgate migrate", "vectorgate migrate --wait 120")


def run(wait: process.Wait = WAIT_SECONDS) -> None:
    """Bring the catalogue and every region up to date. Safe while servers run, and from many places at once."""
    process.with_gateway(process.read_settings(quiet=True), _report, wait)


async def _report(gateway: Gateway, _: Bootstrapped) -> None:
    for cluster in gateway.postgres.regions.values():
        await cluster.open()  # a region that is away does not keep a server from starting, but was not migrated
    typer.echo(f"Up to date: the catalogue and the regions {', '.join(gateway.postgres.regions)}.")
