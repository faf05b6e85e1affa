"""Migrations are applied once, in order, whole or not at all, by however many start together."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TypeAlias

import asyncpg
import pytest

from app.postgres import Row
from app.store import migration
from app.store.migration import Migration, MigrationError, migrate, migrations, pending, versions
from tests.factory import NewDatabase
from tests.patience import in_time

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

TABLES = "select schemaname || '.' || tablename from pg_tables where schemaname like 'vectorgate%' order by 1"
CATALOGUE = [each.name for each in migrations("catalogue")]
REGION = [each.name for each in migrations("region")]


@pytest.fixture
async def connections(new_database: NewDatabase) -> AsyncIterator[list[Connection]]:
    """Eight connections to one database that was never migrated."""
    url = await new_database(template="template0")
    async with AsyncExitStack() as stack:
        opened = [await asyncpg.connect(url) for _ in range(8)]
        for connection in opened:
            stack.push_async_callback(connection.close)
        yield opened


@pytest.fixture
def connection(connections: list[Connection]) -> Connection:
    return connections[0]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of migrations that the test writes: its part is `part`."""
    monkeypatch.setattr(migration, "FOLDER", tmp_path)
    (tmp_path / "part").mkdir()
    return tmp_path / "part"


async def tables(connection: Connection) -> list[str]:
    return [row[0] for row in await connection.fetch(TABLES)]


# --- applying ---
async def test_a_new_cluster_gets_every_migration_once(connection: Connection) -> None:
    assert await pending(connection, "catalogue", "region") == CATALOGUE + REGION
    assert await migrate(connection, "catalogue", "region") == CATALOGUE + REGION
    made = await tables(connection)
    assert {"vectorgate.organization", "vectorgate.credential", "vectorgate.migration"} <= set(made)
    assert await migrate(connection, "catalogue", "region") == []
    assert await pending(connection, "catalogue", "region") == []
    assert await tables(connection) == made


async def test_a_region_alone_has_nothing_of_the_catalogue(connection: Connection) -> None:
    assert await migrate(connection, "region") == REGION
    assert "vectorgate.organization" not in await tables(connection)
    assert await pending(connection, "catalogue", "region") == CATALOGUE
    assert await migrate(connection, "catalogue", "region") == CATALOGUE


async def test_of_many_who_start_together_each_file_is_applied_by_one(connections: list[Connection]) -> None:
    applied = await asyncio.gather(*(migrate(each, "catalogue", "region") for each in connections))
    assert sorted(name for names in applied for name in names) == sorted(CATALOGUE + REGION)
    assert await pending(connections[0], "catalogue", "region") == []


async def test_files_are_applied_in_the_order_of_their_names(connection: Connection, folder: Path) -> None:
    (folder / "0002_second.sql").write_text("insert into vectorgate.first values (2)")
    (folder / "0001_first.sql").write_text("create table vectorgate.first (number int)")
    (folder / "notes.txt").write_text("no migration")
    assert await migrate(connection, "part") == ["part/0001_first.sql", "part/0002_second.sql"]


def test_every_name_says_its_number() -> None:
    for part, names in (("catalogue", CATALOGUE), ("region", REGION)):
        assert [name.removeprefix(f"{part}/")[:4] for name in names] == [f"{n:04}" for n in range(1, len(names) + 1)]


# --- refusing ---
async def test_a_file_that_fails_leaves_nothing_and_those_before_it_stay(connection: Connection, folder: Path) -> None:
    (folder / "0001_first.sql").write_text("create table vectorgate.first (number int)")
    (folder / "0002_second.sql").write_text("create table vectorgate.second (number int); select 1 / 0")
    (folder / "0003_third.sql").write_text("create table vectorgate.third (number int)")
    with pytest.raises(
        MigrationError, match=r"^part/0002_second.sql was not applied: PostgreSQL says .division by zero"
    ):
        await migrate(connection, "part")
    assert await tables(connection) == ["vectorgate.first", "vectorgate.migration"]
    assert await pending(connection, "part") == ["part/0002_second.sql", "part/0003_third.sql"]
    (folder / "0002_second.sql").write_text("create table vectorgate.second (number int)")
    assert await migrate(connection, "part") == ["part/0002_second.sql", "part/0003_third.sql"]


async def test_the_lock_is_free_after_a_failure(connections: list[Connection], folder: Path) -> None:
    (folder / "0001_first.sql").write_text("nonsense")
    for each in connections:
        with pytest.raises(MigrationError):
            async with in_time():
                await migrate(each, "part")


async def test_a_released_file_that_was_edited_is_refused(connection: Connection, folder: Path) -> None:
    (folder / "0001_first.sql").write_text("create table vectorgate.first (number int)")
    await migrate(connection, "part")
    (folder / "0001_first.sql").write_text("create table vectorgate.first (number bigint)")
    (folder / "0002_second.sql").write_text("create table vectorgate.second (number int)")
    with pytest.raises(
        MigrationError, match=r"^part/0001_first.sql is not the file that this database was migrated with"
    ):
        await migrate(connection, "part")
    assert await tables(connection) == ["vectorgate.first", "vectorgate.migration"]


async def test_line_ends_do_not_change_a_files_hash(folder: Path) -> None:
    (folder / "0001_unix.sql").write_bytes(b"select 1;\nselect 2;\n")
    (folder / "0002_windows.sql").write_bytes(b"select 1;\r\nselect 2;\r\n")
    unix, windows = migrations("part")
    assert unix.sha256 == windows.sha256 == hashlib.sha256(b"select 1;\nselect 2;\n").digest()
    assert Migration("other name", unix.sql).sha256 == unix.sha256


# --- what the server must have ---
async def test_versions_are_those_of_the_server(connection: Connection) -> None:
    postgres, pgvector = await versions(connection)
    assert (postgres // 10_000, pgvector) == (connection.get_server_version().major, None)
    await migrate(connection, "region")
    assert (await versions(connection))[1] == await connection.fetchval(
        "select extversion from pg_extension where extname = 'vector'"
    )


async def test_an_extension_in_another_schema_is_told_with_the_statement_that_helps(connection: Connection) -> None:
    await connection.execute("create schema elsewhere; create extension vector schema elsewhere")
    with pytest.raises(MigrationError, match=r"'elsewhere': run ALTER EXTENSION vector SET SCHEMA public"):
        await migrate(connection, "region")
    assert await tables(connection) == []
    await connection.execute("alter extension vector set schema public")
    assert await migrate(connection, "region") == REGION


async def test_a_role_without_rights_is_told_and_later_needs_none(connection: Connection) -> None:
    await connection.execute("create role powerless")
    try:
        await connection.execute("set role powerless")
        with pytest.raises(MigrationError, match=r"was not applied: PostgreSQL says .permission denied"):
            await migrate(connection, "region")
        await connection.execute("reset role")
        await migrate(connection, "region")
        await connection.execute("grant usage on schema vectorgate to powerless")
        await connection.execute("grant select on vectorgate.migration to powerless")
        await connection.execute("set role powerless")
        assert await migrate(connection, "region") == []
    finally:
        await connection.execute("reset role")
        await connection.execute("drop owned by powerless; drop role powerless")


def test_an_old_server_is_refused() -> None:
    migration._require_postgres(150_000)
    with pytest.raises(MigrationError, match="PostgreSQL 15 or later is needed, and this server has 14"):
        migration._require_postgres(140_012)


async def pgvector(connection: Connection, version: str) -> Row | None:
    return await connection.fetchrow("select $1::text as version, 'public'::text as schema", version)


async def test_an_old_or_missing_pgvector_is_refused(connection: Connection) -> None:
    with pytest.raises(MigrationError, match=r"not installed on this PostgreSQL server: install pgvector 0\.8"):
        migration._require_pgvector(None)
    for old in ("0.7.4", "0.5"):
        with pytest.raises(MigrationError, match=f"this database has {old}: run ALTER EXTENSION vector UPDATE"):
            migration._require_pgvector(await pgvector(connection, old))
    for new in ("0.8.0", "0.8", "0.10.1", "1.0.0"):
        migration._require_pgvector(await pgvector(connection, new))
