"""Usage: what providers were asked for, told by provider, model, credential, database, target and day, over all regions."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TypeVar

import structlog

from app.access import Actor
from app.domain import audit
from app.errors import BadInput, DatabaseUnavailable, GatewayError, LimitExceeded
from app.gateway import Gateway
from app.postgres import Cluster, Connection
from app.store import usage as store
from app.store.audit_event import NewEvent
from app.store.change import ClosedError, closing_is_told
from app.store.usage import Spent, UsageDimension, UsageSum

MOST_GROUPS = 10_000
USUAL_PERIOD = timedelta(days=30)
CLOSED_SECONDS = 0.05
"""Between attempts to write where it is closed: it is for milliseconds, mostly."""

EARLIEST = datetime.min.replace(tzinfo=UTC)
R = TypeVar("R")

log = structlog.get_logger(__name__)

SUMS = ("requests", "texts", "cached_texts", "errors", "unreported_requests")


@dataclass(frozen=True, slots=True, eq=False)
class _Entry:
    """What one call has spent: another's that is equal is another's still."""

    spent: Spent


@dataclass(slots=True)
class _Attempt:
    """How far a write has come."""

    committing: bool = False


async def record_alone(gateway: Gateway, region: str, spent: Spent) -> None:
    """What was spent by a call that writes nothing: in a statement before the answer, which such calls at the same time share."""
    await gateway.questions.of(("usage", region), partial(_record, gateway, region)).get(_Entry(spent))


async def _record(gateway: Gateway, region: str, entries: Sequence[_Entry]) -> Mapping[_Entry, None]:
    async with gateway.postgres.region(region).connection() as connection:
        await store.record_soon(connection, [each.spent for each in entries])
    return dict.fromkeys(entries)


async def record_failed(gateway: Gateway, region: str, spent: Spent) -> None:
    """What was spent by a call that failed. A region that is away loses the record, and hides nothing of the failure itself."""
    try:
        await record_alone(gateway, region, spent)
    except GatewayError as error:
        log.warning("usage_not_recorded", region=region, reason=error.message)


async def write(
    gateway: Gateway,
    region: str,
    spent: Sequence[Spent],
    work: Callable[[Connection], Awaitable[R]],
    event: Callable[[R], NewEvent] | None = None,
) -> R:
    """Do the work of a write in a transaction, with what it has spent; a write that fails has spent it all the same.

    Where the answer to its commit is lost, it may stand with what it has spent: better one record too few than one twice.

    The audit event of what the work answers is committed with it: what is committed is answered, and told of, wherever the catalogue
    is. Where it is closed for a moment, because a migration ends, the work is done again until it is open.
    """
    attempt = _Attempt()
    try:
        done = await _write_when_open(gateway, region, spent, work, event, attempt)
    except BaseException:
        if not attempt.committing:
            for each in spent:
                await record_failed(gateway, region, each)
        raise
    if event is not None:
        await audit.move_soon(gateway, region)
    return done


async def _write_when_open(
    gateway: Gateway,
    region: str,
    spent: Sequence[Spent],
    work: Callable[[Connection], Awaitable[R]],
    event: Callable[[R], NewEvent] | None,
    attempt: _Attempt,
) -> R:
    while True:
        try:
            return await _write_once(gateway, region, spent, work, event, attempt)
        except ClosedError:
            await asyncio.sleep(CLOSED_SECONDS)


async def _write_once(
    gateway: Gateway,
    region: str,
    spent: Sequence[Spent],
    work: Callable[[Connection], Awaitable[R]],
    event: Callable[[R], NewEvent] | None,
    attempt: _Attempt,
) -> R:
    async with gateway.postgres.region(region).transaction() as connection:
        with closing_is_told():
            done = await work(connection)
        for each in spent:
            await store.record(connection, each)
        if event is not None:
            await audit.done_in_region(gateway, connection, region, event(done))
        attempt.committing = True
    return done


async def totals(
    gateway: Gateway,
    actor: Actor,
    since: datetime | None,
    until: datetime | None,
    dimensions: Sequence[UsageDimension],
) -> list[UsageSum]:
    """Usage by group, most tokens first. Raises LimitExceeded beyond 10,000 groups.

    Raises DatabaseUnavailable, naming them, where regions are away: sums that leave one out would look like the whole.
    """
    end = until or datetime.now(UTC) + timedelta(seconds=1)
    begin = since or max(end, EARLIEST + USUAL_PERIOD) - USUAL_PERIOD
    if begin >= end:
        raise BadInput("since must lie before until.")
    wanted = list(dict.fromkeys(dimensions))

    async def of_cluster(cluster: Cluster) -> list[UsageSum]:
        async with cluster.connection() as connection:
            return await store.totals(
                connection, actor.organization_id, actor.databases, begin, end, wanted, MOST_GROUPS + 1
            )

    clusters = dict.fromkeys(gateway.postgres.regions.values())
    parts = await asyncio.gather(*(of_cluster(each) for each in clusters), return_exceptions=True)
    merged = merge(each for part in _all_told(clusters, parts) for each in part)
    if len(merged) > MOST_GROUPS:
        message = f"These dimensions make more than {MOST_GROUPS} groups: ask for a shorter time, or fewer dimensions."
        raise LimitExceeded(message, limit=MOST_GROUPS, actual=len(merged))
    return sorted(merged, key=lambda each: each.total_tokens or 0, reverse=True)


def _all_told(clusters: Iterable[Cluster], parts: Iterable[list[UsageSum] | BaseException]) -> list[list[UsageSum]]:
    told, away = list[list[UsageSum]](), list[str]()
    for cluster, part in zip(clusters, parts, strict=True):
        match part:
            case DatabaseUnavailable():
                away.append(cluster.name)
            case BaseException():
                raise part
            case _:
                told.append(part)
    if away:
        message = f"Usage is summed over all regions, and {', '.join(away)} cannot be reached at the moment; try again shortly."
        raise DatabaseUnavailable(message, region=", ".join(away))
    return told


def merge(parts: Iterable[UsageSum]) -> list[UsageSum]:
    """Sums of equal groups from several regions as one; tokens are unknown only where no part knows any."""
    merged: dict[tuple[object, ...], UsageSum] = {}
    names = [each.name for each in fields(UsageSum) if each.name not in (*SUMS, "total_tokens")]
    for part in parts:
        group = tuple(getattr(part, name) for name in names)
        known = merged.get(group)
        merged[group] = part if known is None else _sum(known, part)
    return list(merged.values())


def _sum(left: UsageSum, right: UsageSum) -> UsageSum:
    tokens = [each.total_tokens for each in (left, right) if each.total_tokens is not None]
    sums = {name: getattr(left, name) + getattr(right, name) for name in SUMS}
    return replace(left, **sums, total_tokens=sum(tokens) if tokens else None)
