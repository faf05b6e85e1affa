"""Housekeeping, by every process every half minute: each task may run anywhere, any number of times, and waits for no one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Protocol, TypeVar

import structlog

from app.domain import audit, loading, refusal
from app.domain import collection as collections
from app.domain import database as databases
from app.domain import debris as debris_rules
from app.domain import table as tables
from app.errors import DatabaseUnavailable, GatewayError
from app.gateway import Gateway
from app.postgres import Cluster
from app.store import access_token, collection, credential, database, debris, idempotency, neighbour, table, usage

SECONDS = 30
"""So that a secret whose time is over is erased, and a last use written, within a minute."""

log = structlog.get_logger(__name__)


class InRegion(Protocol):
    """Something to be done in a region's cluster."""

    @property
    def region(self) -> str: ...


T = TypeVar("T", bound=InRegion)


async def forever(gateway: Gateway) -> None:
    """Sweep until cancelled; what fails is logged, and the next sweep comes."""
    while True:
        await asyncio.sleep(SECONDS)
        await once(gateway)


async def once(gateway: Gateway) -> None:
    """Every task by itself, and within it every region and every item."""
    tasks: list[Callable[[Gateway], Awaitable[None]]] = [
        note_uses,
        forget_expired,
        finish_halves,
        remove_debris,
        move_events,
        refusal.tell_left_out,
        take_up_loads,
    ]
    for task in tasks:
        await _attempt(task.__name__, task(gateway))


async def note_uses(gateway: Gateway) -> None:
    """Write when credentials and tokens were last used."""
    credentials, tokens = gateway.credentials_used.take(), gateway.tokens_used.take()
    if credentials or tokens:
        async with gateway.postgres.catalogue.connection() as connection:
            await credential.note_use(connection, credentials)
            await access_token.note_use(connection, tokens)


async def forget_expired(gateway: Gateway) -> None:
    """Erase kept secrets, idempotency records and query vectors whose time is over."""
    for name, region in gateway.postgres.regions.items():
        await _attempt("forget_expired", _forget_in(region), region=name)
    async with gateway.postgres.catalogue.connection() as connection:
        await credential.forget_expired(connection)
        await idempotency.forget_expired(connection, "vectorgate")


async def finish_halves(gateway: Gateway) -> None:
    """Make the schemas and tables that a process died before making."""
    async with gateway.postgres.catalogue.connection() as connection:
        half_databases = await database.unfinished(connection)
        half_collections = await collection.unfinished(connection)
        half_tables = await table.unfinished(connection)
    await _each("finish_database", half_databases, lambda half: databases.make_schema(gateway, half))
    await _each("finish_collection", half_collections, lambda half: collections.make_table(gateway, half))
    await _each("finish_table", half_tables, lambda half: tables.make_table(gateway, half))


async def remove_debris(gateway: Gateway) -> None:
    """Remove what is dropped in the catalogue and still there in its region."""
    async with gateway.postgres.catalogue.connection() as connection:
        left = await debris.due(connection)
    await _each("remove_debris", left, lambda each: debris_rules.remove(gateway, each))


async def move_events(gateway: Gateway) -> None:
    """Move to the catalogue what writes in regions have left in their outboxes."""
    for name in gateway.postgres.regions:
        await _attempt("move_events", audit.move(gateway, name), region=name)


async def take_up_loads(gateway: Gateway) -> None:
    """Begin the jobs that build the indexes of collections whose load was broken off."""
    for name in gateway.postgres.regions:
        await _attempt("take_up_loads", loading.take_up(gateway, name), region=name)


async def _forget_in(region: Cluster) -> None:
    async with region.connection() as connection:
        await neighbour.forget_expired(connection)
        await idempotency.forget_expired(connection, "vectorgate_region")
        await usage.compact(connection)


async def _each(what: str, items: Iterable[T], work: Callable[[T], Awaitable[object]]) -> None:
    """The work for every item; a region that turns out to be away is left alone until the next sweep."""
    away = set[str]()
    for item in items:
        if item.region not in away:
            failure = await _attempt(what, work(item), region=item.region)
            away |= {item.region} if isinstance(failure, DatabaseUnavailable) else set()


async def _attempt(what: str, work: Awaitable[object], **facts: str) -> Exception | None:
    """Why it was not done; None when it was. What fails keeps nothing else from being done, and is tried again by the next sweep."""
    try:
        await work
    except GatewayError as error:
        log.warning("sweep_postponed", task=what, reason=error.message, **facts)
        return error
    except Exception as error:
        log.exception("sweep_failed", task=what, **facts)
        return error
    return None
