"""What does each kind of job. A kind that is not here waits for a version of the gateway that knows it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from app.domain import collection_migration, column_migration, embed_missing, index_build
from app.domain.job import Handler
from app.store.record import JobKind

HANDLERS: Final[Mapping[JobKind, Handler]] = {
    JobKind.MIGRATE_COLLECTION: collection_migration.HANDLER,
    JobKind.MIGRATE_VECTOR_COLUMN: column_migration.HANDLER,
    JobKind.EMBED_MISSING: embed_missing.HANDLER,
    JobKind.BUILD_INDEX: index_build.HANDLER,
}
