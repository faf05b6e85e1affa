"""What inserting documents and rows has in common in GraphQL: what becomes of conflicts, and of each item."""

from __future__ import annotations

import strawberry

from app.domain import insertion
from app.domain.insertion import ItemStatus, OnConflict
from resolvers.context import Info
from resolvers.described import described_enum
from resolvers.error_code import ErrorCode
from resolvers.scalar import JSON
from resolvers.vector import VectorRecord, VectorTarget

described_enum(
    OnConflict,
    "What happens to an item whose key exists already.",
    {
        "FAIL": "The item fails with ALREADY_EXISTS; the others are stored. Of equal keys in one call the first wins.",
        "SKIP": "The item is left out and nothing is embedded for it. Of equal keys in one call the first wins.",
        "REPLACE": "The item takes the place of what is there. Of equal keys in one call the last wins.",
    },
)
described_enum(
    ItemStatus,
    "What became of an item.",
    {
        "INSERTED": "It is stored.",
        "REPLACED": "It is stored in the place of another.",
        "SKIPPED": "It was left out, because its key exists already.",
        "FAILED": "It is not stored; code and message say why.",
    },
)


@strawberry.type(description="What became of one item of an insert.")
class ItemResult:
    home: strawberry.Private[VectorTarget]
    stored_key: strawberry.Private[str | None]
    index: int = strawberry.field(description="The item's place in the input, from 0.")
    status: ItemStatus = strawberry.field(description="What became of it.")
    code: ErrorCode | None = strawberry.field(description="Why it failed, for programs; null: it did not fail.")
    retryable: bool | None = strawberry.field(
        description="Whether sending it again may succeed; null: it did not fail."
    )
    message: str | None = strawberry.field(description="Why it failed, for people; null: it did not fail.")

    @classmethod
    def of(cls, home: VectorTarget, item: insertion.Item) -> ItemResult:
        return cls(
            home=home,
            stored_key=item.key,
            index=item.index,
            status=item.status,
            code=ErrorCode(item.code) if item.code else None,
            retryable=item.retryable,
            message=item.message,
        )

    @strawberry.field(
        description="The document's or row's id; null when the item has no valid key. Two results can have the same: this is no Node, "
        "and normalising caches must not keep it by this id."
    )
    def id(self) -> strawberry.ID | None:
        return self.home.record_id(self.stored_key) if self.stored_key is not None else None

    @strawberry.field(
        description="The document's or row's key, generated where a document has none; null when the item has no valid key."
    )
    def key(self) -> JSON | None:
        return self.home.record_key(self.stored_key) if self.stored_key is not None else None

    @strawberry.field(description="The document or row as it is stored now; null when the item failed.")
    async def record(self, info: Info) -> VectorRecord | None:
        if self.stored_key is None or self.status is ItemStatus.FAILED:
            return None
        return await self.home.read_record(info, self.stored_key)
