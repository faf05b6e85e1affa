"""Brings a cluster's own schemas up to date: plain SQL files, each in a transaction, in order, once, under an advisory lock."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from app.postgres import Connection

FOLDER = Path(__file__).parent.parent / "migrations"
LOCK = 0x7645_6374_6F72  # "vEctor": one lock for all replicas that start together

MINIMUM_POSTGRES = 150_000
MINIMUM_PGVECTOR = (0, 8)

_LOCK = "select pg_advisory_lock($1)"
_UNLOCK = "select pg_advisory_unlock($1)"
_EXTENSION = "create extension if not exists vector schema public"
_RECORD_TABLE = """
    create schema if not exists vectorgate;
    create table if not exists vectorgate.migration (
        name text primary key,
        sha256 bytea not null,
        applied_at timestamptz not null default now()
    )"""
_DONE = "select name, sha256 from vectorgate.migration"
_RECORD = "insert into vectorgate.migration (name, sha256) values ($1, $2)"
_VERSIONS = """
    select current_setting('server_version_num')::int as postgres, installed_version as pgvector, nspname as schema
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
    return [Migration(f"{part}/{path.name}", path.read_text()) for path in sorted((FOLDER / part).glob("*.sql"))]


async def migrate(connection: Connection, *parts: str) -> list[str]:
    """Apply what is missing and answer its names. Raises MigrationError; what a failed file did is undone."""
    await connection.execute(_LOCK, LOCK)
    try:
        await _prepare(connection)
        done = {row["name"]: row["sha256"] for row in await connection.fetch(_DONE)}
        missing = [each for part in parts for each in migrations(part) if not _is_done(each, done)]
        for migration in missing:
            async with connection.transaction():
                await connection.execute(migration.sql)
                await connection.execute(_RECORD, migration.name, migration.sha256)
        return [migration.name for migration in missing]
    finally:
        await connection.execute(_UNLOCK, LOCK)


async def pending(connection: Connection, *parts: str) -> list[str]:
    """Names of the migrations that this cluster has not had."""
    done = {row["name"] for row in await connection.fetch(_DONE)}
    return [each.name for part in parts for each in migrations(part) if each.name not in done]


async def versions(connection: Connection) -> tuple[int, str | None]:
    """PostgreSQL's version number (180004) and pgvector's version; None when it is not installed."""
    row = await connection.fetchrow(_VERSIONS)
    return (row["postgres"], row["pgvector"]) if row else (connection.get_server_version().major * 10_000, None)


async def _prepare(connection: Connection) -> None:
    await _require_versions(connection)
    await connection.execute(_RECORD_TABLE)


async def _require_versions(connection: Connection) -> None:
    row = await connection.fetchrow(_VERSIONS)
    if row is None:
        raise MigrationError(
            "The extension pgvector is not installed on this PostgreSQL server: install pgvector 0.8 or later."
        )
    if row["postgres"] < MINIMUM_POSTGRES:
        raise MigrationError(
            f"PostgreSQL {MINIMUM_POSTGRES // 10_000} or later is needed, this server has {row['postgres'] // 10_000}."
        )
    if row["pgvector"] is None:
        await connection.execute(_EXTENSION)
        row = await connection.fetchrow(_VERSIONS)
        assert row is not None  # noqa: S101 - it was there a statement ago
    if tuple(int(part) for part in row["pgvector"].split(".")[:2]) < MINIMUM_PGVECTOR:
        raise MigrationError(
            f"pgvector 0.8 or later is needed, this database has {row['pgvector']}: run ALTER EXTENSION vector UPDATE."
        )
    if row["schema"] != "public":
        raise MigrationError(
            f"The extension vector is in schema {row['schema']!r}: run ALTER EXTENSION vector SET SCHEMA public."
        )


def _is_done(migration: Migration, done: dict[str, bytes]) -> bool:
    recorded = done.get(migration.name)
    if recorded is not None and recorded != migration.sha256:
        raise MigrationError(
            f"{migration.name} is not the file that this database was migrated with: never edit a released migration."
        )
    return recorded is not None
