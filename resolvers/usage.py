"""Usage in GraphQL."""

from __future__ import annotations

import datetime as dt

import strawberry

from app.store.usage import UsageDimension, UsageSum
from resolvers.described import described_enum
from resolvers.node import global_id
from resolvers.scalar import BigInt

described_enum(
    UsageDimension,
    "What usage is told apart by.",
    {
        "PROVIDER": "The embedding provider's key.",
        "MODEL": "The model's name.",
        "CREDENTIAL": "The credential's name; null for hosted providers.",
        "DATABASE": "The database.",
        "TARGET": "The collection or table.",
        "DAY": "The day, in UTC.",
    },
)


@strawberry.type(description="What a group has used. Fields of dimensions that were not asked for are null.")
class UsageRecord:
    provider: str | None = strawberry.field(description="The embedding provider's key.")
    model: str | None = strawberry.field(description="The model's name.")
    credential_name: str | None = strawberry.field(description="The credential's name as it was then.")
    database_id: strawberry.ID | None = strawberry.field(description="The database; it may be gone.")
    database_name: str | None = strawberry.field(description="What the database was called then.")
    target_id: strawberry.ID | None = strawberry.field(description="The collection or table; it may be gone.")
    target_name: str | None = strawberry.field(description="What the collection or table was called then.")
    day: dt.date | None = strawberry.field(description="The day, in UTC.")
    requests: BigInt = strawberry.field(
        description="Requests sent to the provider, repeated ones included; 0 for one inside the gateway."
    )
    texts: BigInt = strawberry.field(description="Texts that were to be embedded.")
    cached_texts: BigInt = strawberry.field(description="Those of them whose vector the gateway had already.")
    errors: BigInt = strawberry.field(description="Calls that failed and texts that were refused.")
    total_tokens: BigInt | None = strawberry.field(
        description="Tokens as providers counted them; null when no request reported any."
    )
    unreported_requests: BigInt = strawberry.field(description="Requests whose tokens the provider does not say.")

    @classmethod
    def of(cls, used: UsageSum) -> UsageRecord:
        return cls(
            provider=used.provider,
            model=used.model,
            credential_name=used.credential_name,
            database_id=global_id("Database", used.database_id) if used.database_id else None,
            database_name=used.database_name,
            target_id=global_id("Collection", used.target_id) if used.target_id else None,
            target_name=used.target_name,
            day=used.day,
            requests=used.requests,
            texts=used.texts,
            cached_texts=used.cached_texts,
            errors=used.errors,
            total_tokens=used.total_tokens,
            unreported_requests=used.unreported_requests,
        )
