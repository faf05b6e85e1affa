"""Databases and regions in GraphQL."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Annotated

import strawberry

from app.access import Permission
from app.domain import database as rules
from app.page import Page, after_id, check_first, id_cursor
from app.store import database as store
from app.store import record
from app.store.record import DatabaseStatus
from providers.base import Kind
from resolvers import collection as collection_types
from resolvers import credential as credential_types
from resolvers import integration as integration_types
from resolvers import organization as organization_types
from resolvers import scoped_database as scoped_database_types
from resolvers import table as table_types
from resolvers.argument import After, First
from resolvers.connection import Connection, connection
from resolvers.context import Info
from resolvers.described import described_enum
from resolvers.mutation import Input, Payload
from resolvers.node import Node, global_id, local_id, local_ids
from resolvers.operation.plan.light import light
from resolvers.permission import mutation

if TYPE_CHECKING:
    from resolvers.collection import Collection
    from resolvers.credential import Credential
    from resolvers.integration import Integration
    from resolvers.organization import Organization
    from resolvers.scoped_database import ScopedDatabase
    from resolvers.table import Table

described_enum(
    DatabaseStatus,
    "How far a database has come.",
    {
        "INITIALIZING": "Being made in its region. It can be put in scopes already.",
        "ACTIVE": "Ready.",
        "ERROR": "Its region failed while it was being made: drop it.",
    },
)


@strawberry.type(description="A PostgreSQL cluster that databases can be in.")
class Region(Node):
    name: str = strawberry.field(description="The operator's name for it, as in createDatabase.")
    hosted_providers: list[str] = strawberry.field(
        description="Keys of the hosted embedding providers that databases here can use."
    )

    @classmethod
    def of(cls, info: Info, name: str) -> Region:
        hosted = [
            each.key
            for each in info.context.gateway.catalogue
            if each.kind is Kind.HOSTED and (each.regions is None or name in each.regions)
        ]
        return cls(id=global_id("Region", name), name=name, hosted_providers=hosted)


@strawberry.type(description="Something that may be attached in a database.")
class AvailableIntegration:
    integration: Annotated[Integration, strawberry.lazy("resolvers.integration")] = strawberry.field(
        description="The integration."
    )
    credentials: list[Annotated[Credential, strawberry.lazy("resolvers.credential")]] = strawberry.field(
        description="Its credentials whose scope holds the database; empty for hosted providers, which need none."
    )


@strawberry.type(description="A space for collections and tables, in one region. A schema of its own in PostgreSQL.")
class Database(Node):
    stored: strawberry.Private[record.Database]
    name: str = strawberry.field(description="Unique in the organization, and permanent.")
    status: DatabaseStatus = strawberry.field(description="Whether it is ready.")
    created_at: dt.datetime = strawberry.field(description="When it was created.")

    @classmethod
    def of(cls, database: record.Database) -> Database:
        identifier = global_id("Database", database.id)
        return cls(
            id=identifier, stored=database, name=database.name, status=database.status, created_at=database.created_at
        )

    @strawberry.field(description="The region that it is in.")
    def region(self, info: Info) -> Region:
        return Region.of(info, self.stored.region)

    @strawberry.field(description="The credentials that may serve it, in the order of their adding.")
    @light
    async def scopes(self, info: Info) -> list[Annotated[ScopedDatabase, strawberry.lazy("resolvers.scoped_database")]]:
        return [
            scoped_database_types.ScopedDatabase.of(each)
            for each in await info.context.loaders.scopes_by_database.load(self.stored.id)
        ]

    @strawberry.field(
        description="What may be attached to collections and columns here now: hosted in the region, external in scope."
    )
    @light
    async def available_integrations(self, info: Info) -> list[AvailableIntegration]:
        loaders = info.context.loaders
        in_scope = [each.credential_id for each in await loaders.scopes_by_database.load(self.stored.id)]
        found = [each for each in await loaders.credential_by_id.load_many(in_scope) if each is not None]
        available = rules.available(info.context.gateway, self.stored.region, found)
        shown = [await _available(info, each) for each in available]
        return [each for each in shown if each is not None]

    @strawberry.field(description="Its collections, in order of creation.")
    @light
    async def collections(
        self, info: Info, first: First = 50, after: After = None
    ) -> Connection[Annotated[Collection, strawberry.lazy("resolvers.collection")]]:
        check_first(first)
        loaders, identifier = info.context.loaders, self.stored.id
        found = await loaders.collections(after_id(after), first + 1).load(identifier)
        page = Page.of(found, first, after, lambda each: id_cursor(each.id))

        async def counted() -> int:
            return await loaders.collection_count_by_database.load(identifier)

        return connection(Connection[collection_types.Collection], page, collection_types.Collection.of, counted)

    @strawberry.field(description="A collection by name; null: there is none.")
    @light
    async def collection(
        self, info: Info, name: Annotated[str, strawberry.argument(description="The collection's name.")]
    ) -> Annotated[Collection, strawberry.lazy("resolvers.collection")] | None:
        found = await info.context.loaders.collection_by_name.load((self.stored.id, name))
        return collection_types.Collection.of(found) if found else None

    @strawberry.field(description="Its tables, in order of creation.")
    @light
    async def tables(
        self, info: Info, first: First = 50, after: After = None
    ) -> Connection[Annotated[Table, strawberry.lazy("resolvers.table")]]:
        check_first(first)
        loaders, identifier = info.context.loaders, self.stored.id
        found = await loaders.tables(after_id(after), first + 1).load(identifier)
        page = Page.of(found, first, after, lambda each: id_cursor(each.id))

        async def counted() -> int:
            return await loaders.table_count_by_database.load(identifier)

        return connection(Connection[table_types.Table], page, table_types.Table.of, counted)

    @strawberry.field(description="A table by name; null: there is none.")
    @light
    async def table(
        self, info: Info, name: Annotated[str, strawberry.argument(description="The table's name.")]
    ) -> Annotated[Table, strawberry.lazy("resolvers.table")] | None:
        found = await info.context.loaders.table_by_name.load((self.stored.id, name))
        return table_types.Table.of(found) if found else None


async def databases(info: Info, first: int, after: str | None) -> Connection[Database]:
    """A page of the databases that the caller sees."""
    check_first(first)
    gateway, actor = info.context.gateway, info.context.actor
    async with gateway.postgres.catalogue.connection() as held:
        found = await store.page(held, actor.organization_id, actor.databases, after_id(after), first + 1)

    async def counted() -> int:
        async with gateway.postgres.catalogue.connection() as held:
            return await store.count(held, actor.organization_id, actor.databases)

    return connection(
        Connection[Database], Page.of(found, first, after, lambda each: id_cursor(each.id)), Database.of, counted
    )


async def database_by_name(info: Info, name: str) -> Database | None:
    """A database that the caller sees."""
    actor = info.context.actor
    async with info.context.gateway.postgres.catalogue.connection() as held:
        found = await store.by_name(held, actor.organization_id, actor.databases, name)
    return Database.of(found) if found else None


async def _available(info: Info, available: rules.Available) -> AvailableIntegration | None:
    """None when credentials and integration were removed since they were read."""
    if available.provider.kind is Kind.HOSTED:
        shown = integration_types.Integration.hosted(info, available.provider.key)
    else:
        found = await info.context.loaders.integration_by_id.load(available.credentials[0].integration_id)
        if found is None:
            return None
        shown = integration_types.Integration.of(found)
    return AvailableIntegration(
        integration=shown, credentials=[credential_types.Credential.of(each) for each in available.credentials]
    )


@strawberry.input(description="Create a database.")
class CreateDatabaseInput(Input):
    name: str = strawberry.field(description="1 to 48 letters, digits and underscores, beginning with a letter.")
    region: str | None = strawberry.field(
        default=None, description="Where; by default the deployment's default region."
    )
    credential_ids: list[strawberry.ID] = strawberry.field(
        default_factory=list,
        description="Credentials whose scope it is put in at once. Needs the permission WRITE_INTEGRATIONS too.",
    )


@strawberry.type(description="The outcome of createDatabase.")
class CreateDatabasePayload(Payload):
    database: Database = strawberry.field(description="The database.")


@strawberry.input(description="Drop a database with everything in it.")
class DropDatabaseInput(Input):
    database_id: strawberry.ID = strawberry.field(description="The database.")
    confirm_name: str = strawberry.field(description="The database's name, typed again.")


@strawberry.type(description="The outcome of dropDatabase.")
class DropDatabasePayload(Payload):
    dropped_database_id: strawberry.ID = strawberry.field(description="The id that is no more.")
    organization: Annotated[Organization, strawberry.lazy("resolvers.organization")] = strawberry.field(
        description="The organization."
    )


@strawberry.type
class DatabaseMutation:
    @mutation(Permission.CREATE_DATABASE, "Create a database, in no scope but those of credentialIds.")
    async def create_database(self, info: Info, input: CreateDatabaseInput) -> CreateDatabasePayload | None:
        credential_ids = local_ids("Credential", input.credential_ids)
        created = await rules.create(info.context.gateway, info.context.actor, input.name, input.region, credential_ids)
        return CreateDatabasePayload(database=Database.of(created), client_mutation_id=input.client_mutation_id)

    @mutation(Permission.DROP_DATABASE, "Drop a database with its collections and tables.")
    async def drop_database(self, info: Info, input: DropDatabaseInput) -> DropDatabasePayload | None:
        identifier = local_id("Database", input.database_id)
        await rules.drop(info.context.gateway, info.context.actor, identifier, input.confirm_name)
        return DropDatabasePayload(
            dropped_database_id=input.database_id,
            organization=organization_types.Organization.of(info.context.organization),
            client_mutation_id=input.client_mutation_id,
        )
