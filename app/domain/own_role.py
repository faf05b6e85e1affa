"""Roles that an organization makes from permissions, and drops again. They never change: what a name allows is settled once."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from uuid import UUID

from app.access import BUILT_IN, Actor, Permission
from app.domain import audit
from app.errors import AlreadyExists, BadInput, LimitExceeded, NotFound
from app.gateway import Gateway
from app.postgres import Connection
from app.store import access_token, organization, role
from app.store.record import Role
from app.value import check_text, check_title

MOST_ROLES = 500
"""Roles of one organization, which are answered as one list."""

LONGEST_DESCRIPTION = 1000

MOST_NAMED = 100
"""Access tokens that the audit log names when a role is dropped."""


async def create(
    gateway: Gateway, actor: Actor, *, name: str, permissions: Sequence[Permission], description: str
) -> Role:
    """A new role. Nobody makes a role that allows more than its maker may."""
    actor.require(Permission.MANAGE_ACCESS)
    actor.require_all(permissions, "roles")
    title = check_title(name, "A role's name")
    _check(permissions, description)
    if title in BUILT_IN:
        raise AlreadyExists(f"{title!r} is a built-in role: choose another name.")
    async with gateway.postgres.catalogue.transaction() as connection:
        created = await _insert(connection, actor.organization_id, title, permissions, description)
        allowed = created.permissions
        await audit.done(connection, actor, "create_role", "Role", created.id, title, permissions=allowed)
    return created


async def drop(gateway: Gateway, actor: Actor, name: str) -> Role:
    """Drop a role. Access tokens lose it for good: a later role of the same name does not come back to them."""
    actor.require(Permission.MANAGE_ACCESS)
    if name in BUILT_IN:
        raise BadInput(f"{name!r} is a built-in role, which stays.")
    async with gateway.postgres.catalogue.transaction() as connection:
        dropped = await role.delete(connection, actor.organization_id, name)
        if dropped is None:
            raise NotFound("There is no role with this name.")
        lost = await access_token.take_role(connection, actor.organization_id, name)
        named = {"access_token_count": len(lost), "access_tokens": lost[:MOST_NAMED]}
        await audit.done(connection, actor, "drop_role", "Role", dropped.id, name, **named)
    return dropped


async def of_organization(gateway: Gateway, actor: Actor) -> list[Role]:
    """The organization's own roles, in order of creation."""
    actor.require(Permission.MANAGE_ACCESS)
    async with gateway.postgres.catalogue.connection() as connection:
        return await role.of_organization(connection, actor.organization_id)


async def _insert(
    connection: Connection, organization_id: UUID, name: str, permissions: Collection[Permission], description: str
) -> Role:
    await organization.lock(connection, organization_id)
    if (there := await role.count(connection, organization_id)) >= MOST_ROLES:
        message = f"An organization has at most {MOST_ROLES} roles of its own: drop one first."
        raise LimitExceeded(message, limit=MOST_ROLES, actual=there + 1)
    allowed = [each.value for each in Permission if each in permissions]
    created = await role.insert(connection, organization_id, name, allowed, description)
    if created is None:
        raise AlreadyExists(f"There is a role named {name!r} already: choose another name.")
    return created


def _check(permissions: Sequence[Permission], description: str) -> None:
    if not permissions:
        raise BadInput("permissions must have at least one: a role without any allows nothing.", limit=1, actual=0)
    check_text(description, "A role's description")
    if len(description) > LONGEST_DESCRIPTION:
        message = f"A role's description has at most {LONGEST_DESCRIPTION} characters."
        raise BadInput(message, limit=LONGEST_DESCRIPTION, actual=len(description))
