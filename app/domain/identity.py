"""Who a request speaks for: an access token, or somebody whom the identity provider vouches for.

The provider says who it is and names roles; what roles allow is looked up here, at every request.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import reduce
from uuid import uuid5

import structlog

from app.access import BUILT_IN, Actor, permissions_of
from app.domain import access_token
from app.domain.access_token import Session
from app.errors import PermissionDenied, Unauthenticated
from app.gateway import Gateway
from app.oidc import IdentityProvider
from app.postgres import Connection
from app.signed_token import Claims, TokenRefusedError, is_signed_token
from app.store import organization, role
from app.store.record import Organization

LONGEST_NAME = 100
"""Characters of a role's name: what is longer names none."""

log = structlog.get_logger(__name__)


async def authenticate(gateway: Gateway, token: str | None, *, request_id: str, address: str) -> Session:
    """Who holds the token. Raises Unauthenticated, which does not say why, and PermissionDenied for a stranger to all roles."""
    provider = gateway.identity_provider
    if provider is None or token is None or not is_signed_token(token):
        return await access_token.authenticate(gateway, token, request_id=request_id, address=address)
    claims = await _claims(provider, token)
    async with gateway.postgres.catalogue.connection(as_found=True) as connection:
        home = await organization.by_name(connection, gateway.settings.organization)
        if home is None:
            raise _refused("the organization of the settings does not exist")
        actor = await _actor(connection, gateway, home, claims, request_id, address)
    if not actor.permissions:
        raise PermissionDenied(
            "You are signed in, but your token names no role that gives a permission here: ask an administrator for one."
        )
    return Session(actor, home)


async def in_force(gateway: Gateway, tokens: Collection[str]) -> set[str]:
    """Those of the tokens that were let in and would be again; one statement at most, and no request to the identity provider."""
    provider = gateway.identity_provider
    signed = set(filter(is_signed_token, tokens)) if provider is not None else set()
    standing = {token for token in signed if provider is not None and provider.stands(token)}
    others = set(tokens) - signed
    return standing | await access_token.in_force(gateway, others) if others else standing


def role_names(claims: Mapping[str, object], path: str) -> list[str]:
    """The names in a claim: a string or a list of them. `path`: the claim's name, or names of objects with dots between."""
    whole: object = claims
    found = claims[path] if path in claims else reduce(_member, path.split("."), whole)
    names = [found] if isinstance(found, str) else found if isinstance(found, list) else []
    return list(dict.fromkeys(name for name in names if isinstance(name, str) and _can_name(name)))


def _member(value: object, name: str) -> object:
    return value.get(name) if isinstance(value, Mapping) else None


def _can_name(name: str) -> bool:
    return 1 <= len(name) <= LONGEST_NAME and name.isprintable()


async def _claims(provider: IdentityProvider, token: str) -> Claims:
    try:
        return await provider.claims(token)
    except TokenRefusedError as refusal:
        raise _refused(str(refusal)) from None


def _refused(reason: str) -> Unauthenticated:
    """One answer for all reasons; the log tells them apart."""
    log.info("signed_token_refused", reason=reason)
    return Unauthenticated("The identity provider's token is not valid (any more): sign in again.")


async def _actor(
    connection: Connection, gateway: Gateway, home: Organization, claims: Claims, request_id: str, address: str
) -> Actor:
    names = role_names(claims.model_extra or {}, gateway.settings.oidc_roles_claim)
    made = await role.by_names(connection, home.id, names)
    permissions = permissions_of(names, (each for one in made for each in one.permissions), limited=False)
    known = BUILT_IN.keys() | {one.name for one in made}
    return Actor(
        organization_id=home.id,
        token_id=uuid5(home.id, f"{claims.iss}\n{claims.sub}"),
        token_name=None,
        roles=[name for name in names if name in known],
        permissions=permissions,
        request_id=request_id,
        address=address,
        subject=claims.sub,
    )
