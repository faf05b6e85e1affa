"""The rows that the store answers, as frozen values. No behaviour beyond what a row says by itself."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Generic, TypeVar
from uuid import UUID

import numpy as np
import uuid_utils
from numpy.typing import NDArray

from app.postgres import Row
from app.secret import Sealed

Vector = NDArray[np.float32]
R = TypeVar("R")


def new_id() -> UUID:
    """A UUIDv7: unique, and in order of creation."""
    return UUID(bytes=uuid_utils.uuid7().bytes)


def record(kind: type[R], row: Row | None) -> R:
    """A record of `kind` from a row whose columns have the names of its fields. Raises LookupError where there is no row."""
    if row is None:
        raise LookupError(kind.__name__)
    return kind(**dict(row.items()))


def records(kind: type[R], rows: Iterable[Row]) -> list[R]:
    return [record(kind, row) for row in rows]


class DatabaseStatus(StrEnum):
    """How far a database's schema in its region has come."""

    INITIALIZING = "INITIALIZING"
    ACTIVE = "ACTIVE"
    ERROR = "ERROR"


class Metric(StrEnum):
    """How the distance between two vectors is measured."""

    COSINE = "COSINE"
    DOT_PRODUCT = "DOT_PRODUCT"
    EUCLIDEAN = "EUCLIDEAN"


class ColumnType(StrEnum):
    """What a column of a table holds."""

    TEXT = "TEXT"
    INT = "INT"
    BIGINT = "BIGINT"
    DOUBLE = "DOUBLE"
    BOOLEAN = "BOOLEAN"
    TIMESTAMP = "TIMESTAMP"
    UUID = "UUID"
    JSON = "JSON"
    VECTOR = "VECTOR"


class VectorIndexStatus(StrEnum):
    """How far a vector index has come; a column can be searched when it is READY."""

    BUILDING = "BUILDING"
    READY = "READY"
    FAILED = "FAILED"


class JobKind(StrEnum):
    """What a job does."""

    MIGRATE_COLLECTION = "MIGRATE_COLLECTION"
    MIGRATE_VECTOR_COLUMN = "MIGRATE_VECTOR_COLUMN"
    EMBED_MISSING = "EMBED_MISSING"
    BUILD_INDEX = "BUILD_INDEX"


class JobStatus(StrEnum):
    """How far a job has come."""

    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"

    @property
    def ended(self) -> bool:
        return self not in (JobStatus.QUEUED, JobStatus.RUNNING)


@dataclass(frozen=True, slots=True)
class Organization:
    id: UUID
    name: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Integration:
    """An external provider that the organization has enabled."""

    id: UUID
    organization_id: UUID
    provider: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Credential:
    """What may be shown of a credential; its secret is read only by `attachment.resolve` and `credential.sealed`."""

    id: UUID
    organization_id: UUID
    integration_id: UUID
    provider: str
    name: str
    hint: str
    version: int
    created_at: datetime
    rotated_at: datetime | None
    last_used_at: datetime | None
    previous_version: int | None
    previous_hint: str | None
    previous_created_at: datetime | None
    previous_expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class SealedSecret:
    """A credential's secret, closed."""

    credential_id: UUID
    organization_id: UUID
    version: int
    sealed: Sealed


@dataclass(frozen=True, slots=True)
class Database:
    id: UUID
    organization_id: UUID
    name: str
    region: str
    status: DatabaseStatus
    created_at: datetime


@dataclass(frozen=True, slots=True)
class ScopedDatabase:
    id: UUID
    organization_id: UUID
    credential_id: UUID
    database_id: UUID
    added_at: datetime


@dataclass(frozen=True, slots=True)
class Attachment:
    """An integration in use by a collection (`column_id` and `column_name` null) or a vector column."""

    id: UUID
    organization_id: UUID
    database_id: UUID
    target_id: UUID
    column_id: UUID | None
    column_name: str | None
    provider: str
    integration_id: UUID | None
    credential_name: str | None
    model: str
    dimension: int
    parameters: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Collection:
    id: UUID
    organization_id: UUID
    database_id: UUID
    name: str
    dimension: int | None
    metric: Metric | None
    region: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class VectorIndex:
    name: str
    metric: Metric
    status: VectorIndexStatus


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table. `key_position`: its place in the primary key, from 1. `dimension`: of a vector column."""

    id: UUID
    organization_id: UUID
    table_id: UUID
    name: str
    type: ColumnType
    nullable: bool
    position: int
    key_position: int | None
    dimension: int | None
    source_column_id: UUID | None
    """The text column that this vector column is kept in step with."""
    migrating: bool
    """Whether a job fills it to take the place of another; nobody sees it until then, but writes keep it right."""
    index: VectorIndex | None
    retired: bool = False
    """Whether another has taken its place: it is kept, and not written to any more."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table with all of its columns, in their order; those in migration too."""

    id: UUID
    organization_id: UUID
    database_id: UUID
    name: str
    region: str
    version: int
    """Raised with every change that a write must know of."""
    created_at: datetime
    columns: tuple[Column, ...]

    @property
    def key(self) -> tuple[Column, ...]:
        """The primary key's columns, in the key's order."""
        keyed = [each for each in self.columns if each.key_position is not None]
        return tuple(sorted(keyed, key=lambda each: each.key_position or 0))

    @property
    def shown(self) -> tuple[Column, ...]:
        """The columns that can be seen."""
        return tuple(each for each in self.columns if not each.migrating)

    @property
    def vectors(self) -> tuple[Column, ...]:
        """All vector columns, those in migration too."""
        return tuple(each for each in self.columns if each.type is ColumnType.VECTOR)

    def column(self, name: str) -> Column | None:
        """The column of this name that can be seen."""
        return next((each for each in self.shown if each.name == name), None)


Target_co = TypeVar("Target_co", bound=Collection | Table, covariant=True)


@dataclass(frozen=True, slots=True)
class Resolved(Generic[Target_co]):
    """A target with all that one use of it needs, read at once: where it is, how it embeds, and what the credential says now.

    Of a table: one of its vector columns.
    """

    target: Target_co
    database_name: str
    database_status: DatabaseStatus
    attachment: Attachment | None
    secret: SealedSecret | None
    in_scope: bool


@dataclass(frozen=True, slots=True)
class ResolvedTable:
    """A table, and how each of its vector columns embeds now, by column id."""

    table: Table
    database_name: str
    database_status: DatabaseStatus
    uses: dict[UUID, Resolved[Table]]


@dataclass(frozen=True, slots=True)
class AccessToken:
    id: UUID
    organization_id: UUID
    name: str
    hint: str
    roles: list[str]
    database_ids: list[UUID] | None
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class Role:
    """A role that an organization has made: names of permissions, under a name of its own."""

    id: UUID
    organization_id: UUID
    name: str
    permissions: list[str]
    description: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """`number` orders the events of an organization as they became true. `actor_id` tells actors of one name from each other."""

    id: UUID
    organization_id: UUID
    number: int
    occurred_at: datetime
    actor: str
    actor_id: UUID | None
    action: str
    target_id: str | None
    target_name: str | None
    outcome: str
    details: dict[str, Any]
    request_id: str
    address: str


@dataclass(frozen=True, slots=True)
class Job:
    """Work that outlives its request. Target and result may have been dropped since."""

    id: UUID
    organization_id: UUID
    database_id: UUID
    kind: JobKind
    status: JobStatus
    target_id: UUID
    target_name: str
    column_name: str | None
    result_id: UUID | None
    details: dict[str, Any]
    """What its handler needs to know, as JSON values."""
    total: int
    processed: int
    failed: int
    error_code: str | None
    error: str | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    attempt: int
    """Raised whenever a worker takes it or gives it back: whoever works on it is told from those before by this number."""


@dataclass(frozen=True, slots=True)
class Document:
    """A document; `body`, `text` and `vector` are None where the caller did not ask for them."""

    key: str
    created_at: datetime
    updated_at: datetime
    body: dict[str, Any] | None
    text: str | None
    vector: Vector | None


@dataclass(frozen=True, slots=True)
class TableRow:
    """A row of a table, as far as it was asked for: `fields` and `vectors` by column name, fields as JSON values."""

    key: str
    created_at: datetime
    fields: dict[str, Any]
    vectors: dict[str, Vector | None]


@dataclass(frozen=True, slots=True)
class Neighbour(Generic[R]):
    """A document or row and its distance, as the metric defines it, to a query vector."""

    record: R
    distance: float


@dataclass(frozen=True, slots=True)
class Neighbours(Generic[R]):
    """The nearest records in order, and whether every stored vector was compared."""

    nearest: list[Neighbour[R]]
    exact: bool
