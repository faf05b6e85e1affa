"""`vectorgate keys`."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import typer

from app.assembly import WAIT_SECONDS
from app.cli import process
from app.domain import resealing
from app.domain.organization import Bootstrapped
from app.domain.resealing import Resealed
from app.gateway import Gateway
from resolvers.node import global_id

application = typer.Typer(no_args_is_help=True)


@application.callback()
def group() -> None:
    """The keys that seal stored secrets (VECTORGATE_ENCRYPTION_KEYS: the first seals, all open)."""


@application.command("rotate")
def rotate(wait: process.Wait = WAIT_SECONDS) -> None:
    """Re-seal every stored secret under the newest key. Online, and resumable: run it again after an interruption.

    Put the new key first in VECTORGATE_ENCRYPTION_KEYS on every server, run this, then take the old key out.
    """

    async def work(gateway: Gateway, _: Bootstrapped) -> Resealed:
        return await resealing.reseal(gateway)

    outcome = process.with_gateway(process.read_settings(quiet=True), work, wait)
    typer.echo(f"Re-sealed {outcome.done} secret(s); {outcome.already} were under the newest key already.")
    if outcome.unreadable:
        raise process.CommandFailed(f"{named(outcome.unreadable)}: put the key back that sealed them.")


def named(unreadable: Sequence[UUID]) -> str:
    """How many secrets open with no key of the ring, and the credentials' ids as `node(id)` takes them."""
    ids = ", ".join(global_id("Credential", each) for each in unreadable)
    return f"{len(unreadable)} secret(s) open with no key of the ring, of the credentials {ids}"
