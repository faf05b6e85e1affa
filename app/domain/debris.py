"""Debris: schemas and tables that the catalogue has dropped and their region still holds. Removed at once, else by the sweep."""

from __future__ import annotations

import structlog

from app.errors import GatewayError
from app.gateway import Gateway
from app.store import collection, database
from app.store import debris as store
from app.store.debris import Debris

log = structlog.get_logger(__name__)


async def try_to_remove(gateway: Gateway, debris: Debris) -> None:
    """Remove it from its region. One that is away or busy keeps it until the sweep comes again: for the user it is gone already."""
    try:
        await remove(gateway, debris)
    except GatewayError as error:
        log.warning("debris_left_for_the_sweep", region=debris.region, reason=error.message)


async def remove(gateway: Gateway, debris: Debris) -> None:
    """Remove it from its region, then forget it. Doing it again does nothing."""
    region = gateway.postgres.region(debris.region)
    if debris.target_id is None:
        async with region.connection() as connection:
            await database.empty_schema(connection, debris.database_id)
        async with region.transaction() as connection:
            await database.drop_schema(connection, debris.database_id)
    else:
        async with region.connection() as connection:
            await collection.drop_table(connection, debris.database_id, debris.target_id)
    async with gateway.postgres.catalogue.connection() as connection:
        await store.delete(connection, debris.id)
