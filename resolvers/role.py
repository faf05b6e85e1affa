"""Roles in GraphQL: the built-in ones, and those that the organization has made."""

from __future__ import annotations

import strawberry

from app import access
from app.access import BUILT_IN, Permission
from app.domain import own_role as rules
from app.store import record
from resolvers.context import Info
from resolvers.mutation import Input, Payload
from resolvers.node import Node, as_uuid, global_id
from resolvers.permission import mutation


@strawberry.type(description="A named set of permissions, which access tokens have by its name.")
class Role(Node):
    name: str = strawberry.field(description="Unique in the organization; permanent.")
    built_in: bool = strawberry.field(description="Whether every organization has it, and none can drop it.")
    permissions: list[Permission] = strawberry.field(description="What it allows; permanent.")
    description: str = strawberry.field(description="What it is for; empty: its maker did not say.")

    @classmethod
    def of(cls, role: record.Role) -> Role:
        return cls(
            id=global_id("Role", role.id),
            name=role.name,
            built_in=False,
            permissions=_in_order(access.known(role.permissions)),
            description=role.description,
        )

    @classmethod
    def of_built_in(cls, role: access.Role) -> Role:
        """Its name is its key: it is the same in every organization."""
        return cls(
            id=global_id("Role", role.name),
            name=role.name,
            built_in=True,
            permissions=_in_order(role.permissions),
            description=role.description,
        )


async def roles(info: Info) -> list[Role]:
    """The built-in ones, then the organization's own in order of creation."""
    made = await rules.of_organization(info.context.gateway, info.context.actor)
    return [*map(Role.of_built_in, BUILT_IN.values()), *map(Role.of, made)]


async def by_key(info: Info, key: str) -> Role | None:
    """By the key of its id; None for whoever may not manage access, and so sees no roles."""
    if not info.context.actor.may(Permission.MANAGE_ACCESS):
        return None
    if key in BUILT_IN:
        return Role.of_built_in(BUILT_IN[key])
    identifier = as_uuid(key)
    found = await info.context.loaders.role_by_id.load(identifier) if identifier is not None else None
    return Role.of(found) if found else None


def _in_order(permissions: frozenset[Permission]) -> list[Permission]:
    return [each for each in Permission if each in permissions]


@strawberry.input(description="Make a role from permissions that the caller has itself.")
class CreateRoleInput(Input):
    name: str = strawberry.field(
        description="1 to 100 printable characters, unique in the organization; the built-in roles' names are taken."
    )
    permissions: list[Permission] = strawberry.field(description="What it allows: at least one.")
    description: str = strawberry.field(default="", description="What it is for: at most 1000 characters.")


@strawberry.type(description="The outcome of createRole.")
class CreateRolePayload(Payload):
    role: Role = strawberry.field(description="The role.")


@strawberry.input(description="Drop a role that the organization has made.")
class DropRoleInput(Input):
    name: str = strawberry.field(description="The role's name.")


@strawberry.type(description="The outcome of dropRole, in force from the next request on.")
class DropRolePayload(Payload):
    dropped_role_id: strawberry.ID = strawberry.field(description="What was its id.")
    dropped_role_name: str = strawberry.field(description="What was its name.")


@strawberry.type
class RoleMutation:
    @mutation(
        Permission.MANAGE_ACCESS,
        "Make a role. It may allow what the caller may itself, and never changes: to change it, drop it and make it anew.",
    )
    async def create_role(self, info: Info, input: CreateRoleInput) -> CreateRolePayload | None:
        created = await rules.create(
            info.context.gateway,
            info.context.actor,
            name=input.name,
            permissions=input.permissions,
            description=input.description,
        )
        return CreateRolePayload(role=Role.of(created), client_mutation_id=input.client_mutation_id)

    @mutation(
        Permission.MANAGE_ACCESS,
        "Drop a role. Access tokens that have it are not refused: they lose it, and what only it allowed them, from the "
        "next request on and for good. A role that is made later under the same name does not come back to them. The "
        "audit log names them. Built-in roles stay: BAD_INPUT.",
    )
    async def drop_role(self, info: Info, input: DropRoleInput) -> DropRolePayload | None:
        dropped = await rules.drop(info.context.gateway, info.context.actor, input.name)
        return DropRolePayload(
            dropped_role_id=global_id("Role", dropped.id),
            dropped_role_name=dropped.name,
            client_mutation_id=input.client_mutation_id,
        )
