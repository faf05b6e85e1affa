"""Hugging Face's dedicated endpoints: text-embeddings-inference on a host of the user's own, by its OpenAI-like route.

Wire format and limits: huggingface.github.io/text-embeddings-inference, huggingface.co/docs/inference-endpoints
"""

from __future__ import annotations

from dataclasses import dataclass

from providers.base import HOST_LABEL, Dimension, EmbeddingRequest, Kind, Model, Parameter
from providers.hugging_face import ENDPOINT_LIMITS
from providers.openai_compatible import OpenAICompatible


@dataclass(frozen=True, kw_only=True)
class HuggingFaceDedicated(OpenAICompatible):
    """The endpoint serves one model and one dimension, and so neither is sent."""

    def body(self, request: EmbeddingRequest) -> dict[str, object]:
        return {self.input_field: list(request.texts)}


def _parameter(name: str, display_name: str, help: str) -> Parameter:
    return Parameter(name=name, display_name=display_name, required=True, pattern=HOST_LABEL, help=help)


HUGGING_FACE_DEDICATED = HuggingFaceDedicated(
    key="huggingfaceDedicated",
    display_name="Hugging Face - Dedicated",
    kind=Kind.EXTERNAL,
    documentation_url="https://huggingface.co/docs/inference-endpoints",
    credential_label="User access token",
    base_url="https://{endpointName}.{regionName}.{cloudName}.endpoints.huggingface.cloud",
    parameters=(
        _parameter("endpointName", "Endpoint name", "The first part of the endpoint's host name."),
        _parameter("regionName", "Region name", "The cloud region of the endpoint, such as us-east-1."),
        _parameter("cloudName", "Cloud name", "The cloud that the endpoint runs on, such as aws or azure."),
    ),
    error_paths=("message",),
    limits=ENDPOINT_LIMITS,
    models=(Model(name="endpoint-defined-model", dimension=Dimension(default=None, minimum=2, maximum=3072)),),
)
