"""`vectorgate keys`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

import structlog
import typer

from app.assembly import WAIT_SECONDS
from app.cli import process
from app.domain import resealing
from app.domain.organization import Bootstrapped
from app.domain.resealing import KeyInUse, Resealed
from app.gateway import Gateway
from resolvers.node import global_id

application = typer.Typer(no_args_is_help=True)

MOST_NAMED = 10
AcceptLost = Annotated[
    bool,
    typer.Option(
        "--accept-lost-keys",
        help="Start although a key that seals secrets is missing: their credentials fail until they are rotated.",
    ),
]

log = structlog.get_logger(__name__)


@application.callback()
def group() -> None:
    """The keys that seal stored secrets (VECTORGATE_ENCRYPTION_KEYS: the first seals, all open)."""


@application.command("rotate", epilog=process.examples("vectorgate keys rotate"))
def rotate(wait: process.Wait = WAIT_SECONDS) -> None:
    """Re-seal every stored secret under the newest key. Online, and resumable: run it again after an interruption.

    Before: put the new key last in VECTORGATE_ENCRYPTION_KEYS on every server, so that all of them open what it seals; then first.

    Restart the servers after each of the two. A single server needs the second only. Afterwards take the old key out.
    """

    async def work(gateway: Gateway, _: Bootstrapped) -> tuple[Resealed, list[KeyInUse]]:
        outcome = await resealing.reseal(gateway)
        return outcome, await unopened_keys(gateway) if outcome.unreadable else []

    outcome, unopened = process.with_gateway(process.read_settings(quiet=True), work, wait)
    typer.echo(f"Re-sealed {outcome.done} secret(s); {outcome.already} were under the newest key already.")
    if unopened:
        raise process.CommandFailed(f"{told(unopened)}. Put the key back that sealed them.")


async def unopened_keys(gateway: Gateway) -> list[KeyInUse]:
    """The keys that do not open all that is sealed under them."""
    return [each for each in await resealing.keys_in_use(gateway) if each.unreadable]


async def check(gateway: Gateway, *, accept_lost: bool) -> None:
    """Whether all stored secrets open, before anything is served. Raises CommandFailed for a key that is missing, or not the known one.

    A secret that the known key does not open is damaged: its own credential's trouble, and a warning.
    """
    unopened = await unopened_keys(gateway)
    if any(each.lost for each in unopened) and not accept_lost:
        lost = told([each for each in unopened if each.lost])
        raise process.CommandFailed(
            f"{lost}. Put the key back into VECTORGATE_ENCRYPTION_KEYS, or start with --accept-lost-keys and rotate these credentials "
            "under a key that has an id of its own."
        )
    if unopened:
        log.warning("secrets_do_not_open", reason=told(unopened))


def told(unopened: Sequence[KeyInUse]) -> str:
    """Which keys are missing or wrong, and the credentials that need them, by their ids as `node(id)` takes them."""
    return "; ".join(f"{_fault(each)}: {_named(each.unreadable)}" for each in unopened)


def _fault(key: KeyInUse) -> str:
    count = f"{len(key.unreadable)} credential(s)"
    if not key.key_id:
        return f"the secrets of {count} are damaged"
    if not key.in_ring:
        return f"the key {key.key_id!r} is not in the ring, and {count} need it"
    return f"the key {key.key_id!r} does not open {count} sealed under it"


def _named(credentials: Sequence[UUID]) -> str:
    ids = ", ".join(global_id("Credential", each) for each in credentials[:MOST_NAMED])
    more = len(credentials) - MOST_NAMED
    return ids + (f" and {more} more" if more > 0 else "")
