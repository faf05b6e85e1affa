"""What roles allow, built-in ones and an organization's own (rule 37). Making and dropping them is in own_role.py."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from uuid import UUID

from app import access
from app.access import BUILT_IN, Actor, Permission
from app.errors import BadInput
from app.postgres import Connection
from app.store import access_token, role
from app.store.record import Role


async def permissions_of(
    connection: Connection, organization_id: UUID, names: Collection[str], *, limited: bool
) -> frozenset[Permission]:
    """What roles of the organization allow together; an unknown name gives nothing. `limited`: to certain databases."""
    own = await role.by_names(connection, organization_id, names)
    return access.permissions_of(names, _named(own), limited=limited)


async def granted(connection: Connection, organization_id: UUID, names: Collection[str]) -> frozenset[Permission]:
    """What roles give a new token; none of them is dropped before the transaction ends. Raises BadInput for one that is not there."""
    own = await role.hold(connection, organization_id, names)
    unknown = set(names) - BUILT_IN.keys() - {each.name for each in own}
    if unknown or not names:
        missing = (
            f" Not there, of those given: {len(unknown)}." if unknown else ""
        )  # not by name: people paste keys anywhere
        raise BadInput(f"roles must name one or more of: {', '.join(BUILT_IN)}, the organization's own roles.{missing}")
    return access.permissions_of(names, _named(own), limited=False)


async def as_now(connection: Connection, actor: Actor) -> Actor:
    """The actor with what it may do now, for what outlives the request that it began with: a role may have been dropped since."""
    tokens = await access_token.by_ids(connection, actor.organization_id, [actor.token_id])
    names = tokens[0].roles if tokens else actor.roles
    limited = actor.databases is not None
    allowed = await permissions_of(connection, actor.organization_id, names, limited=limited)
    return replace(actor, roles=names, permissions=allowed)


def _named(roles: Collection[Role]) -> list[str]:
    return [permission for each in roles for permission in each.permissions]
