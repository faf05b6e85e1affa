"""The audit log's rules: every mutation leaves an event, in the transaction that makes it true; details never hold a secret or a text."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import TypeAlias
from uuid import UUID

from app.access import Actor, Permission
from app.errors import DatabaseUnavailable
from app.gateway import Gateway
from app.notification import Topic
from app.page import Page, after_id, check_first, id_cursor
from app.postgres import Connection
from app.store import audit_event
from app.store.record import AuditEvent

DONE = "done"

MOST_AT_ONCE = 100
"""Events that a follower reads at a time."""

AGAIN_SECONDS = 1.0
"""How long a follower waits while the database is away."""

Note: TypeAlias = Callable[[Connection], Awaitable[None]]
"""Writes an event in a transaction that somebody else opens."""


async def done(
    connection: Connection,
    actor: Actor,
    action: str,
    kind: str,
    target_id: UUID | str,
    target_name: str | None,
    **details: object,
) -> None:
    """Note that `actor` did `action` (a mutation's name in snake case) to the `kind` of this id."""
    await _append(connection, actor, action, f"{kind}:{target_id}", target_name, DONE, details)


async def refused(gateway: Gateway, actor: Actor, action: str, code: str, target: str | None) -> None:
    """Note that a mutation was refused with an error code. `target`: the `kind:id` that it was about."""
    async with gateway.postgres.catalogue.connection() as connection:
        await _append(connection, actor, action, target, None, code, {})


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
    """Events of the organization from now on, whichever replica they happen on: each once, in the order of their commits."""
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
                return await audit_event.since(connection, actor.organization_id, last, MOST_AT_ONCE)
        except DatabaseUnavailable:
            await asyncio.sleep(AGAIN_SECONDS)


async def _append(
    connection: Connection,
    actor: Actor,
    action: str,
    target_id: str | None,
    target_name: str | None,
    outcome: str,
    details: dict[str, object],
) -> None:
    await audit_event.append(
        connection,
        actor.organization_id,
        actor=actor.token_name,
        action=action,
        target_id=target_id,
        target_name=target_name,
        outcome=outcome,
        details=details,
        request_id=actor.request_id,
        address=actor.address,
    )
