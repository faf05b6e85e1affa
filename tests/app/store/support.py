"""Collections and documents for the store's tests, without a gateway."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from uuid import uuid4

from hypothesis import strategies as st

from app.postgres import Connection
from app.store import collection as collections
from app.store import document
from app.store.document import NewDocument
from app.store.identifier import schema
from app.store.key import encode_key
from app.store.record import Collection, Metric, Vector
from tests.app.store.plain import Json

# --- JSON that is hard to tell apart ---
NAMES = st.sampled_from(["a", "b", "0", "1", "-1", "01"])
SCALARS: st.SearchStrategy[Json] = (
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.sampled_from([0.0, -0.0, 0.5, 1.0, 1.5, 1e300, 5e-324, 2.0**53, 2**53 + 1, 2**64 - 1, -(2**63)])
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(["", "a", "b", "B", "é", "z", "1", "\U0001f600", "\uffff"])
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3), max_leaves=5
)
BODIES = st.dictionaries(NAMES, VALUES, max_size=3)
PATHS = st.lists(NAMES, min_size=1, max_size=3).map(".".join)


def described(dimension: int | None = None, metric: Metric = Metric.COSINE) -> Collection:
    """A collection that has no table yet."""
    used = metric if dimension else None
    return Collection(uuid4(), uuid4(), uuid4(), "books", dimension, used, "local", datetime.now(UTC))


async def make_collection(
    connection: Connection, dimension: int | None = None, metric: Metric = Metric.COSINE
) -> Collection:
    """A collection with its table."""
    made = described(dimension, metric)
    await connection.execute(f"create schema {schema(made.database_id)}")
    async with connection.transaction():
        await collections.create_table(connection, made)
    return made


def new(
    key: object, body: Mapping[str, Json] | None = None, text: str | None = None, vector: Vector | None = None
) -> NewDocument:
    return NewDocument(encode_key(key), dict(body or {}), text, vector)


async def put(connection: Connection, home: Collection, *documents: NewDocument) -> None:
    await document.insert(connection, home, documents, replace=True)


@asynccontextmanager
async def undone(connection: Connection) -> AsyncIterator[None]:
    """A block whose changes are rolled back at its end."""
    transaction = connection.transaction()
    await transaction.start()
    try:
        yield
    finally:
        await transaction.rollback()
