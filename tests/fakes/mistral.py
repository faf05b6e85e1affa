"""Mistral AI's embeddings endpoint: docs.mistral.ai/api/endpoint/embeddings. Its errors have four shapes."""

from __future__ import annotations

from types import MappingProxyType

from tests.fakes.embeddings import EmbeddingsFake, exactly
from tests.fakes.vendor import Complaint


class MistralFake(EmbeddingsFake):
    models = MappingProxyType({"mistral-embed": exactly(1024, 8192)})
    fields = ("input", "model", "encoding_format", "output_dimension", "output_dtype", "metadata")
    values = MappingProxyType({"encoding_format": ("float",)})
    dimension_field = "output_dimension"
    unknown_model = 400
    max_inputs = 512
    max_request_tokens = 16_384

    def error(self, complaint: Complaint) -> object:
        message = complaint.message
        match complaint.status:
            case 401:
                return message
            case 403:
                return {"message": message, "request_id": "0f3a"}
            case 422:
                return {"detail": [{"type": "missing", "loc": ["body", "input"], "msg": message}]}
        facts = {"type": "invalid_request_error", "param": None, "code": complaint.code}
        return {"object": "error", "message": message, **facts}

    def usage(self, count: int) -> dict[str, int]:
        return {"prompt_tokens": count, "total_tokens": count, "completion_tokens": 0}
