"""SQL of idempotency records, in the catalogue for its own mutations and in each region for writes there."""

from __future__ import annotations

from typing import Any, Literal
from uuid import UUID

from app.postgres import Connection

Place = Literal["vectorgate", "vectorgate_region"]

KEPT = "interval '24 hours'"


async def find(connection: Connection, place: Place, token_id: UUID, key: str) -> tuple[bytes, Any] | None:
    """The hash of the first input and its outcome, when it is not older than a day."""
    row = await connection.fetchrow(
        f"select input_hash, outcome from {place}.idempotency where token_id = $1 and key = $2 and created_at > now() - {KEPT}",
        token_id,
        key,
    )
    return (row["input_hash"], row["outcome"]) if row else None


async def claim(
    connection: Connection, place: Place, token_id: UUID, key: str, input_hash: bytes, outcome: object
) -> bool:
    """Record an outcome with the transaction that makes it; False when another call with this key has committed meanwhile."""
    done: str = await connection.execute(
        f"""
        insert into {place}.idempotency as known (token_id, key, input_hash, outcome) values ($1, $2, $3, $4)
        on conflict (token_id, key) do update
            set input_hash = excluded.input_hash, outcome = excluded.outcome, created_at = now()
            where known.created_at <= now() - {KEPT}""",
        token_id,
        key,
        input_hash,
        outcome,
    )
    return done.endswith(" 1")


async def settle(connection: Connection, place: Place, token_id: UUID, key: str, outcome: object) -> None:
    """Put the final outcome in the place of the claimed one."""
    await connection.execute(
        f"update {place}.idempotency set outcome = $3 where token_id = $1 and key = $2", token_id, key, outcome
    )


async def forget_expired(connection: Connection, place: Place) -> None:
    """Delete what is older than a day."""
    await connection.execute(f"delete from {place}.idempotency where created_at <= now() - {KEPT}")
