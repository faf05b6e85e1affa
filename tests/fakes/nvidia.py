"""NVIDIA's hosted NIMs: docs.nvidia.com/nim/nemo-retriever/text-embedding. A retired model is gone, and says so."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from tests.fakes.embeddings import EmbeddingsFake, Served, exactly
from tests.fakes.vendor import Complaint

TITLES = {404: "Not Found", 410: "Gone"}


class NvidiaFake(EmbeddingsFake):
    models = MappingProxyType(
        {
            "nvidia/llama-nemotron-embed-1b-v2": exactly(2048, 8192),
            "nvidia/nemotron-3-embed-1b": exactly(2048, 4096),
            "nvidia/llama-3.2-nv-embedqa-1b-v2": Served((384, 512, 768, 1024, 2048), 8192),
        }
    )
    fields = ("input", "model", "input_type", "dimensions", "encoding_format", "truncate", "user")
    values = MappingProxyType({"input_type": ("passage", "query"), "truncate": ("NONE",)})
    bad_request = 422
    max_inputs = 8

    def served(self, model: str) -> Served:
        if model == "nvidia/nv-embedqa-e5-v5":
            raise self.refused(410, f"The model '{model}' has reached its end of life.")
        return super().served(model)

    def check(self, body: Mapping[str, Any], model: str) -> None:
        if "input_type" not in body:
            raise self.refused(400, f"{model} needs 'input_type'")

    def error(self, complaint: Complaint) -> object:
        status, message = complaint.status, complaint.message
        if status in TITLES:
            return {"status": status, "title": TITLES[status], "detail": message}
        if status == 422:
            return {"detail": [{"type": "value_error", "loc": ["body", "input"], "msg": message}]}
        return {"object": "error", "message": message, "detail": {}, "type": "invalid_request_error"}
