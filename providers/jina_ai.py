"""Jina AI. Wire format and limits: api.jina.ai/redoc and jina.ai/embeddings."""

from __future__ import annotations

from providers.base import BatchLimits, Dimension, Kind, Model, Parameter, ParameterType
from providers.openai_compatible import OpenAICompatible

TASK = Parameter(
    name="task",
    display_name="Task",
    default="text-matching",
    choices=("text-matching", "retrieval.passage", "retrieval.query", "separation", "classification"),
    help="What the vectors are for. It holds for what is stored and for what is searched alike.",
)
LATE_CHUNKING = Parameter(
    name="late_chunking",
    display_name="Late chunking",
    type=ParameterType.BOOLEAN,
    default=False,
    help="Embed each token in the context of the whole text. Each text then takes a request of its own.",
)

JINA_AI = OpenAICompatible(
    key="jinaAI",
    display_name="Jina AI",
    kind=Kind.EXTERNAL,
    documentation_url="https://jina.ai/embeddings/",
    base_url="https://api.jina.ai/v1",
    body_parameters={"task": "task", "late_chunking": "late_chunking"},
    joined_by="late_chunking",
    error_paths=("detail", "detail/0/msg"),
    error_field_paths=("detail/0/loc/1",),
    limits=BatchLimits(texts=512),
    models=(
        *(
            Model(name=f"jina-embeddings-v2-base-{kind}", dimension=Dimension.exactly(768), max_input_tokens=8192)
            for kind in ("en", "de", "es", "code", "zh")
        ),
        Model(
            name="jina-embeddings-v3",
            dimension=Dimension(default=1024, minimum=1, maximum=1024),
            max_input_tokens=8192,
            parameters=(TASK, LATE_CHUNKING),
        ),
    ),
)
