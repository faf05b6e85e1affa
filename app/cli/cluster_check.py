"""What `vectorgate doctor` looks at in a PostgreSQL cluster; past the pools, which would migrate what they open."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from app.assembly import reason
from app.cli.finding import Finding, failed, ok, warning
from app.errors import DatabaseUnavailable
from app.postgres import Cluster, Connection
from app.settings import Settings
from app.store import condition, isolation, migration
from app.store.condition import Condition

LEAST_POSTGRES: Final = 150_000
LEAST_PGVECTOR: Final = (0, 8)
MOST_SKEW_SECONDS: Final = 2.0
MOST_KEPT_BYTES: Final = 1024**3
LEAST_FREE: Final = 0.1
"""Of the disk of the embedded server."""


async def findings(
    where: str, cluster: Cluster, part: str, settings: Settings, *, known: bool = False
) -> list[Finding]:
    """All about the cluster of the catalogue, or of a region. `part`: whose migrations it has; `known`: the rest was told already."""
    what = f"database of {where}"
    try:
        async with cluster.outside() as connection:
            first = await _versions(what, connection, part)
            return [first] if known else [first, *await _more(where, connection, settings)]
    except DatabaseUnavailable as error:
        cure = "start it, or correct its URL in the settings; /readyz answers 503 until then"
        return [failed(what, reason(error), cure)]


def disk(settings: Settings) -> Iterator[Finding]:
    """The disk of the embedded server: those of others are known to their operators."""
    if settings.database_url is None:
        what, usage = "disk of the embedded server", shutil.disk_usage(_existing(settings.data_dir))
        detail = f"{usage.free / 1024**3:,.1f} GiB free in {settings.data_dir}"
        if usage.free < usage.total * LEAST_FREE:
            yield warning(what, detail, "make room: PostgreSQL stops when the disk is full")
        else:
            yield ok(what, detail)


async def _versions(what: str, connection: Connection, part: str) -> Finding:
    postgres, pgvector = await migration.versions(connection)
    missing = await migration.pending(connection, part)
    found = f"PostgreSQL {postgres // 10_000}.{postgres % 10_000}, pgvector {pgvector or 'not installed'}"
    if postgres < LEAST_POSTGRES:
        return failed(what, found, "PostgreSQL 15 or later is needed: upgrade the cluster")
    if pgvector is not None and _numbers(pgvector) < LEAST_PGVECTOR:
        return failed(
            what, found, "pgvector 0.8 or later is needed: install it, and run `alter extension vector update`"
        )
    if missing:
        return warning(what, f"{found}; not migrated yet: {', '.join(missing)}", "run `vectorgate migrate`")
    return ok(what, found)


async def _more(where: str, connection: Connection, settings: Settings) -> list[Finding]:
    return [
        row_security(where, await isolation.login(connection)),
        *judged(where, await condition.look(connection), settings),
        _indexes(where, await condition.invalid_indexes(connection)),
    ]


def judged(where: str, found: Condition, settings: Settings) -> list[Finding]:
    """What to think of the condition of a cluster."""
    return [_clock(where, found), _connections(where, found, settings), _wal(where, found)]


def row_security(where: str, login: isolation.Login) -> Finding:
    """Whether PostgreSQL keeps organizations apart, beside every statement's own condition."""
    what = f"row security of {where}"
    if login.superuser:
        return ok(what, f"in force: the login is a superuser, and statements run as {isolation.ROLE}")
    if login.bypasses:
        cure = "take BYPASSRLS from the login: `alter role … nobypassrls`; or give the gateway another one"
        return warning(
            what, "not in force: the login has BYPASSRLS, and only statements keep organizations apart", cure
        )
    return ok(what, "in force for the login")


def _clock(where: str, found: Condition) -> Finding:
    what, skew = f"clock of {where}", (found.time - datetime.now(UTC)).total_seconds()
    if abs(skew) > MOST_SKEW_SECONDS:
        return warning(
            what, f"{skew:+.1f} s from this machine's", "let both keep time by NTP: tokens and secrets expire by it"
        )
    return ok(what, f"{abs(skew):.1f} s from this machine's")


def _connections(where: str, found: Condition, settings: Settings) -> Finding:
    what, wanted = f"connections of {where}", settings.pool_size * settings.workers
    detail = f"this server may take {wanted}, and the cluster grants {found.connections}"
    if wanted > found.connections:
        return warning(what, detail, "lower VECTORGATE_POOL_SIZE or VECTORGATE_WORKERS, or raise max_connections")
    return ok(what, detail)


def _wal(where: str, found: Condition) -> Finding:
    what = f"write-ahead log of {where}"
    if found.is_standby:
        return failed(
            what,
            "the cluster is a standby, and takes no writes",
            "give the URL of the primary: target_session_attrs=read-write",
        )
    if found.kept_wal_bytes > MOST_KEPT_BYTES:
        detail = f"a replication slot that nobody reads keeps {found.kept_wal_bytes / 1024**3:,.1f} GiB"
        return warning(what, detail, "start who reads it, or drop it with pg_drop_replication_slot: the disk fills up")
    if found.archive_failures:
        detail = f"archiving fails: {found.archive_failures} times, the last time too"
        return warning(what, detail, "mend archive_command: what is not archived stays on the disk")
    return ok(what, "nothing keeps old segments")


def _indexes(where: str, invalid: list[str]) -> Finding:
    what = f"indexes of {where}"
    if invalid:
        cure = "dropVectorIndex, then createVectorIndex; of a collection, `reindex index concurrently …`"
        return failed(what, f"not built to their end, and not used: {', '.join(invalid)}", cure)
    return ok(what, "all of them are valid")


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")[:2] if part.isdigit())


def _existing(path: Path) -> Path:
    return next(each for each in (path, *path.parents) if each.exists())
