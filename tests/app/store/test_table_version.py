"""The fence between changes of a table and writes, on real transactions."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from app.postgres import Connection
from app.store import table, table_version, target
from app.store.identifier import row_table, schema
from app.store.record import Column, ColumnType, Table
from app.store.table_version import TableChangedError
from tests.app.store.conftest import Connect

KNOWN = "select version from vectorgate_region.table_version where table_id = $1"


def described(version: int = 1) -> Table:
    """A table with one column that is nowhere yet."""
    identifier, organization = uuid4(), uuid4()
    key = Column(
        id=uuid4(),
        organization_id=organization,
        table_id=identifier,
        name="id",
        type=ColumnType.INT,
        nullable=False,
        position=1,
        key_position=1,
        dimension=None,
        source_column_id=None,
        migrating=False,
        index=None,
    )
    return Table(identifier, organization, uuid4(), "films", "local", version, datetime.now(UTC), (key,))


async def test_a_table_that_was_never_changed_has_no_version_and_fits_every_write(connection: Connection) -> None:
    await table_version.check(connection, described())


async def test_a_write_that_was_prepared_before_a_change_is_told_and_a_later_one_is_not(connection: Connection) -> None:
    before = described(version=3)
    await table_version.write(connection, replace(before, version=4))
    with pytest.raises(TableChangedError, match=str(before.id)):
        await table_version.check(connection, before)
    for version in (4, 5):
        await table_version.check(connection, replace(before, version=version))


async def test_an_older_version_takes_no_newer_one_back(connection: Connection) -> None:
    changed = described(version=7)
    for version in (7, 6, 7):
        await table_version.write(connection, replace(changed, version=version))
    assert await connection.fetchval(KNOWN, changed.id) == 7


async def test_a_dropped_table_leaves_no_version_behind(connection: Connection) -> None:
    changed = described()
    await table_version.write(connection, changed)
    await target.drop(connection, changed.database_id, changed.id)
    assert await connection.fetchval(KNOWN, changed.id) is None


async def test_who_writes_is_told_from_who_reads_and_from_who_has_ended(
    connect: Connect, connection: Connection
) -> None:
    home = described()
    await connection.execute(f"create schema {schema(home.database_id)}")
    async with connection.transaction():
        await table.create_table(connection, home)
    name = row_table(home.database_id, home.id)
    assert await table_version.writing(connection, home) == set()
    reader, writer = await connect(), await connect()
    async with reader.transaction():
        await reader.fetch(f"select from {name} for key share")
        assert await table_version.writing(connection, home) == set()
        async with writer.transaction():
            await writer.execute(f"delete from {name}")  # noqa: S608 - a name from an id
            [first] = await table_version.writing(connection, home)
        assert await table_version.writing(connection, home) == set()
        async with writer.transaction():
            await writer.execute(f"delete from {name}")  # noqa: S608 - a name from an id
            [second] = await table_version.writing(connection, home)
    assert first != second, "a transaction is not taken for the one after it"


async def test_nobody_writes_to_a_table_that_is_gone(connection: Connection) -> None:
    assert await table_version.writing(connection, described()) == set()
