"""Collections in GraphQL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import strawberry

from app.access import Permission
from app.domain import collection as rules
from app.domain import document as document_rules
from app.errors import NotFound
from app.store import record
from app.store.key import decode_key
from app.store.record import Metric
from resolvers import attachment as attachment_types
from resolvers import database as database_types
from resolvers import document as document_types
from resolvers import search as search_types
from resolvers.argument import After, Filter, First, MinSimilarity, QueryText, QueryVector
from resolvers.connection import Connection, connection
from resolvers.context import Info
from resolvers.embedding import EmbeddingInput
from resolvers.mutation import Input, Payload
from resolvers.node import global_id, local_id
from resolvers.operation.plan.light import light
from resolvers.permission import mutation, needing
from resolvers.scalar import JSON
from resolvers.vector import VectorRecord, VectorTarget

if TYPE_CHECKING:
    from resolvers.attachment import EmbeddingConfiguration
    from resolvers.database import Database
    from resolvers.document import Document
    from resolvers.search import VectorSearchConnection


@strawberry.type(description="JSON documents, searchable by vector. How they are embedded is fixed when it is created.")
class Collection(VectorTarget):
    stored: strawberry.Private[record.Collection]
    dimension: int | None = strawberry.field(description="The length of its vectors; null: it holds none.")
    metric: Metric | None = strawberry.field(description="How vectors are compared; null: it holds none.")

    @classmethod
    def of(cls, collection: record.Collection) -> Collection:
        return cls(
            id=global_id("Collection", collection.id),
            stored=collection,
            name=collection.name,
            created_at=collection.created_at,
            dimension=collection.dimension,
            metric=collection.metric,
        )

    def record_id(self, stored_key: str) -> strawberry.ID:
        return document_types.document_id(self.stored.id, stored_key)

    def record_key(self, stored_key: str) -> object:
        return decode_key(stored_key)

    async def read_record(self, info: Info, stored_key: str) -> VectorRecord | None:
        loader = info.context.loaders.documents(self.stored, document_types.wanted(info))
        found = await loader.load(stored_key)
        return document_types.Document.of(self, found) if found else None

    @strawberry.field(description="The database that it is in.")
    @light
    async def database(self, info: Info) -> Annotated[Database, strawberry.lazy("resolvers.database")]:
        found = await info.context.loaders.database_by_id.load(self.stored.database_id)
        if found is None:
            raise NotFound("The database was dropped meanwhile.")
        return database_types.Database.of(found)

    @strawberry.field(
        description="How text becomes vectors here; null: vectors are the caller's own, or there are none."
    )
    @light
    async def embedding(
        self, info: Info
    ) -> Annotated[EmbeddingConfiguration, strawberry.lazy("resolvers.attachment")] | None:
        found = await info.context.loaders.attachment_by_collection.load(self.stored.id)
        return attachment_types.EmbeddingConfiguration.of(found) if found else None

    @strawberry.field(**needing(Permission.READ_DATA, "How many documents it holds, counted now."))
    async def document_count(self, info: Info) -> int | None:
        return await document_rules.count(info.context.gateway, info.context.actor, self.stored, None)

    @strawberry.field(**needing(Permission.READ_DATA, "Documents in order of creation, then key."))
    async def documents(
        self, info: Info, first: First = 50, after: After = None, filter: Filter = None
    ) -> Connection[Annotated[Document, strawberry.lazy("resolvers.document")]] | None:
        gateway, actor, home = info.context.gateway, info.context.actor, self.stored
        columns = document_types.wanted(info)
        page = await document_rules.page(gateway, actor, home, wanted=columns, given=filter, first=first, after=after)
        return connection(
            Connection[document_types.Document],
            page,
            lambda each: document_types.Document.of(self, each),
            lambda: document_rules.count(gateway, actor, home, filter),
        )

    @strawberry.field(**needing(Permission.READ_DATA, "A document by its _id; null: there is none."))
    async def document(
        self,
        info: Info,
        key: Annotated[JSON, strawberry.argument(description="The document's _id: a string or a number.")],
    ) -> Annotated[Document, strawberry.lazy("resolvers.document")] | None:
        columns = document_types.wanted(info)
        found = await document_rules.by_key(info.context.gateway, info.context.actor, self.stored, columns, key)
        return document_types.Document.of(self, found) if found else None

    @strawberry.field(
        **needing(
            Permission.READ_DATA, "The documents nearest to a text or a vector. Give exactly one of query and vector."
        )
    )
    async def vector_search(
        self,
        info: Info,
        query: QueryText = None,
        vector: QueryVector = None,
        first: First = 10,
        after: After = None,
        filter: Filter = None,
        min_similarity: MinSimilarity = None,
    ) -> Annotated[VectorSearchConnection, strawberry.lazy("resolvers.search")] | None:
        return await search_types.search(info, self.id, None, query, vector, first, after, filter, min_similarity)


@strawberry.input(description="Create a collection that embeds text, holds vectors of your own, or holds no vectors.")
class CreateCollectionInput(Input):
    database_id: strawberry.ID = strawberry.field(description="The database.")
    name: str = strawberry.field(description="1 to 48 letters, digits and underscores, beginning with a letter.")
    embedding: EmbeddingInput | None = strawberry.field(
        default=None, description="Embed text through an integration; permanent."
    )
    dimension: int | None = strawberry.field(
        default=None,
        description="The length of vectors of your own. Neither this nor embedding: a collection without vectors.",
    )
    metric: Metric = strawberry.field(default=Metric.COSINE, description="How vectors are compared; permanent.")


@strawberry.type(description="The outcome of createCollection.")
class CreateCollectionPayload(Payload):
    collection: Collection = strawberry.field(description="The collection.")


@strawberry.input(description="Drop a collection with its documents.")
class DropCollectionInput(Input):
    collection_id: strawberry.ID = strawberry.field(description="The collection.")
    confirm_name: str = strawberry.field(description="The collection's name, typed again.")


@strawberry.type(description="The outcome of dropCollection.")
class DropCollectionPayload(Payload):
    dropped_collection_id: strawberry.ID = strawberry.field(description="The id that is no more.")
    database: Annotated[Database, strawberry.lazy("resolvers.database")] = strawberry.field(
        description="The database that it was in."
    )


@strawberry.type
class CollectionMutation:
    @mutation(
        Permission.CREATE_COLLECTION, "Create a collection. Its embedding configuration is checked now, and permanent."
    )
    async def create_collection(self, info: Info, input: CreateCollectionInput) -> CreateCollectionPayload | None:
        created = await rules.create(
            info.context.gateway,
            info.context.actor,
            local_id("Database", input.database_id),
            name=input.name,
            embedding=input.embedding.asked() if input.embedding else None,
            dimension=input.dimension,
            metric=input.metric,
        )
        return CreateCollectionPayload(collection=Collection.of(created), client_mutation_id=input.client_mutation_id)

    @mutation(Permission.DROP_COLLECTION, "Drop a collection with its documents.")
    async def drop_collection(self, info: Info, input: DropCollectionInput) -> DropCollectionPayload | None:
        identifier = local_id("Collection", input.collection_id)
        database = await rules.drop(info.context.gateway, info.context.actor, identifier, input.confirm_name)
        return DropCollectionPayload(
            dropped_collection_id=input.collection_id,
            database=database_types.Database.of(database),
            client_mutation_id=input.client_mutation_id,
        )
