"""`vectorgate keys`."""

from __future__ import annotations

import typer

from app.cli import process
from app.domain import resealing
from app.domain.organization import Bootstrapped
from app.domain.resealing import Resealed
from app.gateway import Gateway

application = typer.Typer(no_args_is_help=True)


@application.callback()
def group() -> None:
    """The keys that seal stored secrets (VECTORGATE_ENCRYPTION_KEYS: the first seals, all open)."""


@application.command("rotate")
def rotate() -> None:
    """Re-seal every stored secret under the newest key. Online, and resumable: run it again after an interruption.

    Put the new key first in VECTORGATE_ENCRYPTION_KEYS on every server, run this, then take the old key out.
    """

    async def work(gateway: Gateway, _: Bootstrapped) -> Resealed:
        return await resealing.reseal(gateway)

    outcome = process.with_gateway(work)
    typer.echo(f"Re-sealed {outcome.done} secret(s); {outcome.already} were under the newest key already.")
    if outcome.unreadable:
        typer.echo(
            f"vectorgate: {len(outcome.unreadable)} secret(s) open with no key of the ring: restore the key.", err=True
        )
        raise typer.Exit(1)
