"""OpenAI. Wire format, limits and models: platform.openai.com/docs/api-reference/embeddings and /docs/models."""

from __future__ import annotations

from providers.base import BatchLimits, Dimension, Kind, Model, Parameter
from providers.openai_compatible import OpenAICompatible

HEADER_VALUE = "[!-~]{1,128}"
"""Printable ASCII without spaces: these values travel in headers."""

MODELS = (
    Model(
        name="text-embedding-3-small",
        dimension=Dimension(default=1536, minimum=2, maximum=1536),
        max_input_tokens=8192,
    ),
    Model(
        name="text-embedding-3-large",
        dimension=Dimension(default=3072, minimum=256, maximum=3072),
        max_input_tokens=8192,
    ),
    Model(name="text-embedding-ada-002", dimension=Dimension.exactly(1536), max_input_tokens=8192),
)

OPENAI = OpenAICompatible(
    key="openai",
    display_name="OpenAI",
    kind=Kind.EXTERNAL,
    documentation_url="https://platform.openai.com/docs/guides/embeddings",
    base_url="https://api.openai.com/v1",
    parameters=(
        Parameter(
            name="organizationId",
            display_name="Organization ID",
            pattern=HEADER_VALUE,
            help="The OpenAI organization that the calls are counted for, if the key belongs to several.",
        ),
        Parameter(
            name="projectId",
            display_name="Project ID",
            pattern=HEADER_VALUE,
            help="The OpenAI project that the calls are counted for, if the key belongs to several.",
        ),
    ),
    header_parameters={"organizationId": "OpenAI-Organization", "projectId": "OpenAI-Project"},
    encoding_format="base64",
    limits=BatchLimits(texts=2048, tokens=300_000),
    models=MODELS,
)
