"""NVIDIA's hosted NIMs, with a key of the operator's. Wire format: docs.nvidia.com/nim/nemo-retriever/text-embedding."""

from __future__ import annotations

from providers.base import BatchLimits, Dimension, InputType, Kind, Model, ModelStatus
from providers.openai_compatible import OpenAICompatible

SUCCESSOR = "Use nvidia/llama-nemotron-embed-1b-v2."

MODELS = (
    Model(
        name="nvidia/llama-nemotron-embed-1b-v2",
        dimension=Dimension.exactly(2048),
        max_input_tokens=8192,
    ),
    Model(name="nvidia/nemotron-3-embed-1b", dimension=Dimension.exactly(2048), max_input_tokens=4096),
    Model(
        name="nvidia/llama-3.2-nv-embedqa-1b-v2",
        dimension=Dimension(default=2048, minimum=384, maximum=2048, choices=(384, 512, 768, 1024, 2048)),
        max_input_tokens=8192,
        status=ModelStatus.DEPRECATED,
        status_message=SUCCESSOR,
    ),
    Model(
        name="nvidia/nv-embedqa-e5-v5",
        dimension=Dimension.exactly(1024),
        max_input_tokens=512,
        status=ModelStatus.END_OF_LIFE,
        status_message=f"NVIDIA withdrew it on 2026-08-25. {SUCCESSOR}",
    ),
    Model(
        name="NV-Embed-QA",
        dimension=Dimension.exactly(1024),
        max_input_tokens=512,
        status=ModelStatus.END_OF_LIFE,
        status_message=f"NVIDIA serves it no more. {SUCCESSOR}",
    ),
)

NVIDIA = OpenAICompatible(
    key="nvidia",
    display_name="NVIDIA",
    kind=Kind.HOSTED,
    documentation_url="https://docs.nvidia.com/nim/nemo-retriever/text-embedding/latest/overview.html",
    base_url="https://integrate.api.nvidia.com/v1",
    input_types={InputType.DOCUMENT: "passage", InputType.QUERY: "query"},
    error_paths=("message", "detail", "detail/0/msg", "error", "title"),
    error_field_paths=("detail/0/loc/1",),
    limits=BatchLimits(texts=8),
    models=MODELS,
)
