"""SQL of usage: one row a call, in the region of what was embedded; after a day, one row an hour."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from app.postgres import Connection
from app.store.record import records

_COLUMNS = """
    organization_id, provider, model, credential_name, database_id, database_name, target_id, target_name,
    requests, texts, cached_texts, errors, total_tokens, unreported_requests"""
_INSERT = f"""
    insert into vectorgate_region.usage ({_COLUMNS}) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)"""
# Nobody waits for the disk: a crash may lose a search's record.
_INSERT_SOON = f"""
    with relaxed as (select set_config('synchronous_commit', 'off', true))
    insert into vectorgate_region.usage ({_COLUMNS})
    select spent.* from relaxed cross join unnest(
        $1::uuid[], $2::text[], $3::text[], $4::text[], $5::uuid[], $6::text[], $7::uuid[], $8::text[],
        $9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[], $13::bigint[], $14::bigint[]) as spent"""
_SUMS = """
    sum(requests)::bigint as requests, sum(texts)::bigint as texts, sum(cached_texts)::bigint as cached_texts,
    sum(errors)::bigint as errors, sum(total_tokens)::bigint as total_tokens, sum(unreported_requests)::bigint as unreported_requests"""
_COMPACT = f"""
    with old as (
        delete from vectorgate_region.usage
        where at < date_trunc('hour', now()) - interval '1 day' and at <> date_trunc('hour', at) returning *
    )
    insert into vectorgate_region.usage
    select date_trunc('hour', at), organization_id, provider, model, credential_name, database_id, database_name, target_id, target_name,
        {_SUMS}
    from old group by 1, 2, 3, 4, 5, 6, 7, 8, 9"""


class UsageDimension(StrEnum):
    """What usage can be told apart by."""

    PROVIDER = "PROVIDER"
    MODEL = "MODEL"
    CREDENTIAL = "CREDENTIAL"
    DATABASE = "DATABASE"
    TARGET = "TARGET"
    DAY = "DAY"


GROUPS = {
    UsageDimension.PROVIDER: ("provider",),
    UsageDimension.MODEL: ("model",),
    UsageDimension.CREDENTIAL: ("credential_name",),
    UsageDimension.DATABASE: ("database_id", "database_name"),
    UsageDimension.TARGET: ("target_id", "target_name"),
    UsageDimension.DAY: ("day",),
}
"""Dimension -> the columns that it groups by."""


@dataclass(frozen=True, slots=True)
class Spent:
    """What one call asked of a provider, and for what."""

    organization_id: UUID
    provider: str
    model: str
    credential_name: str | None
    database_id: UUID
    database_name: str
    target_id: UUID
    target_name: str
    requests: int
    texts: int
    cached_texts: int
    errors: int
    total_tokens: int | None
    unreported_requests: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageSum:
    """Usage of a group: the columns of its dimensions, and sums."""

    provider: str | None = None
    model: str | None = None
    credential_name: str | None = None
    database_id: UUID | None = None
    database_name: str | None = None
    target_id: UUID | None = None
    target_name: str | None = None
    day: date | None = None
    requests: int
    texts: int
    cached_texts: int
    errors: int
    total_tokens: int | None
    unreported_requests: int


async def record(connection: Connection, spent: Spent) -> None:
    """Add what a call has spent; in the transaction of the write that it was for."""
    await connection.execute(_INSERT, *(getattr(spent, field) for field in Spent.__slots__))


async def record_soon(connection: Connection, spent: Sequence[Spent]) -> None:
    """Add what calls without a write have spent: readable at once, on disk a moment later."""
    await connection.execute(_INSERT_SOON, *([getattr(each, field) for each in spent] for field in Spent.__slots__))


async def totals(
    connection: Connection,
    organization_id: UUID,
    databases: Sequence[UUID] | None,
    since: datetime,
    until: datetime,
    dimensions: Sequence[UsageDimension],
    limit: int,
) -> list[UsageSum]:
    """Sums from `since` (inclusive) to `until` (exclusive), at most `limit` groups."""
    columns = [column for dimension in dimensions for column in GROUPS[dimension]]
    grouped = f"group by {', '.join(columns)}" if columns else "having count(*) > 0"
    rows = await connection.fetch(
        f"""
        select {"".join(f"{column}, " for column in columns)} {_SUMS}
        from (
            select *, (at at time zone 'UTC')::date as day from vectorgate_region.usage
            where organization_id = $1 and ($2::uuid[] is null or database_id = any($2)) and at >= $3 and at < $4
        ) as used
        {grouped} limit $5""",
        organization_id,
        databases,
        since,
        until,
        limit,
    )
    return records(UsageSum, rows)


async def compact(connection: Connection) -> None:
    """Make one row an hour of what is older than a day; housekeeping over all organizations."""
    await connection.execute(_COMPACT)
