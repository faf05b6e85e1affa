"""Scopes in GraphQL: which databases each credential may serve."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Annotated

import strawberry

from app.access import Permission
from app.domain import scoped_database as rules
from app.errors import NotFound
from app.store import record
from resolvers import attachment as attachment_types
from resolvers import credential as credential_types
from resolvers import database as database_types
from resolvers.context import Info
from resolvers.mutation import Input, Payload
from resolvers.node import Node, global_id, local_id, local_ids
from resolvers.operation.plan.light import light
from resolvers.permission import mutation

if TYPE_CHECKING:
    from resolvers.attachment import Attachment
    from resolvers.credential import Credential
    from resolvers.database import Database


@strawberry.type(description="A database in a credential's scope.")
class ScopedDatabase(Node):
    stored: strawberry.Private[record.ScopedDatabase]
    added_at: dt.datetime = strawberry.field(description="When it was put in the scope.")

    @classmethod
    def of(cls, scoped: record.ScopedDatabase) -> ScopedDatabase:
        return cls(id=global_id("ScopedDatabase", scoped.id), stored=scoped, added_at=scoped.added_at)

    @strawberry.field(description="The credential.")
    @light
    async def credential(self, info: Info) -> Annotated[Credential, strawberry.lazy("resolvers.credential")]:
        found = await info.context.loaders.credential_by_id.load(self.stored.credential_id)
        if found is None:
            raise NotFound("The credential was removed meanwhile.")
        return credential_types.Credential.of(found)

    @strawberry.field(description="The database.")
    @light
    async def database(self, info: Info) -> Annotated[Database, strawberry.lazy("resolvers.database")]:
        found = await info.context.loaders.database_by_id.load(self.stored.database_id)
        if found is None:
            raise NotFound("The database was dropped meanwhile.")
        return database_types.Database.of(found)


@strawberry.input(description="Let databases use a credential. One that may already is no error.")
class AddScopedDatabasesInput(Input):
    credential_id: strawberry.ID = strawberry.field(description="The credential.")
    database_ids: list[strawberry.ID] = strawberry.field(description="1 to 10 databases; call again for more.")


@strawberry.type(description="The outcome of addScopedDatabases, in force from the next request on.")
class AddScopedDatabasesPayload(Payload):
    credential: Annotated[Credential, strawberry.lazy("resolvers.credential")] = strawberry.field(
        description="The credential."
    )
    added: list[ScopedDatabase] = strawberry.field(description="The given databases as they are in its scope now.")


@strawberry.input(description="Take a database out of a credential's scope with immediate effect.")
class RemoveScopedDatabaseInput(Input):
    credential_id: strawberry.ID = strawberry.field(description="The credential.")
    database_id: strawberry.ID = strawberry.field(description="The database.")
    confirm_name: str = strawberry.field(description="The database's name, typed again.")


@strawberry.type(description="The outcome of removeScopedDatabase.")
class RemoveScopedDatabasePayload(Payload):
    removed_scoped_database_id: strawberry.ID = strawberry.field(description="The ScopedDatabase id that is no more.")
    credential: Annotated[Credential, strawberry.lazy("resolvers.credential")] = strawberry.field(
        description="The credential."
    )
    database: Annotated[Database, strawberry.lazy("resolvers.database")] = strawberry.field(description="The database.")
    disabled_count: int = strawberry.field(description="How many attachments in the database cannot embed any more.")
    disabled: list[Annotated[Attachment, strawberry.lazy("resolvers.attachment")]] = strawberry.field(
        description="The first 500 of them. Their data and searches by vector go on working."
    )


@strawberry.type
class ScopedDatabaseMutation:
    @mutation(Permission.WRITE_INTEGRATIONS, "Put databases in a credential's scope.")
    async def add_scoped_databases(
        self, info: Info, input: AddScopedDatabasesInput
    ) -> AddScopedDatabasesPayload | None:
        credential, added = await rules.add(
            info.context.gateway,
            info.context.actor,
            local_id("Credential", input.credential_id),
            local_ids("Database", input.database_ids),
        )
        return AddScopedDatabasesPayload(
            credential=credential_types.Credential.of(credential),
            added=[ScopedDatabase.of(each) for each in added],
            client_mutation_id=input.client_mutation_id,
        )

    @mutation(
        Permission.WRITE_INTEGRATIONS,
        "Take a database out of a credential's scope: what uses the credential there stops embedding.",
    )
    async def remove_scoped_database(
        self, info: Info, input: RemoveScopedDatabaseInput
    ) -> RemoveScopedDatabasePayload | None:
        removed = await rules.remove(
            info.context.gateway,
            info.context.actor,
            local_id("Credential", input.credential_id),
            local_id("Database", input.database_id),
            input.confirm_name,
        )
        return RemoveScopedDatabasePayload(
            removed_scoped_database_id=global_id("ScopedDatabase", removed.id),
            credential=credential_types.Credential.of(removed.credential),
            database=database_types.Database.of(removed.database),
            disabled_count=removed.disabled_count,
            disabled=[attachment_types.Attachment.of(each) for each in removed.disabled],
            client_mutation_id=input.client_mutation_id,
        )
