"""Jina AI's embeddings endpoint: api.jina.ai/redoc."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from tests.fakes.embeddings import EmbeddingsFake, Served, exactly
from tests.fakes.vendor import Complaint

CODES = {401: "AUTH_INVALID_API_KEY", 402: "AUTHZ_INSUFFICIENT_BALANCE", 403: "AUTHZ_INSUFFICIENT_BALANCE"}


class JinaAIFake(EmbeddingsFake):
    models = MappingProxyType(
        {f"jina-embeddings-v2-base-{kind}": exactly(768, 8192) for kind in ("en", "de", "es", "code", "zh")}
        | {"jina-embeddings-v3": Served(range(1, 1025), 8192)}
    )
    fields = ("input", "model", "dimensions", "task", "late_chunking")
    values = MappingProxyType(
        {
            "task": ("text-matching", "retrieval.passage", "retrieval.query", "separation", "classification"),
            "late_chunking": (True, False),
        }
    )
    bad_request = 422
    unknown_model = 422
    max_inputs = 512

    def check(self, body: Mapping[str, Any], model: str) -> None:
        if model != "jina-embeddings-v3" and body.keys() & {"task", "late_chunking"}:
            raise self.refused(422, f"{model} has neither tasks nor late chunking")

    def error(self, complaint: Complaint) -> object:
        more = {"code": CODES[complaint.status]} if complaint.status in CODES else {}
        return {"detail": complaint.message, **more}
