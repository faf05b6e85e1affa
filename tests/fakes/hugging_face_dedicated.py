"""A dedicated endpoint: the OpenAI-like route of huggingface.github.io/text-embeddings-inference, with its default limits."""

from __future__ import annotations

import sys
from types import MappingProxyType

from tests.fakes.embeddings import EmbeddingsFake, exactly
from tests.fakes.vendor import Complaint, Received

OWN = "the endpoint's own"
MAX_BYTES = 2_000_000
PLAIN = {401, 404}
KINDS = {400: "Empty", 413: "Validation", 422: "Tokenizer", 424: "Backend", 429: "Overloaded", 503: "Unhealthy"}


class HuggingFaceDedicatedFake(EmbeddingsFake):
    """Serves one model, whatever name is sent; none need be. Unless told otherwise it cuts what is too long."""

    base = ""
    path = "/embeddings"
    fields = ("input", "model", "encoding_format", "dimensions", "user")
    values = MappingProxyType({"encoding_format": ("float", "base64")})
    bad_request = 413
    too_long = 413
    max_inputs = 32

    def __init__(self, *keys: str) -> None:
        super().__init__(*keys)
        self.serve(64)

    def serve(self, dimension: int, max_tokens: int = sys.maxsize) -> None:
        """Serve another model from now on."""
        self.models = {OWN: exactly(dimension, max_tokens)}

    def error(self, complaint: Complaint) -> object:
        kind = KINDS.get(complaint.status, "Unknown")
        return complaint.message if complaint.status in PLAIN else {"message": complaint.message, "type": kind}

    def model_of(self, received: Received) -> str:
        if int(received.headers["content-length"]) > MAX_BYTES:
            raise self.refused(413, "length limit exceeded")
        return OWN
