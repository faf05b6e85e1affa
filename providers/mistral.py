"""Mistral AI. Wire format and limits: docs.mistral.ai/api/endpoint/embeddings and docs.mistral.ai/capabilities/embeddings."""

from __future__ import annotations

from providers.base import BatchLimits, Dimension, Kind, Model
from providers.openai_compatible import OpenAICompatible

MISTRAL = OpenAICompatible(
    key="mistral",
    display_name="Mistral AI",
    kind=Kind.EXTERNAL,
    documentation_url="https://docs.mistral.ai/capabilities/embeddings/",
    base_url="https://api.mistral.ai/v1",
    encoding_format="float",
    error_paths=("message", "message/detail/0/msg", "detail/0/msg"),
    error_field_paths=("param", "detail/0/loc/1", "message/detail/0/loc/1"),
    limits=BatchLimits(texts=512, tokens=16_000),
    models=(Model(name="mistral-embed", dimension=Dimension.exactly(1024), max_input_tokens=8192),),
)
