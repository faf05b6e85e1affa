"""Organizations: made by the operator's commands and at first start, never through the API."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from app.access import BUILT_IN, Actor
from app.domain import access_token, audit, role
from app.errors import AlreadyExists, NotFound
from app.gateway import Gateway
from app.notification import Topic
from app.postgres import Connection
from app.secret import hint, new_token, token_hash
from app.store import access_token as tokens
from app.store import organization
from app.store.notification import notify
from app.store.record import Organization
from app.value import check_title

ADMINISTRATOR = next(iter(BUILT_IN))
FIRST_NAME = "administrator"


@dataclass(frozen=True, slots=True)
class Bootstrapped:
    """The first organization, and the bootstrap token's secret where this start has made one."""

    organization: Organization
    generated_token: str | None


async def create(gateway: Gateway, name: str) -> tuple[Organization, str]:
    """A new organization and the secret of its first token, which may do everything in it."""
    title = check_title(name, "An organization's name")
    secret = new_token()
    async with gateway.postgres.catalogue.transaction() as connection:
        created = await organization.create(connection, title)
        if created is None:
            raise AlreadyExists(f"There is an organization named {title!r} already: choose another name.")
        first = await access_token.insert(connection, created.id, FIRST_NAME, secret, [ADMINISTRATOR])
        operator = Actor.operator(created.id)
        await access_token.note_created(connection, operator, first)
        await audit.done(connection, operator, "create_organization", "Organization", created.id, title)
    return created, secret


async def create_token(gateway: Gateway, organization_name: str, roles: Sequence[str], name: str) -> str:
    """A new token's secret, on the operator's word. The roles: built-in ones, and those of the organization."""
    title, secret = check_title(name, "A token's name"), new_token()
    async with gateway.postgres.catalogue.transaction() as connection:
        found = await organization.by_name(connection, organization_name)
        if found is None:
            raise NotFound(
                f"There is no organization named {organization_name!r}: make it with `vectorgate organization create`."
            )
        await role.granted(connection, found.id, roles)
        created = await access_token.insert(connection, found.id, title, secret, roles)
        await access_token.note_created(connection, Actor.operator(found.id), created)
    return secret


async def bootstrap(gateway: Gateway) -> Bootstrapped:
    """Make the first organization and its bootstrap token where they are missing; a changed setting replaces the token."""
    setting = gateway.settings.bootstrap_token
    given = setting.get_secret_value() if setting is not None else None
    name = check_title(gateway.settings.organization, "VECTORGATE_ORGANIZATION")
    async with gateway.postgres.catalogue.transaction() as connection:
        await organization.lock_creation(connection)
        first = await organization.by_name(connection, name) or await organization.create(connection, name)
        assert first is not None  # noqa: S101 - nobody else creates one while the lock is held
        generated = await _bootstrap_token(connection, first, given)
    return Bootstrapped(first, generated)


async def _bootstrap_token(connection: Connection, first: Organization, given: str | None) -> str | None:
    """One that was revoked stays so until the setting changes: whoever revoked it meant it."""
    stored = await tokens.bootstrap_hash(connection)
    if stored is not None and (given is None or secrets.compare_digest(stored, token_hash(given))):
        return None
    secret = given or new_token()
    name, roles = access_token.BOOTSTRAP, [ADMINISTRATOR]
    token_id = await tokens.put_bootstrap(connection, first.id, name, token_hash(secret), hint(secret), roles)
    if stored is not None:
        await notify(connection, Topic.ACCESS_TOKEN, first.id)
        operator = Actor.operator(first.id)
        await audit.done(connection, operator, "replace_bootstrap_token", "AccessToken", token_id, name, roles=roles)
    return secret if given is None else None
