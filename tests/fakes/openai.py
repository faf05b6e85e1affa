"""OpenAI's embeddings endpoint, as strict as its reference: platform.openai.com/docs/api-reference/embeddings."""

from __future__ import annotations

from collections.abc import Collection
from types import MappingProxyType

from tests.fakes.embeddings import EmbeddingsFake, Served, exactly
from tests.fakes.vendor import Complaint


class OpenAIFake(EmbeddingsFake):
    models = MappingProxyType(
        {
            "text-embedding-3-small": Served(range(2, 1537), 8192),
            "text-embedding-3-large": Served(range(256, 3073), 8192),
            "text-embedding-ada-002": exactly(1536, 8192),
        }
    )
    fields: Collection[str] = ("input", "model", "dimensions", "encoding_format", "user")
    values = MappingProxyType({"encoding_format": ("float", "base64")})
    max_inputs = 2048
    max_request_tokens = 300_000

    def error(self, complaint: Complaint) -> object:
        kind = "server_error" if complaint.status >= 500 else "invalid_request_error"
        kind = complaint.code if complaint.code == "insufficient_quota" else kind
        return {"error": {"message": complaint.message, "type": kind, "param": None, "code": complaint.code}}
