"""What every resolver is handed: the gateway, who asks, this request's loaders and what it is refused. Pools, never a connection."""

from __future__ import annotations

from typing import TypeAlias

import strawberry

from app.access import Actor
from app.domain.access_token import Session
from app.domain.refusal import Refusals
from app.gateway import Gateway
from app.store.record import Organization
from resolvers.loader import Loaders


class Context:
    """One request's context."""

    def __init__(self, gateway: Gateway, session: Session) -> None:
        self.gateway = gateway
        self.actor: Actor = session.actor
        self.organization: Organization = session.organization
        self.loaders = Loaders(gateway, session.actor)
        self.refusals = Refusals(gateway, session.actor)

    @property
    def holder(self) -> str:
        """Whose limits count: an access token's id, or what all tokens of one subject of the identity provider have in common."""
        return str(self.actor.token_id)

    def forget(self) -> None:
        """After a mutation: what was loaded before may be true no more."""
        self.loaders = Loaders(self.gateway, self.actor)


Info: TypeAlias = strawberry.Info[Context, None]
