"""Access tokens: who a request speaks for, and the tokens' own life (rule 37). Only hashes are stored; a secret is answered once."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from uuid import UUID

from app.access import OPERATOR, SUBJECT_MARK, SYSTEM, Actor, Permission, permissions_of
from app.domain import audit, database, role
from app.errors import AlreadyExists, BadInput, NotFound, Unauthenticated
from app.gateway import Gateway
from app.notification import Topic
from app.page import Page, after_id, check_first, id_cursor
from app.postgres import Connection
from app.secret import hint, new_token, token_hash
from app.store import access_token
from app.store.access_token import Valid
from app.store.notification import notify
from app.store.record import AccessToken, Organization
from app.value import check_title

MOST_DATABASES = 1000

BOOTSTRAP = "bootstrap"
"""The name of the token that the operator's settings make; no other token may have it."""

RESERVED = {SYSTEM: "the gateway itself", OPERATOR: "whoever runs its commands"}
"""Names of actors that are no tokens; in any case of letters, since whoever reads a log does not tell them apart."""

MOST_NAMED = 100
"""Databases that the audit log names when a token or a credential is made for them."""


@dataclass(frozen=True, slots=True)
class Session:
    """Who asks, and the organization that it is about."""

    actor: Actor
    organization: Organization


async def authenticate(gateway: Gateway, token: str | None, *, request_id: str, address: str) -> Session:
    """One statement, at every request: a revoked token bites on the next. Requests that come together share it.

    Raises Unauthenticated, which does not say why.
    """
    if token is None or not token.isascii():
        raise Unauthenticated("Send an access token in the header Authorization: Bearer <token>.")
    valid = await gateway.questions.of("access tokens", partial(_valid, gateway)).get(token_hash(token))
    if valid is None:
        raise Unauthenticated("The access token is not valid (any more): ask an administrator for a new one.")
    gateway.tokens_used.note(valid.id)
    actor = Actor(
        organization_id=valid.organization.id,
        token_id=valid.id,
        token_name=valid.name,
        roles=valid.roles,
        permissions=permissions_of(valid.roles, valid.permissions, limited=valid.database_ids is not None),
        databases=valid.database_ids,
        request_id=request_id,
        address=address,
    )
    return Session(actor, valid.organization)


async def _valid(gateway: Gateway, hashes: Sequence[bytes]) -> Mapping[bytes, Valid | None]:
    async with gateway.postgres.catalogue.connection(as_found=True) as connection:
        found = await access_token.valid(connection, hashes)
    return {each: found.get(each) for each in hashes}


async def in_force(gateway: Gateway, tokens: Collection[str]) -> set[str]:
    """Those of the tokens that `authenticate` would let in; one statement for all of them."""
    by_hash = {token_hash(token): token for token in tokens}
    async with gateway.postgres.catalogue.connection() as connection:
        return {by_hash[each] for each in await access_token.in_force(connection, list(by_hash))}


async def create(
    gateway: Gateway,
    actor: Actor,
    *,
    name: str,
    roles: Sequence[str],
    database_ids: Sequence[UUID] | None,
    expires_at: datetime | None,
) -> tuple[AccessToken, str]:
    """A new token and its secret, which is never answered again. A token makes only tokens that may no more than itself."""
    await database.find_all(gateway, actor, database_ids or [])
    actor.require(Permission.MANAGE_ACCESS)
    title = check_title(name, "A token's name")
    if database_ids is not None and len(database_ids) > MOST_DATABASES:
        message = f"databaseIds may name {MOST_DATABASES} databases."
        raise BadInput(message, limit=MOST_DATABASES, actual=len(database_ids))
    if expires_at is not None and expires_at <= datetime.now(UTC):
        raise BadInput("expiresAt must lie in the future.")
    secret = new_token()
    async with gateway.postgres.catalogue.transaction() as connection:
        actor.require_all(await role.granted(connection, actor.organization_id, roles), "tokens")
        created = await insert(
            connection, actor.organization_id, title, secret, roles, database_ids=database_ids, expires_at=expires_at
        )
        await note_created(connection, actor, created)
    return created, secret


async def note_created(connection: Connection, actor: Actor, created: AccessToken) -> None:
    """Add what a new token may, where and for how long to the audit log."""
    databases = created.database_ids
    await audit.done(
        connection,
        actor,
        "create_access_token",
        "AccessToken",
        created.id,
        created.name,
        roles=created.roles,
        databaseIds=None if databases is None else [str(each) for each in databases[:MOST_NAMED]],
        databaseCount=None if databases is None else len(databases),
        expiresAt=created.expires_at and created.expires_at.isoformat(),
    )


async def insert(
    connection: Connection,
    organization_id: UUID,
    name: str,
    secret: str,
    roles: Sequence[str],
    *,
    database_ids: Sequence[UUID] | None = None,
    expires_at: datetime | None = None,
) -> AccessToken:
    """Raises AlreadyExists when a token of that name is in force, or the name is the bootstrap token's or another actor's.

    Raises BadInput for a name by which the audit log would take it for somebody else.
    """
    if name.startswith(SUBJECT_MARK):
        raise BadInput(f"A token's name must not begin with {SUBJECT_MARK!r}, as the identity provider's subjects do.")
    if name == BOOTSTRAP:
        raise AlreadyExists(f"{BOOTSTRAP!r} is the token of the operator's settings: choose another name.")
    if name.casefold() in RESERVED:
        raise AlreadyExists(f"{name!r} is what the audit log calls {RESERVED[name.casefold()]}: choose another name.")
    created = await access_token.insert(
        connection,
        organization_id,
        name,
        token_hash(secret),
        hint(secret),
        list(dict.fromkeys(roles)),
        database_ids=database_ids,
        expires_at=expires_at,
    )
    if created is None:
        raise AlreadyExists(f"An access token named {name!r} is in force already: revoke it, or choose another name.")
    return created


async def revoke(gateway: Gateway, actor: Actor, token_id: UUID | None) -> AccessToken:
    """Revoke a token; it is refused from the next request on, everywhere. Doing it again answers the same.

    Whoever may not manage access sees no token, so the permission comes first here: no answer tells which ids are tokens'.
    """
    actor.require(Permission.MANAGE_ACCESS)
    async with gateway.postgres.catalogue.transaction() as connection:
        revoked = await access_token.revoke(connection, actor.organization_id, token_id) if token_id else None
        if revoked is None:
            raise NotFound("There is no access token with this id.")
        await notify(connection, Topic.ACCESS_TOKEN, actor.organization_id)
        await audit.done(connection, actor, "revoke_access_token", "AccessToken", revoked.id, revoked.name)
    return revoked


async def page(gateway: Gateway, actor: Actor, *, first: int, after: str | None) -> Page[AccessToken]:
    """The organization's tokens, revoked ones included, in order of creation."""
    actor.require(Permission.MANAGE_ACCESS)
    check_first(first)
    async with gateway.postgres.catalogue.connection() as connection:
        found = await access_token.page(connection, actor.organization_id, after_id(after), first + 1)
    return Page.of(found, first, after, lambda token: id_cursor(token.id))


async def count(gateway: Gateway, actor: Actor) -> int:
    """How many tokens `page` would go through."""
    actor.require(Permission.MANAGE_ACCESS)
    async with gateway.postgres.catalogue.connection() as connection:
        return await access_token.count(connection, actor.organization_id)
