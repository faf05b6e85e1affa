"""Brings a cluster's own schemas up to date: plain SQL files, each in a transaction, in order, once, under an advisory lock."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from app.postgres import Connection, Row, transaction

FOLDER = Path(__file__).parent.parent / "migrations"
LOCK = 0x7645_6374_6F72  # "vEctor": one lock for all replicas that start together

MINIMUM_POSTGRES = 150_000
MINIMUM_PGVECTOR = (0, 8)

_LOCK = "select pg_advisory_lock($1)"
_UNLOCK = "select pg_advisory_unlock($1)"
_EXTENSION = "create extension if not exists vector schema public"
_IS_PREPARED = "select to_regclass('vectorgate.migration') is not null"
_RECORD_TABLE = """
    create schema if not exists vectorgate;
    create table vectorgate.migration (
        name text primary key,
        sha256 bytea not null,
        applied_at timestamptz not null default now()
    )"""
_DONE = "select name, sha256 from vectorgate.migration"
_RECORD = "insert into vectorgate.migration (name, sha256) values ($1, $2)"
_POSTGRES = "select current_setting('server_version_num')::int"
_PGVECTOR = """
    select installed_version as version, nspname as schema
    from pg_available_extensions
    left join pg_extension on extname = name
    left join pg_namespace on pg_namespace.oid = extnamespace
    where name = 'vector'"""


class MigrationError(Exception):
    """The cluster cannot be brought up to date; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One file: its name within the folder (`catalogue/0001_catalogue.sql`) and its text."""

    name: str
    sql: str

    @property
    def sha256(self) -> bytes:
        return hashlib.sha256(self.sql.encode()).digest()


def migrations(part: str) -> list[Migration]:
    """The migrations of a part (`catalogue` or `region`), in order."""
    return [
        Migration(f"{part}/{path.name}", path.read_text(encoding="utf-8"))
        for path in sorted((FOLDER / part).glob("*.sql"))
    ]


async def migrate(connection: Connection, *parts: str) -> list[str]:
    """Apply what is missing and answer its names. Raises MigrationError; what a failed file did is undone."""
    await connection.execute(_LOCK, LOCK)
    try:
        await _prepare(connection)
        done = await _done(connection)
        missing = [each for part in parts for each in migrations(part) if not _is_done(each, done)]
        for migration in missing:
            await _apply(connection, migration)
        return [migration.name for migration in missing]
    finally:
        if not connection.is_closed():
            await connection.execute(_UNLOCK, LOCK)


async def pending(connection: Connection, *parts: str) -> list[str]:
    """Names of the migrations that this cluster has not had."""
    done = await _done(connection)
    return [each.name for part in parts for each in migrations(part) if each.name not in done]


async def versions(connection: Connection) -> tuple[int, str | None]:
    """PostgreSQL's version number (180004) and pgvector's version; None when it is not installed in this database."""
    row = await connection.fetchrow(_PGVECTOR)
    return await connection.fetchval(_POSTGRES), row["version"] if row else None


async def _done(connection: Connection) -> dict[str, bytes]:
    """Name -> hash of the migrations that this cluster has had."""
    if not await connection.fetchval(_IS_PREPARED):
        return {}
    return {row["name"]: row["sha256"] for row in await connection.fetch(_DONE)}


async def _apply(connection: Connection, migration: Migration) -> None:
    with _told(migration.name):
        async with transaction(connection):
            await connection.execute(migration.sql)
            await connection.execute(_RECORD, migration.name, migration.sha256)


async def _prepare(connection: Connection) -> None:
    """What migrations themselves need. An existing schema is left alone: later on, this needs no right to make one."""
    _require_postgres(await connection.fetchval(_POSTGRES))
    row = await connection.fetchrow(_PGVECTOR)
    if row is not None and row["version"] is None:
        with _told("The extension vector"):
            await connection.execute(_EXTENSION)
        row = await connection.fetchrow(_PGVECTOR)
    _require_pgvector(row)
    if not await connection.fetchval(_IS_PREPARED):
        with _told("The schema vectorgate"):
            await connection.execute(_RECORD_TABLE)


def _require_postgres(version: int) -> None:
    if version < MINIMUM_POSTGRES:
        raise MigrationError(
            f"PostgreSQL {MINIMUM_POSTGRES // 10_000} or later is needed, and this server has {version // 10_000}."
        )


def _require_pgvector(row: Row | None) -> None:
    if row is None:
        raise MigrationError(
            "The extension pgvector is not installed on this PostgreSQL server: install pgvector 0.8 or later."
        )
    if tuple(int(part) for part in row["version"].split(".")[:2]) < MINIMUM_PGVECTOR:
        raise MigrationError(
            f"pgvector 0.8 or later is needed, and this database has {row['version']}: run ALTER EXTENSION vector UPDATE."
        )
    if row["schema"] != "public":
        raise MigrationError(
            f"The extension vector is in schema {row['schema']!r}: run ALTER EXTENSION vector SET SCHEMA public."
        )


@contextmanager
def _told(what: str) -> Iterator[None]:
    """A refusal of PostgreSQL, a missing right say, in words for the operator. A cluster that went away is none."""
    try:
        yield
    except (asyncpg.PostgresConnectionError, asyncpg.OperatorInterventionError):
        raise
    except asyncpg.PostgresError as error:
        raise MigrationError(f"{what} was not applied: PostgreSQL says {error.message!r}.") from error


def _is_done(migration: Migration, done: dict[str, bytes]) -> bool:
    recorded = done.get(migration.name)
    if recorded is not None and recorded != migration.sha256:
        raise MigrationError(
            f"{migration.name} is not the file that this database was migrated with: never edit a released migration."
        )
    return recorded is not None
