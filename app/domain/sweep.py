"""Housekeeping, by every process every half minute: each task may run anywhere, any number of times, and waits for no one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from app.domain import collection as collections
from app.domain import database as databases
from app.domain import debris as debris_rules
from app.errors import GatewayError
from app.gateway import Gateway
from app.store import access_token, collection, credential, database, debris, idempotency, neighbour

SECONDS = 30
"""So that a secret whose time is over is erased, and a last use written, within a minute."""

log = structlog.get_logger(__name__)


async def forever(gateway: Gateway) -> None:
    """Sweep until cancelled; a sweep that fails is logged, and the next one comes."""
    while True:
        await once(gateway)
        await asyncio.sleep(SECONDS)


async def once(gateway: Gateway) -> None:
    """Each task by itself, so that one that fails keeps none of the others from being done."""
    tasks: list[Callable[[Gateway], Awaitable[None]]] = [note_uses, forget_expired, finish_halves, remove_debris]
    for task in tasks:
        try:
            await task(gateway)
        except GatewayError as error:
            log.warning("sweep_postponed", task=task.__name__, reason=error.message)


async def note_uses(gateway: Gateway) -> None:
    """Write when credentials and tokens were last used."""
    credentials, tokens = gateway.credentials_used.take(), gateway.tokens_used.take()
    if credentials or tokens:
        async with gateway.postgres.catalogue.connection() as connection:
            await credential.note_use(connection, credentials)
            await access_token.note_use(connection, tokens)


async def forget_expired(gateway: Gateway) -> None:
    """Erase kept secrets, idempotency records and query vectors whose time is over."""
    async with gateway.postgres.catalogue.connection() as connection:
        await credential.forget_expired(connection)
        await idempotency.forget_expired(connection, "vectorgate")
    for region in gateway.postgres.regions.values():
        async with region.connection() as connection:
            await neighbour.forget_expired(connection)
            await idempotency.forget_expired(connection, "vectorgate_region")


async def finish_halves(gateway: Gateway) -> None:
    """Make the schemas and tables that a process died before making."""
    async with gateway.postgres.catalogue.connection() as connection:
        half_databases = await database.unfinished(connection)
        half_collections = await collection.unfinished(connection)
    for each in half_databases:
        await databases.make_schema(gateway, each)
    for half in half_collections:
        await collections.make_table(gateway, half)


async def remove_debris(gateway: Gateway) -> None:
    """Remove what is dropped in the catalogue and still there in its region."""
    async with gateway.postgres.catalogue.connection() as connection:
        left = await debris.everything(connection)
    for each in left:
        await debris_rules.remove(gateway, each)
