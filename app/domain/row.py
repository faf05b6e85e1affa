"""Rows of tables: reading and deleting them. What is answered as done is committed; a table that changes meanwhile is read anew."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from app.access import Actor, Permission
from app.domain import audit, table, usage
from app.domain.document import MOST_KEYS, MOST_NAMED, named
from app.domain.table_version import anew
from app.errors import BadInput
from app.gateway import Gateway
from app.page import Page, bad_cursor, check_first, decode_cursor, decode_time, encode_cursor
from app.postgres import Connection
from app.store import row, row_key, table_version
from app.store.audit_event import NewEvent
from app.store.document import Touched
from app.store.record import Table, TableRow
from app.store.row import Wanted
from app.value import check_count

R = TypeVar("R")


async def page(
    gateway: Gateway,
    actor: Actor,
    home: Table,
    *,
    wanted: Wanted,
    given: Mapping[str, object] | None,
    first: int,
    after: str | None,
) -> Page[TableRow]:
    """Rows that match a filter, in order of creation, then key."""
    actor.require(Permission.READ_DATA)
    check_first(first)

    async def read(connection: Connection, current: Table) -> list[TableRow]:
        return await row.page(connection, current, wanted, given, _after(current, after), first + 1)

    found = await _read(gateway, actor, home, read)
    return Page.of(found, first, after, lambda each: encode_cursor(each.created_at.isoformat(), each.key))


async def count(gateway: Gateway, actor: Actor, home: Table, given: Mapping[str, object] | None) -> int:
    """How many rows match a filter."""
    actor.require(Permission.READ_DATA)
    return await _read(gateway, actor, home, lambda connection, current: row.count(connection, current, given))


async def by_keys(
    gateway: Gateway, actor: Actor, home: Table, wanted: Wanted, keys: Sequence[str]
) -> dict[str, TableRow]:
    """Stored key -> row, for those that exist."""
    actor.require(Permission.READ_DATA)
    found = await _read(
        gateway, actor, home, lambda connection, current: row.by_keys(connection, current, wanted, keys)
    )
    return {each.key: each for each in found}


async def by_key(gateway: Gateway, actor: Actor, home: Table, wanted: Wanted, key: object) -> TableRow | None:
    """The row with this key. Raises BadInput for what can be no key of the table."""
    actor.require(Permission.READ_DATA)
    stored = row_key.of_key(home, key)
    return (await by_keys(gateway, actor, home, wanted, [stored])).get(stored)


async def delete(
    gateway: Gateway,
    actor: Actor,
    table_id: UUID,
    *,
    given: Mapping[str, object] | None,
    keys: Sequence[object] | None,
    ids: Sequence[str | None] | None,
) -> tuple[Table, int, list[str] | None]:
    """Delete by exactly one of filter, keys and ids (as stored keys; None: of nothing here); answers how many, and which (see `named`)."""

    async def work() -> tuple[Table, Touched]:
        home = await table.find(gateway, actor, table_id)
        actor.require(Permission.WRITE_DATA)
        if sum(each is not None for each in (given, keys, ids)) != 1:
            raise BadInput("Give exactly one of filter, keys and ids; an empty object as filter means every row.")
        stored = _stored(home, keys, ids)

        async def write(connection: Connection) -> Touched:
            gone = await row.delete(connection, home, given=given, keys=stored, most_keys=MOST_NAMED)
            await table_version.check(connection, home)
            return gone

        def told(gone: Touched) -> NewEvent:
            return event(actor, "delete_rows", home, count=gone.count)

        return home, await usage.write(gateway, home.region, [], write, told)

    home, gone = await anew(work)
    return home, gone.count, named(gone)


def event(actor: Actor, action: str, home: Table, **details: object) -> NewEvent:
    """The audit event of a write: how many, never what."""
    return audit.event(actor, action, "Table", home.id, home.name, **details)


async def _read(gateway: Gateway, actor: Actor, home: Table, read: Callable[[Connection, Table], Awaitable[R]]) -> R:
    """Read from a table as it was found with the request; where that is true no more, as it is now."""
    current: Table | None = home

    async def work() -> R:
        nonlocal current
        known, current = current or await table.find(gateway, actor, home.id), None
        async with gateway.postgres.region(known.region).connection() as connection:
            return await read(connection, known)

    return await anew(work)


def _stored(home: Table, keys: Sequence[object] | None, ids: Sequence[str | None] | None) -> list[str] | None:
    """The stored keys that are named; None where none are, but a filter. Raises BadInput and LimitExceeded."""
    if keys is not None:
        check_count(len(keys), 1, MOST_KEYS, "keys")
        return [row_key.of_key(home, key) for key in keys]
    if ids is not None:
        check_count(len(ids), 1, MOST_KEYS, "ids")
        return [key for key in ids if key is not None and row_key.is_encoded(home, key)]
    return None


def _after(home: Table, after: str | None) -> tuple[datetime, str] | None:
    if after is None:
        return None
    created_at, key = decode_cursor(after, 2)
    if not isinstance(key, str) or not row_key.is_encoded(home, key):
        raise bad_cursor()
    return decode_time(created_at), key
