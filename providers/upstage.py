"""Upstage. Wire format, models and limits: console.upstage.ai/docs/capabilities/embed."""

from __future__ import annotations

from providers.base import BatchLimits, Dimension, InputType, Kind, Model, ModelStatus
from providers.openai_compatible import OpenAICompatible

MODELS = (
    Model(name="solar-embedding-2", dimension=Dimension.exactly(1024), max_input_tokens=8000),
    Model(
        name="solar-embedding-1-large",
        dimension=Dimension.exactly(4096),
        max_input_tokens=4000,
        status=ModelStatus.DEPRECATED,
        status_message="Upstage withdraws it on 2026-12-31. Use solar-embedding-2.",
    ),
)
"""Each stands for a pair of Upstage's models, one for documents and one for queries."""

UPSTAGE = OpenAICompatible(
    key="upstageAI",
    display_name="Upstage",
    kind=Kind.EXTERNAL,
    documentation_url="https://console.upstage.ai/docs/capabilities/embed",
    base_url="https://api.upstage.ai/v1",
    model_suffixes={InputType.DOCUMENT: "-passage", InputType.QUERY: "-query"},
    error_paths=("message", "error/message"),
    limits=BatchLimits(texts=100, tokens=204_800),
    models=MODELS,
)
