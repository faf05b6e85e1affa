"""The organization in GraphQL: where most queries begin."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Annotated

import strawberry

from app.access import Permission
from app.domain import access_token as token_rules
from app.domain import audit as audit_rules
from app.domain import usage as usage_rules
from app.store import record
from app.store.record import JobStatus
from app.store.usage import UsageDimension
from resolvers import access_token as access_token_types
from resolvers import audit_event as audit_event_types
from resolvers import database as database_types
from resolvers import integration as integration_types
from resolvers import job as job_types
from resolvers import role as role_types
from resolvers.argument import After, First
from resolvers.connection import Connection, connection
from resolvers.context import Info
from resolvers.node import Node, global_id
from resolvers.permission import needing
from resolvers.usage import UsageRecord

if TYPE_CHECKING:
    from resolvers.access_token import AccessToken
    from resolvers.audit_event import AuditEvent
    from resolvers.database import Database, Region
    from resolvers.integration import Integration
    from resolvers.job import Job
    from resolvers.role import Role


BY_PROVIDER = [UsageDimension.PROVIDER]


@strawberry.type(
    description="A tenant: its integrations, credentials, databases and access. Nothing of another organization is ever seen."
)
class Organization(Node):
    name: str = strawberry.field(description="Unique in this deployment.")
    created_at: dt.datetime = strawberry.field(description="When the operator created it.")

    @classmethod
    def of(cls, organization: record.Organization) -> Organization:
        return cls(
            id=global_id("Organization", organization.id), name=organization.name, created_at=organization.created_at
        )

    @strawberry.field(description="Hosted providers of this deployment, then the external ones that are enabled.")
    async def integrations(
        self,
        info: Info,
        provider: Annotated[str | None, strawberry.argument(description="Only this provider's, by key.")] = None,
    ) -> list[Annotated[Integration, strawberry.lazy("resolvers.integration")]]:
        return await integration_types.integrations(info, provider)

    @strawberry.field(description="A provider's integration; null: it is not enabled.")
    async def integration(
        self, info: Info, provider: Annotated[str, strawberry.argument(description="The provider's key.")]
    ) -> Annotated[Integration, strawberry.lazy("resolvers.integration")] | None:
        return next(iter(await integration_types.integrations(info, provider)), None)

    @strawberry.field(description="The databases that the caller sees, in order of creation.")
    async def databases(
        self, info: Info, first: First = 50, after: After = None
    ) -> Connection[Annotated[Database, strawberry.lazy("resolvers.database")]]:
        return await database_types.databases(info, first, after)

    @strawberry.field(description="A database by name; null: there is none that the caller sees.")
    async def database(
        self, info: Info, name: Annotated[str, strawberry.argument(description="The database's name.")]
    ) -> Annotated[Database, strawberry.lazy("resolvers.database")] | None:
        return await database_types.database_by_name(info, name)

    @strawberry.field(description="The regions that databases can be in.")
    def regions(self, info: Info) -> list[Annotated[Region, strawberry.lazy("resolvers.database")]]:
        return [database_types.Region.of(info, name) for name in info.context.gateway.postgres.regions]

    @strawberry.field(
        **needing(Permission.MANAGE_ACCESS, "Access tokens, revoked ones included, in order of creation.")
    )
    async def access_tokens(
        self, info: Info, first: First = 50, after: After = None
    ) -> Connection[Annotated[AccessToken, strawberry.lazy("resolvers.access_token")]] | None:
        gateway, actor = info.context.gateway, info.context.actor
        page = await token_rules.page(gateway, actor, first=first, after=after)
        return connection(
            Connection[access_token_types.AccessToken],
            page,
            access_token_types.AccessToken.of,
            lambda: token_rules.count(gateway, actor),
        )

    @strawberry.field(
        **needing(Permission.MANAGE_ACCESS, "The built-in roles, then the organization's own in order of creation.")
    )
    async def roles(self, info: Info) -> list[Annotated[Role, strawberry.lazy("resolvers.role")]] | None:
        return await role_types.roles(info)

    @strawberry.field(
        description="What embedding providers were used for, most tokens first; of the databases that the caller sees. It is summed over "
        "all regions: while one of them is away, DATABASE_UNAVAILABLE names it."
    )
    async def usage(
        self,
        info: Info,
        since: Annotated[
            dt.datetime | None, strawberry.argument(description="From this moment on; by default 30 days before until.")
        ] = None,
        until: Annotated[
            dt.datetime | None, strawberry.argument(description="Up to this moment, without it; by default now.")
        ] = None,
        group_by: Annotated[
            list[UsageDimension], strawberry.argument(description="What to tell apart; at most 10,000 groups.")
        ] = BY_PROVIDER,
    ) -> list[UsageRecord] | None:
        found = await usage_rules.totals(info.context.gateway, info.context.actor, since, until, group_by)
        return [UsageRecord.of(each) for each in found]

    @strawberry.field(description="Jobs about the databases that the caller sees, newest first.")
    async def jobs(
        self,
        info: Info,
        first: First = 50,
        after: After = None,
        status: Annotated[JobStatus | None, strawberry.argument(description="Only those of this status.")] = None,
    ) -> Connection[Annotated[Job, strawberry.lazy("resolvers.job")]] | None:
        return await job_types.jobs(info, first, after, status)

    @strawberry.field(**needing(Permission.MANAGE_ACCESS, "Who did what, newest first."))
    async def audit_log(
        self,
        info: Info,
        first: First = 50,
        after: After = None,
        action: Annotated[
            str | None, strawberry.argument(description="Only this mutation's, in snake case: rotate_credential.")
        ] = None,
        target_id: Annotated[
            strawberry.ID | None, strawberry.argument(description="Only what was done to this.")
        ] = None,
    ) -> Connection[Annotated[AuditEvent, strawberry.lazy("resolvers.audit_event")]] | None:
        gateway, actor = info.context.gateway, info.context.actor
        target = audit_event_types.stored_target(target_id)
        page = await audit_rules.page(gateway, actor, first=first, after=after, action=action, target=target)
        return connection(
            Connection[audit_event_types.AuditEvent],
            page,
            audit_event_types.AuditEvent.of,
            lambda: audit_rules.count(gateway, actor, action=action, target=target),
        )


@strawberry.type
class OrganizationQuery:
    @strawberry.field(description="The caller's own organization; null for the id of any other.")
    def organization(
        self,
        info: Info,
        id: Annotated[strawberry.ID | None, strawberry.argument(description="By default the caller's own.")] = None,
    ) -> Organization | None:
        own = Organization.of(info.context.organization)
        return own if id in (None, own.id) else None
