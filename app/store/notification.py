"""SQL of notifications: they are sent when the transaction commits, and only then."""

from __future__ import annotations

from uuid import UUID

from app.notification import Topic
from app.postgres import Connection

_NOTIFY = "select pg_notify($1, $2)"


async def notify(connection: Connection, topic: Topic, organization_id: UUID) -> None:
    """Tell every process that something of the organization has changed."""
    await connection.execute(_NOTIFY, topic.value, str(organization_id))
