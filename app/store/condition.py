"""SQL that looks at a cluster and changes nothing: what an operator may have to mend."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from app.postgres import Connection
from app.store.record import record

_CONDITION = """
    select clock_timestamp() as time,
        current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int as connections,
        pg_is_in_recovery() as is_standby,
        (select coalesce(max(
            case when not pg_is_in_recovery() then pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn) end), 0)::bigint
         from pg_catalog.pg_replication_slots where not active) as kept_wal_bytes,
        (select coalesce(max(case when last_failed_time > coalesce(last_archived_time, '-infinity') then failed_count end), 0)::bigint
         from pg_catalog.pg_stat_archiver) as archive_failures"""
# One that is being built is not valid yet, either: a build of an hour is no fault.
_INVALID = """
    select namespace.nspname || '.' || index.relname as name
    from pg_catalog.pg_index join pg_catalog.pg_class index on index.oid = indexrelid
    join pg_catalog.pg_namespace namespace on namespace.oid = index.relnamespace
    where not indisvalid and (namespace.nspname like 'vg\\_%' or namespace.nspname like 'vectorgate%')
        and not exists (select from pg_catalog.pg_stat_progress_create_index where index_relid = indexrelid)
    order by name"""


@dataclass(frozen=True, slots=True)
class Condition:
    """`connections`: those that a cluster grants; `kept_wal_bytes`: by a replication slot that nobody reads."""

    time: datetime
    connections: int
    is_standby: bool
    kept_wal_bytes: int
    archive_failures: int


async def look(connection: Connection) -> Condition:
    """How the cluster is."""
    return record(Condition, await connection.fetchrow(_CONDITION))


async def invalid_indexes(connection: Connection) -> list[str]:
    """Names of those of our indexes that were not built to their end, and are not used."""
    return [row["name"] for row in await connection.fetch(_INVALID)]
