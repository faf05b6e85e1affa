"""What vector search looks in and what it finds, whichever kind it is."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Annotated

import strawberry

from resolvers.context import Info
from resolvers.node import Node
from resolvers.scalar import JSON, JSONObject

if TYPE_CHECKING:
    from resolvers.database import Database


@strawberry.interface(description="Something that can be searched by vector: a collection or a table.")
class VectorTarget(Node):
    name: str = strawberry.field(description="Unique in its database, and permanent.")
    created_at: dt.datetime = strawberry.field(description="When it was created.")

    @strawberry.field(description="The database that it is in.")
    async def database(self, _info: Info) -> Annotated[Database, strawberry.lazy("resolvers.database")]:
        raise NotImplementedError("every kind of target has its own")

    def record_id(self, _stored_key: str) -> strawberry.ID:
        """The global id of one of its records."""
        raise NotImplementedError("every kind of target has its own")

    def record_key(self, _stored_key: str) -> object:
        """The key of one of its records, as callers know it."""
        raise NotImplementedError("every kind of target has its own")

    async def read_record(self, _info: Info, _stored_key: str) -> VectorRecord | None:
        """One of its records as it is stored now, with what is selected of it; None: it is gone."""
        raise NotImplementedError("every kind of target has its own")


@strawberry.interface(description="Something that a vector search can find: a document or a row.")
class VectorRecord(Node):
    key: JSON = strawberry.field(description="What it is called in its collection or table.")
    fields: JSONObject = strawberry.field(description="What it holds, without its vectors.")
