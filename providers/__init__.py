"""Embedding providers: what each is, and how it is spoken to. Knows nothing of PostgreSQL, GraphQL or app/."""

from __future__ import annotations

from collections.abc import Iterable

from providers.azure_openai import AZURE_OPENAI
from providers.base import Provider
from providers.hugging_face import HUGGING_FACE
from providers.hugging_face_dedicated import HUGGING_FACE_DEDICATED
from providers.jina_ai import JINA_AI
from providers.local import LOCAL
from providers.mistral import MISTRAL
from providers.nvidia import NVIDIA
from providers.openai import OPENAI
from providers.upstage import UPSTAGE
from providers.voyage_ai import VOYAGE_AI

PROVIDERS: tuple[Provider, ...] = (
    LOCAL,
    NVIDIA,
    AZURE_OPENAI,
    HUGGING_FACE_DEDICATED,
    HUGGING_FACE,
    JINA_AI,
    MISTRAL,
    OPENAI,
    UPSTAGE,
    VOYAGE_AI,
)
"""Every provider there is, as they are listed: hosted ones, then external ones by name. A new one is a line here."""


def by_key(providers: Iterable[Provider] = PROVIDERS) -> dict[str, Provider]:
    """The providers by their keys, in the same order."""
    return {provider.key: provider for provider in providers}
