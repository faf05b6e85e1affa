"""Who a request speaks for: an access token, or somebody whom the identity provider vouches for.

The provider says who it is and names roles; what roles allow is looked up here, at every request.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import reduce
from uuid import uuid5

import structlog

from app import tenant
from app.access import BUILT_IN, Actor, permissions_of
from app.domain import access_token, refusal
from app.domain.access_token import Session
from app.domain.refusal import Refusal
from app.errors import PermissionDenied, Unauthenticated
from app.gateway import Gateway
from app.oidc import IdentityProvider
from app.signed_token import Claims, TokenRefusedError, is_signed_token
from app.store import organization
from app.store.organization import Home

LONGEST_NAME = 100
"""Characters of a role's name: what is longer names none."""

SIGN_IN = "sign_in"
"""The action that is refused to whom the identity provider knows, and no role does."""

log = structlog.get_logger(__name__)


async def authenticate(gateway: Gateway, token: str | None, *, request_id: str, address: str) -> Session:
    """Who holds the token. Raises Unauthenticated, which does not say why, and PermissionDenied for a stranger to all roles."""
    provider = gateway.identity_provider
    if provider is None or token is None or not is_signed_token(token):
        return await access_token.authenticate(gateway, token, request_id=request_id, address=address)
    claims = await _claims(provider, token)
    names = role_names(claims.model_extra or {}, gateway.settings.oidc_roles_claim)
    async with gateway.postgres.catalogue.connection(as_found=True) as connection:
        home = await organization.home(connection, gateway.settings.organization, names)
    if home is None:
        raise _refused("the organization of the settings does not exist")
    actor = _actor(home, names, claims, request_id, address)
    if not actor.permissions:
        stranger = PermissionDenied(
            "You are signed in, but your token names no role that gives a permission here: ask an administrator for one."
        )
        with tenant.working_for(home.organization.id):
            await refusal.tell(gateway, actor, Refusal.of(SIGN_IN, stranger))
        raise stranger
    return Session(actor, home.organization)


async def in_force(gateway: Gateway, tokens: Collection[str]) -> set[str]:
    """Those of the tokens that were let in and would be again; one statement at most, and no request to the identity provider."""
    provider = gateway.identity_provider
    signed = set(filter(is_signed_token, tokens)) if provider is not None else set()
    standing = provider.standing(signed) if provider is not None else set[str]()
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


def _actor(home: Home, names: Sequence[str], claims: Claims, request_id: str, address: str) -> Actor:
    known = BUILT_IN.keys() | set(home.roles)
    return Actor(
        organization_id=home.organization.id,
        token_id=uuid5(home.organization.id, f"{claims.iss}\n{claims.sub}"),
        token_name=None,
        roles=[name for name in names if name in known],
        permissions=permissions_of(names, home.permissions, limited=False),
        request_id=request_id,
        address=address,
        subject=claims.sub,
    )
