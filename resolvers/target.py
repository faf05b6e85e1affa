"""A collection or a table, where a field may answer either."""

from __future__ import annotations

from uuid import UUID

from resolvers import collection as collection_types
from resolvers import table as table_types
from resolvers.context import Info
from resolvers.vector import VectorTarget


async def target_by_id(info: Info, identifier: UUID) -> VectorTarget | None:
    """Whichever has this id; None when it is gone."""
    loaders = info.context.loaders
    if (collection := await loaders.collection_by_id.load(identifier)) is not None:
        return collection_types.Collection.of(collection)
    table = await loaders.table_by_id.load(identifier)
    return table_types.Table.of(table) if table is not None else None
