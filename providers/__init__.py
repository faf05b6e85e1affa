"""Embedding providers: what each is, and how it is spoken to. Knows nothing of PostgreSQL, GraphQL or app/."""

from __future__ import annotations

from collections.abc import Iterable

from providers.base import Provider
from providers.local import LOCAL
from providers.openai import OPENAI

PROVIDERS: tuple[Provider, ...] = (
    LOCAL,
    OPENAI,
)
"""Every provider there is, in the order in which they are listed. A new one is a line here."""


def by_key(providers: Iterable[Provider] = PROVIDERS) -> dict[str, Provider]:
    """The providers by their keys, in the same order."""
    return {provider.key: provider for provider in providers}
