"""Debris: schemas, tables and columns that a region holds and the catalogue does not. Removed at once, else by the sweep."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import structlog

from app.errors import GatewayError
from app.gateway import Gateway
from app.postgres import Cluster
from app.store import column, database, target
from app.store import debris as store
from app.store.debris import Debris

log = structlog.get_logger(__name__)


async def try_to_remove(gateway: Gateway, debris: Debris) -> None:
    """Remove it from its region. One that is away or busy keeps it until the sweep comes again: for the user it is gone already."""
    with _left_for_the_sweep(debris):
        await remove(gateway, debris)


async def take_back(gateway: Gateway, columns: Sequence[Debris]) -> None:
    """Remove columns whose making has failed, also where it took so long that a sweep has looked for them in vain, and forgotten them."""
    for each in columns:
        with _left_for_the_sweep(each):
            async with gateway.postgres.catalogue.connection() as connection:
                await store.insert_again(connection, each)
            await remove(gateway, each)


@contextmanager
def _left_for_the_sweep(debris: Debris) -> Iterator[None]:
    try:
        yield
    except GatewayError as error:
        log.warning("debris_left_for_the_sweep", region=debris.region, reason=error.message)


async def remove(gateway: Gateway, debris: Debris) -> None:
    """Remove it from its region, then forget it. Doing it again does nothing, nor does it when it is in the catalogue after all."""
    async with gateway.postgres.catalogue.connection() as connection:
        if not await store.claim(connection, debris.id):
            return
    await _remove(gateway.postgres.region(debris.region), debris)
    async with gateway.postgres.catalogue.connection() as connection:
        await store.delete(connection, debris.id)


async def _remove(region: Cluster, debris: Debris) -> None:
    home, target_id, column_id = debris.database_id, debris.target_id, debris.column_id
    if target_id is None:
        async with region.connection() as connection:
            await database.empty_schema(connection, home)
        async with region.transaction() as connection:
            await database.drop_schema(connection, home)
    elif column_id is None:
        async with region.transaction() as connection:
            await target.drop(connection, home, target_id)
    else:
        async with region.transaction() as connection:
            await column.drop(connection, home, target_id, column_id)
