"""Azure OpenAI: OpenAI's models in a resource of the user's own, under a deployment name that the user chose.

Wire format: learn.microsoft.com/azure/ai-services/openai/reference#embeddings
"""

from __future__ import annotations

from providers.base import HOST_LABEL, BatchLimits, Dimension, Kind, Model, Parameter
from providers.openai_compatible import OpenAICompatible

API_VERSION = "2024-10-21"
"""The first stable version whose requests have `dimensions`."""

DEPLOYMENT = "[A-Za-z0-9_-][A-Za-z0-9_.-]{0,63}"
"""Stands in the path. It begins with something other than a dot, since `..` would leave its place there."""

MODELS = (
    Model(
        name="text-embedding-3-small",
        dimension=Dimension(default=1536, minimum=2, maximum=1536),
        max_input_tokens=8192,
    ),
    Model(
        name="text-embedding-3-large",
        dimension=Dimension(default=1536, minimum=256, maximum=3072),
        max_input_tokens=8192,
    ),
    Model(name="text-embedding-ada-002", dimension=Dimension.exactly(1536), max_input_tokens=8192),
)

AZURE_OPENAI = OpenAICompatible(
    key="azureOpenAI",
    display_name="Azure OpenAI",
    kind=Kind.EXTERNAL,
    documentation_url="https://learn.microsoft.com/azure/ai-services/openai/how-to/embeddings",
    base_url="https://{resourceName}.openai.azure.com",
    path=f"/openai/deployments/{{deploymentId}}/embeddings?api-version={API_VERSION}",
    key_header="api-key",
    key_prefix="",
    parameters=(
        Parameter(
            name="resourceName",
            display_name="Resource name",
            required=True,
            pattern=HOST_LABEL,
            help="The name of the Azure OpenAI resource: what stands before .openai.azure.com in its endpoint.",
        ),
        Parameter(
            name="deploymentId",
            display_name="Deployment ID",
            required=True,
            pattern=DEPLOYMENT,
            help="The name of the deployment in that resource. It decides the model, and must be one of the model chosen here.",
        ),
    ),
    encoding_format="base64",
    limits=BatchLimits(texts=2048, tokens=300_000),
    models=MODELS,
)
