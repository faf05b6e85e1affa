"""The caller, and the limits that requests are held to."""

from __future__ import annotations

import strawberry

from app.access import Permission
from app.domain.insertion import MOST_ITEMS
from app.domain.scoped_database import MOST_PER_CALL
from app.page import MAX_FIRST
from resolvers.context import Info
from resolvers.database import Database
from resolvers.organization import Organization

MOST_NODES = 100


@strawberry.type(description="Who asks: an access token, or a token of the identity provider.")
class Viewer:
    organization: Organization = strawberry.field(description="The organization that the token belongs to.")
    token_name: str | None = strawberry.field(
        description="The access token's name; null for an identity provider's token."
    )
    subject: str = strawberry.field(
        description="Who it speaks for: the identity provider's subject, else the access token's name."
    )
    roles: list[str] = strawberry.field(description="Names of its roles.")
    permissions: list[Permission] = strawberry.field(description="What its roles allow.")

    @strawberry.field(description="The only databases that it sees; null: all.")
    async def databases(self, info: Info) -> list[Database] | None:
        if info.context.actor.databases is None:
            return None
        found = await info.context.loaders.database_by_id.load_many(info.context.actor.databases)
        return [Database.of(each) for each in found if each is not None]


@strawberry.type(description="The limits that requests are held to here.")
class Limits:
    max_body_bytes: int = strawberry.field(description="Bytes of a request's body.")
    max_items_per_insert: int = strawberry.field(description="Documents or rows of one insert.")
    max_page_size: int = strawberry.field(description="The greatest first.")
    max_nodes: int = strawberry.field(description="Ids of one nodes(ids:).")
    max_scoped_databases_per_call: int = strawberry.field(description="Databases of one addScopedDatabases.")
    max_depth: int = strawberry.field(description="Nesting of fields in an operation.")
    max_aliases: int = strawberry.field(description="Aliases in an operation.")
    max_tokens: int = strawberry.field(
        description="Lexical tokens of a document; send vectors and documents in variables."
    )
    max_root_fields: int = strawberry.field(description="Fields at the root of an operation.")
    max_cost: int = strawberry.field(description="Estimated fields that an operation may answer.")


@strawberry.type
class ViewerQuery:
    @strawberry.field(description="Who asks, and what they may do.")
    def viewer(self, info: Info) -> Viewer:
        actor = info.context.actor
        return Viewer(
            organization=Organization.of(info.context.organization),
            token_name=actor.token_name,
            subject=actor.subject or actor.name,
            roles=actor.roles,
            permissions=[each for each in Permission if actor.may(each)],
        )

    @strawberry.field(description="The limits that requests are held to here.")
    def limits(self, info: Info) -> Limits:
        settings = info.context.gateway.settings
        return Limits(
            max_body_bytes=settings.max_body_bytes,
            max_items_per_insert=MOST_ITEMS,
            max_page_size=MAX_FIRST,
            max_nodes=MOST_NODES,
            max_scoped_databases_per_call=MOST_PER_CALL,
            max_depth=settings.max_depth,
            max_aliases=settings.max_aliases,
            max_tokens=settings.max_tokens,
            max_root_fields=settings.max_root_fields,
            max_cost=settings.max_cost,
        )
