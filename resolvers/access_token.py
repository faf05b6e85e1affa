"""Access tokens in GraphQL. A secret is answered once, by the mutation that made it."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Annotated

import strawberry

from app.access import Permission
from app.domain import access_token as rules
from app.store import record
from resolvers import database as database_types
from resolvers.context import Info
from resolvers.mutation import Input, Payload
from resolvers.node import Node, global_id, key_of, local_ids
from resolvers.permission import mutation

if TYPE_CHECKING:
    from resolvers.database import Database


@strawberry.type(description="A token that programs and people call the API with.")
class AccessToken(Node):
    stored: strawberry.Private[record.AccessToken]
    name: str = strawberry.field(description="Unique among the tokens in force.")
    roles: list[str] = strawberry.field(description="Names of its roles; it may do what any of them allows.")
    hint: str = strawberry.field(description="The last four characters of the secret, never more.")
    created_at: dt.datetime = strawberry.field(description="When it was made.")
    expires_at: dt.datetime | None = strawberry.field(description="When it ends by itself; null: never.")
    last_used_at: dt.datetime | None = strawberry.field(description="When it was last used, to the minute.")
    revoked_at: dt.datetime | None = strawberry.field(description="When it was revoked; null: it is in force.")

    @classmethod
    def of(cls, token: record.AccessToken) -> AccessToken:
        return cls(
            id=global_id("AccessToken", token.id),
            stored=token,
            name=token.name,
            roles=token.roles,
            hint=token.hint,
            created_at=token.created_at,
            expires_at=token.expires_at,
            last_used_at=token.last_used_at,
            revoked_at=token.revoked_at,
        )

    @strawberry.field(description="The only databases that it sees; null: all.")
    async def databases(self, info: Info) -> list[Annotated[Database, strawberry.lazy("resolvers.database")]] | None:
        if self.stored.database_ids is None:
            return None
        found = await info.context.loaders.database_by_id.load_many(self.stored.database_ids)
        return [database_types.Database.of(each) for each in found if each is not None]


@strawberry.input(description="Make an access token that may no more than the one that makes it.")
class CreateAccessTokenInput(Input):
    name: str = strawberry.field(description="1 to 100 printable characters.")
    roles: list[str] = strawberry.field(
        description="Names of roles, built in or the organization's own, such as Read-Only User."
    )
    database_ids: list[strawberry.ID] | None = strawberry.field(
        default=None, description="The only databases that it sees. Null: all; an empty list: none."
    )
    expires_at: dt.datetime | None = strawberry.field(default=None, description="When it ends by itself; null: never.")


@strawberry.type(description="The outcome of createAccessToken.")
class CreateAccessTokenPayload(Payload):
    access_token: AccessToken = strawberry.field(description="The token.")
    secret: str = strawberry.field(
        description="What goes into the Authorization header. It is shown this once: keep it safe."
    )


@strawberry.input(description="Revoke an access token.")
class RevokeAccessTokenInput(Input):
    access_token_id: strawberry.ID = strawberry.field(description="The token.")


@strawberry.type(description="The outcome of revokeAccessToken, in force from the next request on.")
class RevokeAccessTokenPayload(Payload):
    access_token: AccessToken = strawberry.field(description="The token, revoked.")


@strawberry.type
class AccessTokenMutation:
    @mutation(Permission.MANAGE_ACCESS, "Make an access token. Its roles may allow no more than the caller may.")
    async def create_access_token(self, info: Info, input: CreateAccessTokenInput) -> CreateAccessTokenPayload | None:
        created, secret = await rules.create(
            info.context.gateway,
            info.context.actor,
            name=input.name,
            roles=input.roles,
            database_ids=local_ids("Database", input.database_ids) if input.database_ids is not None else None,
            expires_at=input.expires_at,
        )
        return CreateAccessTokenPayload(
            access_token=AccessToken.of(created), secret=secret, client_mutation_id=input.client_mutation_id
        )

    @mutation(Permission.MANAGE_ACCESS, "Revoke an access token: it is refused from the next request on.")
    async def revoke_access_token(self, info: Info, input: RevokeAccessTokenInput) -> RevokeAccessTokenPayload | None:
        revoked = await rules.revoke(
            info.context.gateway, info.context.actor, key_of("AccessToken", input.access_token_id)
        )
        return RevokeAccessTokenPayload(
            access_token=AccessToken.of(revoked), client_mutation_id=input.client_mutation_id
        )
