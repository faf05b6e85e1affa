"""Changes of a table, and what they mean for writes: nothing is written as the table was before a change that has been answered."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TypeVar

from app.errors import DatabaseUnavailable
from app.gateway import Gateway
from app.postgres import Connection
from app.store import table, table_version
from app.store.record import Table
from app.store.table_version import TableChangedError

WAITS = (0.0, 0.01, 0.05, 0.2, 0.5)
"""Seconds before work is begun anew: the first change is over by then, and so are several that contend."""

LOOK_SECONDS = 0.01
"""Between looks whether the writes in flight are over."""

R = TypeVar("R")


@asynccontextmanager
async def changing(gateway: Gateway, found: Table) -> AsyncIterator[Connection]:
    """A transaction in the catalogue in which the table is still as it was found, and which nobody else changes it in.

    When it is committed, the change is announced; a region that is away, and could not be told, is asked first. Raises
    TableChangedError where the table was changed or dropped meanwhile: use it within `anew`, and all is checked again.
    """
    async with gateway.postgres.region(found.region).connection() as connection:
        await table_version.check(connection, found)
    async with gateway.postgres.catalogue.transaction() as connection:
        if not await table.change(connection, found.organization_id, found.id, found.version):
            raise TableChangedError(found.id)
        yield connection
    await announce(gateway, replace(found, version=found.version + 1))


async def announce(gateway: Gateway, changed: Table) -> None:
    """When this returns, no write is committed any more that was prepared before the table had this version."""
    async with gateway.postgres.region(changed.region).connection() as connection:
        await table_version.write(connection, changed)
        before = await table_version.writing(connection, changed)
        while before:
            await asyncio.sleep(LOOK_SECONDS)
            before &= await table_version.writing(connection, changed)


async def anew(work: Callable[[], Awaitable[R]]) -> R:
    """Do work that reads a table, prepares and writes; begin anew when the table was changed in between."""
    for seconds in WAITS:
        try:
            return await work()
        except TableChangedError:
            await asyncio.sleep(seconds)
    try:
        return await work()
    except TableChangedError:
        raise DatabaseUnavailable("The table is being changed again and again: send it again shortly.") from None
