"""`vectorgate worker`."""

from __future__ import annotations

import asyncio

import structlog

from app.assembly import WAIT_SECONDS, at_work, build_gateway, opened
from app.cli import keys, process
from app.main import announce
from app.settings import Settings

EXAMPLES = ("vectorgate worker", "VECTORGATE_LOG_FORMAT=json vectorgate worker --wait 120")

log = structlog.get_logger(__name__)


def run(wait: process.Wait = WAIT_SECONDS, accept_lost_keys: keys.AcceptLost = False) -> None:
    """Work on jobs, and serve nothing, until SIGTERM or SIGINT: for long migrations beside servers that should not be busy with them.

    Every server works on jobs, too. What is under way when it stops goes on elsewhere, from where it was.
    """
    process.end_on_signals()
    process.until_stopped(_work(process.read_settings(), wait, accept_lost=accept_lost_keys))


async def _work(settings: Settings, wait_seconds: float, *, accept_lost: bool) -> None:
    gateway = build_gateway(settings)
    async with opened(gateway, wait_seconds) as first, at_work(gateway):
        announce(first.generated_token)
        await keys.check(gateway, accept_lost=accept_lost)
        log.info("working")
        await asyncio.Event().wait()
