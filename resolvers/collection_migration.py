"""Migrating a collection, in GraphQL."""

from __future__ import annotations

import strawberry

from app.access import Permission
from app.domain import collection_migration as rules
from app.store.record import Metric
from resolvers.collection import Collection
from resolvers.context import Info
from resolvers.embedding import EmbeddingInput
from resolvers.job import Job
from resolvers.mutation import Input, Payload
from resolvers.node import local_id
from resolvers.permission import mutation


@strawberry.input(
    description="A new collection with another configuration, filled from an old one; the old one stays until it is dropped."
)
class MigrateCollectionInput(Input):
    collection_id: strawberry.ID = strawberry.field(description="The old collection.")
    name: str = strawberry.field(description="The new collection's name.")
    embedding: EmbeddingInput | None = strawberry.field(
        default=None,
        description="How the new collection embeds. Null: vectors of your own; those of the old one are copied, and its texts are dropped.",
    )
    metric: Metric | None = strawberry.field(
        default=None, description="How the new collection compares vectors; null: as the old one does."
    )


@strawberry.type(description="The outcome of migrateCollection.")
class MigrateCollectionPayload(Payload):
    job: Job = strawberry.field(description="The job that fills the new collection.")
    collection: Collection = strawberry.field(description="The new collection: it can be used, and is being filled.")


@strawberry.type
class CollectionMigrationMutation:
    @mutation(
        Permission.CREATE_COLLECTION,
        "Make a new collection with another embedding configuration, and begin the job that fills it from the old one, which stays "
        "as it is. Texts are embedded anew; where provider, model, dimension and parameters are the same, vectors are copied and "
        "no provider is asked. What is written to the old collection until the job has ended comes to the new one, too; in the "
        "last moment such writes wait. Write to the new one only when the job has ended: a document of the old one takes the "
        "place of one with its key. When the job fails or is cancelled, the new collection is dropped.",
    )
    async def migrate_collection(self, info: Info, input: MigrateCollectionInput) -> MigrateCollectionPayload | None:
        begun, made = await rules.migrate(
            info.context.gateway,
            info.context.actor,
            local_id("Collection", input.collection_id),
            name=input.name,
            wanted=input.embedding.asked() if input.embedding else None,
            metric=input.metric,
        )
        return MigrateCollectionPayload(
            job=Job.of(begun), collection=Collection.of(made), client_mutation_id=input.client_mutation_id
        )
