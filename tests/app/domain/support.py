"""Targets for the domain's tests, without a database."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import uuid4

from app.store.record import Attachment, Collection, DatabaseStatus, Metric, Resolved


def resolved(
    dimension: int | None = 2, metric: Metric = Metric.COSINE, *, attached: bool = False
) -> Resolved[Collection]:
    """A collection named `books` as a request finds it."""
    home = Collection(
        id=uuid4(),
        organization_id=uuid4(),
        database_id=uuid4(),
        name="books",
        dimension=dimension,
        metric=metric if dimension else None,
        region="local",
        created_at=datetime.now(UTC),
    )
    attachment = _attachment(home) if attached else None
    return Resolved(home, "library", DatabaseStatus.ACTIVE, attachment, secret=None, in_scope=False)


def _attachment(home: Collection) -> Attachment:
    return Attachment(
        id=uuid4(),
        organization_id=home.organization_id,
        database_id=home.database_id,
        target_id=home.id,
        column_id=None,
        column_name=None,
        provider="local",
        integration_id=None,
        credential_name=None,
        model="wordllama-256",
        dimension=home.dimension or 0,
        parameters={},
    )
