"""Hugging Face's serverless inference. Wire format: huggingface.co/docs/inference-providers/tasks/feature-extraction"""

from __future__ import annotations

from dataclasses import dataclass

from providers.base import BatchLimits, Dimension, EmbeddingRequest, HttpProvider, Kind, Model
from providers.embedding import Reply
from providers.errors import MalformedReplyError
from providers.usage import UNKNOWN_USAGE

ENDPOINT_LIMITS = BatchLimits(texts=32)
"""Of the server text-embeddings-inference, as it is set up unless told otherwise."""


@dataclass(frozen=True, kw_only=True)
class HuggingFace(HttpProvider):
    """Takes `inputs`, and answers nothing but the vectors, in the order of the texts."""

    def body(self, request: EmbeddingRequest) -> dict[str, object]:
        return {self.input_field: list(request.texts), "options": {"wait_for_model": True}}

    def parse(self, payload: object) -> Reply:
        if not isinstance(payload, list):
            raise MalformedReplyError("no list of vectors")
        return Reply(payload, UNKNOWN_USAGE)


def _model(name: str, dimension: int, max_input_tokens: int) -> Model:
    return Model(name=name, dimension=Dimension.exactly(dimension), max_input_tokens=max_input_tokens)


HUGGING_FACE = HuggingFace(
    key="huggingface",
    display_name="Hugging Face - Serverless",
    kind=Kind.EXTERNAL,
    documentation_url="https://huggingface.co/docs/inference-providers/tasks/feature-extraction",
    credential_label="User access token",
    base_url="https://router.huggingface.co/hf-inference",
    path="/models/{modelId}/pipeline/feature-extraction",
    input_field="inputs",
    error_paths=("error",),
    limits=ENDPOINT_LIMITS,
    models=(
        _model("sentence-transformers/all-MiniLM-L6-v2", 384, 256),
        _model("intfloat/multilingual-e5-large", 1024, 512),
        _model("intfloat/multilingual-e5-large-instruct", 1024, 512),
        _model("BAAI/bge-small-en-v1.5", 384, 512),
        _model("BAAI/bge-base-en-v1.5", 768, 512),
        _model("BAAI/bge-large-en-v1.5", 1024, 512),
    ),
)
