"""The audit log's rules: every mutation leaves an event, in the transaction that makes it true; details never hold a secret or a text.

A write in a region whose cluster is not the catalogue's commits its event there, in an outbox; from there it is moved to the catalogue.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Final, TypeAlias
from uuid import UUID

import structlog

from app.access import Actor, Permission
from app.domain import role
from app.errors import DatabaseUnavailable, GatewayError
from app.gateway import Gateway
from app.notification import Topic
from app.page import Page, after_id, check_first, id_cursor
from app.postgres import Connection
from app.store import audit_event, audit_outbox
from app.store.audit_event import NewEvent
from app.store.record import AuditEvent, new_id

DONE = "done"

MOST_AT_ONCE = 100
"""Events that a follower reads at a time."""

AGAIN_SECONDS = 1.0
"""How long a follower waits while the database is away."""

MOVING_SECONDS: Final = 2.0
"""How long a write that is committed waits for the catalogue to get its event, before the event is left to the sweep."""

Note: TypeAlias = Callable[[Connection], Awaitable[None]]
"""Writes an event in a transaction that somebody else opens."""

log = structlog.get_logger(__name__)


def event(
    actor: Actor, action: str, kind: str, target_id: UUID | str, target_name: str | None, **details: object
) -> NewEvent:
    """That `actor` did `action` (a mutation's name in snake case) to the `kind` of this id."""
    return _event(actor, action, f"{kind}:{target_id}", target_name, DONE, details)


async def done(
    connection: Connection,
    actor: Actor,
    action: str,
    kind: str,
    target_id: UUID | str,
    target_name: str | None,
    **details: object,
) -> None:
    """Add such an event to the catalogue, in the transaction that makes it true."""
    await audit_event.append(connection, event(actor, action, kind, target_id, target_name, **details))


async def done_in_region(gateway: Gateway, connection: Connection, region: str, told: NewEvent) -> None:
    """Add an event in the transaction of a write in this region, last in it: to the catalogue if that is there, else to the outbox."""
    if gateway.postgres.region(region) is gateway.postgres.catalogue:
        await audit_event.append(connection, told)
    else:
        await audit_outbox.put(connection, told)


async def move_soon(gateway: Gateway, region: str) -> None:
    """Once a write in this region is committed: move its event now if that can be done, else the sweep does it. Never fails."""
    if gateway.postgres.region(region) is gateway.postgres.catalogue:
        return
    try:
        async with asyncio.timeout(MOVING_SECONDS):
            await move(gateway, region)
    except (GatewayError, TimeoutError) as failure:
        log.warning("audit_event_left_for_the_sweep", region=region, reason=str(failure))


async def move(gateway: Gateway, region: str) -> None:
    """Move what is in a region's outbox to the catalogue. Several may do it at once: an event is there once, by its id."""
    cluster = gateway.postgres.region(region)
    while True:
        async with cluster.connection() as connection:
            events = await audit_outbox.oldest(connection, MOST_AT_ONCE)
        for each in events:
            async with gateway.postgres.catalogue.connection() as connection:
                await audit_event.append(connection, each)
        async with cluster.connection() as connection:
            await audit_outbox.delete(connection, events)
        if len(events) < MOST_AT_ONCE:
            return


async def refused(
    gateway: Gateway, actor: Actor, action: str, code: str, target: str | None, details: dict[str, object]
) -> None:
    """Note that something was refused with an error code. `target`: the `kind:id` that it was about. See refusal.py."""
    async with gateway.postgres.catalogue.connection() as connection:
        await audit_event.append(connection, _event(actor, action, target, None, code, details))


async def page(
    gateway: Gateway, actor: Actor, *, first: int, after: str | None, action: str | None, target: str | None
) -> Page[AuditEvent]:
    """Events of the organization, newest first. `target`: `kind:id`."""
    actor.require(Permission.MANAGE_ACCESS)
    check_first(first)
    async with gateway.postgres.catalogue.connection() as connection:
        found = await audit_event.page(connection, actor.organization_id, action, target, after_id(after), first + 1)
    return Page.of(found, first, after, lambda event: id_cursor(event.id))


async def count(gateway: Gateway, actor: Actor, *, action: str | None, target: str | None) -> int:
    """How many events `page` would go through."""
    actor.require(Permission.MANAGE_ACCESS)
    async with gateway.postgres.catalogue.connection() as connection:
        return await audit_event.count(connection, actor.organization_id, action, target)


async def follow(gateway: Gateway, actor: Actor, *, action: str | None) -> AsyncGenerator[AuditEvent, None]:
    """Events of the organization from now on, whichever replica they happen on: each once, in the order of their commits.

    Raises PermissionDenied instead of the next event when the permission has been lost since.
    """
    actor.require(Permission.MANAGE_ACCESS)
    async with gateway.postgres.catalogue.connection() as connection:
        last = await audit_event.last_number(connection, actor.organization_id)
    return _since(gateway, actor, action, last)


async def _since(gateway: Gateway, actor: Actor, action: str | None, last: int) -> AsyncGenerator[AuditEvent, None]:
    with gateway.hub.changes(Topic.AUDIT_EVENT, actor.organization_id) as changes:
        while True:
            await changes.wait()
            while found := await _next(gateway, actor, last):
                for event in found:
                    last = event.number
                    if action in (None, event.action):
                        yield event


async def _next(gateway: Gateway, actor: Actor, last: int) -> list[AuditEvent]:
    """The events that come after a number; while the database is away nothing happens that could be missed."""
    while True:
        try:
            async with gateway.postgres.catalogue.connection() as connection:
                found = await audit_event.since(connection, actor.organization_id, last, MOST_AT_ONCE)
                if found:
                    (await role.as_now(connection, actor)).require(Permission.MANAGE_ACCESS)
                return found
        except DatabaseUnavailable:
            await asyncio.sleep(AGAIN_SECONDS)


def _event(
    actor: Actor,
    action: str,
    target_id: str | None,
    target_name: str | None,
    outcome: str,
    details: dict[str, object],
) -> NewEvent:
    return NewEvent(
        id=new_id(),
        organization_id=actor.organization_id,
        actor=actor.name,
        actor_id=actor.identifier,
        action=action,
        target_id=target_id,
        target_name=target_name,
        outcome=outcome,
        details=details,
        request_id=actor.request_id,
        address=actor.address,
    )
