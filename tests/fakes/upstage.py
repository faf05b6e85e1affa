"""Upstage's embeddings endpoint: console.upstage.ai/docs/capabilities/embed. Documents and queries have a model each."""

from __future__ import annotations

from types import MappingProxyType

from tests.fakes.embeddings import EmbeddingsFake, exactly
from tests.fakes.vendor import Complaint


class UpstageFake(EmbeddingsFake):
    models = MappingProxyType(
        {f"solar-embedding-2-{role}": exactly(1024, 8000) for role in ("query", "passage")}
        | {f"solar-embedding-1-large-{role}": exactly(4096, 4000) for role in ("query", "passage")}
    )
    unknown_model = 400
    max_inputs = 100
    max_request_tokens = 204_800

    def error(self, complaint: Complaint) -> object:
        if complaint.status in {401, 403}:
            return {"message": complaint.message}
        facts = {"type": "invalid_request_error", "param": None, "code": complaint.code}
        return {"error": {"message": complaint.message, **facts}}
