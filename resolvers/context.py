"""What every resolver is handed: the gateway, who asks, and this request's loaders. It carries pools, never a connection."""

from __future__ import annotations

from typing import TypeAlias

import strawberry

from app.access import Actor
from app.domain.access_token import Session
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

    def forget(self) -> None:
        """After a mutation: what was loaded before may be true no more."""
        self.loaders = Loaders(self.gateway, self.actor)


Info: TypeAlias = strawberry.Info[Context, None]
