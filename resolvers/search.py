"""Vector search in GraphQL: on a collection, on a table, and at the root."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import strawberry

from app.access import Permission
from app.domain import search as rules
from app.domain.search import Found, Question
from app.domain.search_space import Among, Documents, Record, Rows
from app.errors import NotFound
from app.store import record
from app.store.record import Document, TableRow
from resolvers import collection as collection_types
from resolvers import document as document_types
from resolvers import row as row_types
from resolvers import table as table_types
from resolvers.argument import After, Filter, First, MinSimilarity, QueryText, QueryVector
from resolvers.connection import PageInfo
from resolvers.context import Info
from resolvers.node import as_uuid, split
from resolvers.permission import needing
from resolvers.scalar import floats
from resolvers.selection import names_below
from resolvers.vector import VectorRecord

if TYPE_CHECKING:
    from resolvers.document import TokenUsage

CURSORS = {"cursor", "endCursor", "startCursor"}


@strawberry.type(description="A hit.")
class VectorSearchEdge:
    cursor: str = strawberry.field(
        description="Stands behind this hit: pass it as after, with the same arguments, to go on from here."
    )
    node: VectorRecord = strawberry.field(description="The document or row.")
    similarity: float = strawberry.field(
        description="0..1, higher is nearer (dot product: only for unit vectors): cosine (1+cos)/2, dot (1+dot)/2, euclidean 1/(1+d²)."
    )
    distance: float = strawberry.field(
        description="As the metric defines it: cosine distance, negative inner product, Euclidean distance."
    )


@strawberry.type(description="A page of hits, nearest first.")
class VectorSearchConnection:
    edges: list[VectorSearchEdge] = strawberry.field(description="The hits with their similarity.")
    nodes: list[VectorRecord] = strawberry.field(description="The records alone.")
    page_info: PageInfo = strawberry.field(description="Whether there are more hits, and where to go on.")
    found: strawberry.Private[Found]
    model: str | None = strawberry.field(description="The model that embedded the query; null when a vector was given.")
    usage: Annotated[TokenUsage, strawberry.lazy("resolvers.document")] | None = strawberry.field(
        description="Tokens of the query; null when nothing was embedded, or the provider does not say."
    )
    exact: bool = strawberry.field(description="True: every record was compared; false: an approximate index was used.")

    @strawberry.field(
        description="The vector that was compared with: what the provider answered for the query, or the one given."
    )
    def query_vector(self) -> list[float] | None:
        return floats(self.found.query_vector)

    @classmethod
    def of(cls, found: Found) -> VectorSearchConnection:
        nodes = _nodes(found)
        edges = [
            VectorSearchEdge(cursor=hit.cursor, node=node, similarity=hit.similarity, distance=hit.distance)
            for hit, node in zip(found.hits, nodes, strict=True)
        ]
        return cls(
            edges=edges,
            nodes=nodes,
            page_info=PageInfo.of(
                [hit.cursor for hit in found.hits], has_next=found.has_next, has_previous=found.has_previous
            ),
            found=found,
            model=found.model,
            usage=document_types.TokenUsage.of(found.usage, cached=found.cached),
            exact=found.exact,
        )


async def search(
    info: Info,
    target_id: str,
    column: str | None,
    query: str | None,
    vector: object | None,
    first: int,
    after: str | None,
    filter: dict[str, object] | None,
    min_similarity: float | None,
) -> VectorSearchConnection:
    """One search; the vector is kept for a next page only where a cursor is selected."""
    among, pages = _among(info, target_id, column), not CURSORS.isdisjoint(names_below(info))
    question = Question(among, query, vector, first, after, filter, min_similarity, pages)
    return VectorSearchConnection.of(await rules.vector_search(info.context.gateway, info.context.actor, question))


def _among(info: Info, target_id: str, column: str | None) -> Among:
    """What is to be searched, by its global id. Raises NotFound for the id of anything else."""
    kind, key = split(target_id) or ("", "")
    match kind, as_uuid(key):
        case "Collection", UUID() as identifier:
            return Documents(identifier, column, document_types.wanted(info))
        case "Table", UUID() as identifier:
            return Rows(identifier, column, row_types.wanted(info))
        case _:
            raise NotFound("There is no collection or table with this id.")


def _nodes(found: Found) -> list[VectorRecord]:
    """What was found, in order."""
    target = found.target
    home = (
        collection_types.Collection.of(target)
        if isinstance(target, record.Collection)
        else table_types.Table.of(target)
    )
    return [_node(home, hit.record) for hit in found.hits]


def _node(home: collection_types.Collection | table_types.Table, found: Record) -> VectorRecord:
    match home, found:
        case collection_types.Collection(), Document():
            return document_types.Document.of(home, found)
        case table_types.Table(), TableRow():
            return row_types.Row.of(home, found)
        case _:
            raise TypeError(f"no {type(found).__name__} is in a {type(home).__name__}")


@strawberry.type
class SearchQuery:
    @strawberry.field(
        **needing(
            Permission.READ_DATA,
            "Nearest records to a query, in a collection or in one vector column of a table. Exactly one of query and vector. With "
            "query the text is embedded through the target's attached integration; without an attached integration a vector must be given.",
        )
    )
    async def vector_search(
        self,
        info: Info,
        target_id: Annotated[strawberry.ID, strawberry.argument(description="A collection or a table.")],
        column: Annotated[
            str | None,
            strawberry.argument(description="The vector column of a table; null: its only one. Not for collections."),
        ] = None,
        query: QueryText = None,
        vector: QueryVector = None,
        first: First = 10,
        after: After = None,
        filter: Filter = None,
        min_similarity: MinSimilarity = None,
    ) -> VectorSearchConnection | None:
        return await search(info, target_id, column, query, vector, first, after, filter, min_similarity)
