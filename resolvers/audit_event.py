"""The audit log in GraphQL."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated

import strawberry

from app.access import SUBJECT_MARK, Permission
from app.domain import audit
from app.store import record
from resolvers.context import Info
from resolvers.node import Node, global_id, split
from resolvers.permission import needing
from resolvers.scalar import JSONObject


@strawberry.type(description="Something that was done, or refused.")
class AuditEvent(Node):
    occurred_at: dt.datetime = strawberry.field(description="When.")
    actor: str = strawberry.field(
        description="The name of the access token that did it, or oidc: and the subject; operator for commands."
    )
    action: str = strawberry.field(
        description="The mutation's name in snake case, such as rotate_credential; or that of a field whose permission was refused."
    )
    target_id: strawberry.ID | None = strawberry.field(description="What it was done to; it may be gone.")
    target_name: str | None = strawberry.field(description="What that was called then.")
    outcome: str = strawberry.field(description="done, or the error code of the refusal.")
    details: JSONObject = strawberry.field(
        description="Facts such as counts and versions, with request id, address and the actor's tokenId; never a secret or a text."
    )

    @classmethod
    def of(cls, event: record.AuditEvent) -> AuditEvent:
        kind, _, key = (event.target_id or "").partition(":")
        return cls(
            id=global_id("AuditEvent", event.id),
            occurred_at=event.occurred_at,
            actor=event.actor,
            action=event.action,
            target_id=global_id(kind, key) if key else None,
            target_name=event.target_name,
            outcome=event.outcome,
            details=_details(event),
        )


def _details(event: record.AuditEvent) -> dict[str, object]:
    """As callers have ids: those of databases, and of the access token; another actor's tells its like apart, and names nothing."""
    told: dict[str, object] = {**event.details, "requestId": event.request_id, "address": event.address}
    if (databases := event.details.get("databaseIds")) is not None:
        told["databaseIds"] = [global_id("Database", each) for each in databases]
    if event.actor_id is not None:
        is_token = not event.actor.startswith(SUBJECT_MARK)
        told["tokenId"] = global_id("AccessToken", event.actor_id) if is_token else str(event.actor_id)
    return told


@strawberry.type
class AuditEventSubscription:
    @strawberry.subscription(
        **needing(
            Permission.MANAGE_ACCESS,
            "What is done and refused in the organization from now on, on any replica, each event once and in order.",
        )
    )
    async def audit_events(
        self,
        info: Info,
        action: Annotated[
            str | None, strawberry.argument(description="Only this mutation's, in snake case: rotate_credential.")
        ] = None,
    ) -> AsyncGenerator[AuditEvent, None]:
        followed = await audit.follow(info.context.gateway, info.context.actor, action=action)
        return _shown(followed)


async def _shown(followed: AsyncGenerator[record.AuditEvent, None]) -> AsyncGenerator[AuditEvent, None]:
    async with aclosing(followed):
        async for event in followed:
            yield AuditEvent.of(event)


def stored_target(identifier: str | None) -> str | None:
    """An id as the log keeps it; one that no server made matches nothing."""
    if identifier is None:
        return None
    return ":".join(split(identifier) or ("", ""))
