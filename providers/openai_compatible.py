"""The `/embeddings` wire format that OpenAI made and others speak, with their differences as facts.

Source: platform.openai.com/docs/api-reference/embeddings
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from providers.base import EmbeddingRequest, HttpProvider, InputType
from providers.embedding import Reply
from providers.errors import MalformedReplyError
from providers.usage import Usage


@dataclass(frozen=True, kw_only=True)
class OpenAICompatible(HttpProvider):
    """A provider that takes `input` and `model`, and answers `data` with `index` and `embedding`, and `usage`."""

    path: str = "/embeddings"
    encoding_format: str | None = None
    """Sent where the vendor documents it; `base64` makes a quarter of the bytes of decimal numbers."""
    dimension_field: str = "dimensions"
    """Sent to models with a choice only: those without one refuse it."""
    body_parameters: Mapping[str, str] = field(default_factory=dict)
    """Parameter -> the body's field that carries it."""
    input_types: Mapping[InputType, str] = field(default_factory=dict)
    """What `input_type` says for documents and queries; empty where the two are embedded alike."""
    model_suffixes: Mapping[InputType, str] = field(default_factory=dict)
    """What is added to the model's name for documents and queries; empty likewise."""

    def body(self, request: EmbeddingRequest) -> dict[str, object]:
        body: dict[str, object] = {
            "model": request.model.name + self.model_suffixes.get(request.input_type, ""),
            self.input_field: list(request.texts),
        }
        if request.dimension is not None and not request.model.dimension.fixed:
            body[self.dimension_field] = request.dimension
        if self.encoding_format:
            body["encoding_format"] = self.encoding_format
        if request.input_type in self.input_types:
            body["input_type"] = self.input_types[request.input_type]
        given = {sent_as: name for name, sent_as in self.body_parameters.items() if name in request.parameters}
        return body | {sent_as: request.parameters[name] for sent_as, name in given.items()}

    def parse(self, payload: object) -> Reply:
        if not isinstance(payload, dict) or not isinstance(payload.get("data"), list):
            raise MalformedReplyError("no list of vectors under data")
        return Reply(_in_order(payload["data"]), _usage(payload.get("usage")))


def _in_order(rows: list[object]) -> list[object]:
    """The vectors by their index, which decides and not the position. Every index must be there once."""
    vectors: dict[int, object] = {}
    for row in rows:
        index = row.get("index") if isinstance(row, dict) else None
        if not isinstance(row, dict) or type(index) is not int or index in vectors:
            raise MalformedReplyError("a vector without an index, or two with the same")
        vectors[index] = row.get("embedding")
    if vectors.keys() != set(range(len(rows))):
        raise MalformedReplyError("indices that leave out a text")
    return [vectors[index] for index in range(len(rows))]


def _usage(usage: object) -> Usage:
    counts = usage if isinstance(usage, dict) else {}
    return Usage(_count(counts.get("prompt_tokens")), _count(counts.get("total_tokens")))


def _count(tokens: object) -> int | None:
    """A reply is worth having even where its bookkeeping is odd: what is no count is not known."""
    return tokens if type(tokens) is int and tokens >= 0 else None
