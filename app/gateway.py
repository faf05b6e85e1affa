"""What every verb of the domain is handed: the clusters, the key ring, the providers and the settings of this process."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

import httpx

from app.notification import Hub
from app.oidc import IdentityProvider
from app.postgres import Postgres
from app.query_cache import QueryCache
from app.quota import RefusalQuota
from app.secret import Keyring
from app.settings import Settings
from app.together import Questions
from providers.catalogue import Catalogue
from providers.embedding import Embedding
from providers.transport import Sender


class LastUse:
    """When credentials and tokens were last used: noted in memory, written by the sweep, so that no request waits for it."""

    def __init__(self) -> None:
        self._at: dict[UUID, datetime] = {}

    def note(self, identifier: UUID) -> None:
        self._at[identifier] = datetime.now(UTC)

    def take(self) -> Mapping[UUID, datetime]:
        """What was noted since the last time."""
        noted, self._at = self._at, {}
        return noted


QUERIES_BYTES: Final = 16 * 1024 * 1024
"""What remembered query vectors may take: some 2,500 of 1,536 components."""

ENTRY_BYTES: Final = 1_000
"""What an entry takes beside its vector and its text, about."""


def query_bytes(key: Hashable, found: Embedding) -> int:
    """What a remembered query vector takes, about, with the text that it was made from."""
    return found.vectors.nbytes + len(str(key)) + ENTRY_BYTES


def query_cache() -> QueryCache[Embedding]:
    """An empty one, bounded by its bytes: texts and vectors can be long."""
    return QueryCache(QUERIES_BYTES, query_bytes)


@dataclass(frozen=True, slots=True)
class Gateway:
    """One process's hands. Holds pools, never a connection, and nothing about tenants."""

    settings: Settings
    postgres: Postgres
    keyring: Keyring
    catalogue: Catalogue
    client: httpx.AsyncClient
    sender: Sender
    identity_provider: IdentityProvider | None = None
    """Whose tokens are accepted beside access tokens; None: nobody's."""
    queries: QueryCache[Embedding] = field(default_factory=query_cache)
    credentials_used: LastUse = field(default_factory=LastUse)
    tokens_used: LastUse = field(default_factory=LastUse)
    refusals: RefusalQuota = field(default_factory=RefusalQuota)
    hub: Hub = field(default_factory=Hub)
    questions: Questions = field(default_factory=Questions)
