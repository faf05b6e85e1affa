"""What the contract is held against: each provider with a key as its vendor makes them, and the exact requests it sends."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from providers import PROVIDERS
from providers.base import HttpProvider, InputType, ParameterValue
from providers.configuration import Configuration, resolve
from tests.fakes.serving import serve
from tests.fakes.vendor import VendorFake
from tests.fakes.vendors import FAKES

TEXTS = ["a quick fox", "a lazy dog", "the law of taxes"]
HTTP = {provider.key: provider for provider in PROVIDERS if isinstance(provider, HttpProvider)}
WITH_INDEX = tuple(key for key in HTTP if key != "huggingface")
"""Those that number the vectors of a reply; the other one answers them in the order of the texts."""

KEYS = MappingProxyType(
    {
        "azureOpenAI": "9f86d081884c7d659a2feaa0c55ad015",
        "huggingface": "hf_QwErTyUiOpAsDfGhJkLzXcVbNm",
        "huggingfaceDedicated": "hf_MnBvCxZlKjHgFdSaPoIuYtReWq",
        "jinaAI": "jina_0f1e2d3c4b5a69788796a5b4c3d2e1f0",
        "mistral": "Zq7WcR2nVx9LpT4mYb8KdF3hJs6GaU1e",
        "nvidia": "nvapi-kX8sD3fG7hJ2kL9zXcV5bN1m",
        "openai": "sk-proj-Zk3vQ9xLw2Rt7Yb5",
        "upstageAI": "up_T5rE9wQ2yU7iO4pA1sD8fG3h",
        "voyageAI": "pa-L0kJ8hG6fD4sA2qW1eR3tY5u",
    }
)
AZURE = {"resourceName": "my-company-eu", "deploymentId": "small"}
ENDPOINT = {"endpointName": "my-endpoint-x1y2", "regionName": "us-east-1", "cloudName": "aws"}


@dataclass(frozen=True, kw_only=True)
class Example:
    """A configuration, and the request that it must make. `body` is without the texts; `query` is what a query changes."""

    key: str
    model: str
    dimension: int | None = None
    parameters: Mapping[str, ParameterValue] = field(default_factory=dict)
    path: str = "/v1/embeddings"
    query_string: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, Any]
    query: Mapping[str, Any] = field(default_factory=dict)

    def configuration(self) -> Configuration:
        """The choice as it is stored, defaults filled in."""
        return resolve(HTTP[self.key], self.model, self.dimension, self.parameters)

    def sent(self, input_type: InputType) -> dict[str, Any]:
        """The whole body for these texts."""
        changes = self.query if input_type is InputType.QUERY else {}
        return {**self.body, **changes, HTTP[self.key].input_field: TEXTS}


EXAMPLES: tuple[Example, ...] = (
    Example(
        key="azureOpenAI",
        model="text-embedding-3-small",
        dimension=256,
        parameters=AZURE,
        path="/openai/deployments/small/embeddings",
        query_string={"api-version": "2024-10-21"},
        body={"model": "text-embedding-3-small", "dimensions": 256, "encoding_format": "base64"},
    ),
    Example(
        key="azureOpenAI",
        model="text-embedding-ada-002",
        parameters={**AZURE, "deploymentId": "text-embedding-ada-002"},
        path="/openai/deployments/text-embedding-ada-002/embeddings",
        query_string={"api-version": "2024-10-21"},
        body={"model": "text-embedding-ada-002", "encoding_format": "base64"},
    ),
    Example(
        key="huggingface",
        model="BAAI/bge-small-en-v1.5",
        path="/hf-inference/models/BAAI/bge-small-en-v1.5/pipeline/feature-extraction",
        body={"options": {"wait_for_model": True}},
    ),
    Example(
        key="huggingfaceDedicated",
        model="endpoint-defined-model",
        dimension=64,
        parameters=ENDPOINT,
        path="/embeddings",
        body={},
    ),
    Example(
        key="jinaAI",
        model="jina-embeddings-v3",
        dimension=32,
        parameters={"task": "classification"},
        body={
            "model": "jina-embeddings-v3",
            "dimensions": 32,
            "task": "classification",
            "late_chunking": False,
        },
    ),
    Example(key="jinaAI", model="jina-embeddings-v2-base-code", body={"model": "jina-embeddings-v2-base-code"}),
    Example(key="mistral", model="mistral-embed", body={"model": "mistral-embed", "encoding_format": "float"}),
    Example(
        key="nvidia",
        model="nvidia/llama-nemotron-embed-1b-v2",
        body={"model": "nvidia/llama-nemotron-embed-1b-v2", "input_type": "passage"},
        query={"input_type": "query"},
    ),
    Example(
        key="openai",
        model="text-embedding-3-large",
        dimension=256,
        parameters={"organizationId": "org-1", "projectId": "proj_2"},
        headers={"openai-organization": "org-1", "openai-project": "proj_2"},
        body={"model": "text-embedding-3-large", "dimensions": 256, "encoding_format": "base64"},
    ),
    Example(
        key="upstageAI",
        model="solar-embedding-2",
        body={"model": "solar-embedding-2-passage"},
        query={"model": "solar-embedding-2-query"},
    ),
    Example(
        key="voyageAI",
        model="voyage-4-lite",
        dimension=256,
        parameters={"autoTruncate": False},
        body={
            "model": "voyage-4-lite",
            "input_type": "document",
            "output_dimension": 256,
            "truncation": False,
            "encoding_format": "base64",
        },
        query={"input_type": "query"},
    ),
    Example(
        key="voyageAI",
        model="voyage-law-2",
        body={"model": "voyage-law-2", "input_type": "document", "truncation": True, "encoding_format": "base64"},
        query={"input_type": "query"},
    ),
)
USUAL = {example.key: example.configuration() for example in reversed(EXAMPLES)}
"""The first example of each provider, for what is not about configurations."""


@dataclass(frozen=True)
class Vendor:
    """A provider that is spoken to over a real socket, with the fake that answers."""

    provider: HttpProvider
    fake: VendorFake
    secret: str


@asynccontextmanager
async def served(key: str) -> AsyncIterator[Vendor]:
    """The provider of that key, its base URL that of a fake which knows its secret."""
    fake = FAKES[key](KEYS[key])
    async with serve(fake) as url:
        yield Vendor(replace(HTTP[key], base_url=url + fake.base), fake, KEYS[key])


def required(key: str, model: str) -> Mapping[str, ParameterValue]:
    """The parameters that a provider cannot do without. The fake of Azure has a deployment of each model's name."""
    return {"azureOpenAI": {**AZURE, "deploymentId": model}, "huggingfaceDedicated": ENDPOINT}.get(key, {})
