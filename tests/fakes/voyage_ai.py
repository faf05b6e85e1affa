"""Voyage AI's embeddings endpoint: docs.voyageai.com/reference/embeddings-api."""

from __future__ import annotations

from types import MappingProxyType

from tests.fakes.embeddings import EmbeddingsFake, Served, exactly
from tests.fakes.vendor import Complaint

VARIABLE = Served((256, 512, 1024, 2048), 32_000, default=1024)


class VoyageAIFake(EmbeddingsFake):
    models = MappingProxyType(
        dict.fromkeys(("voyage-4", "voyage-4-large", "voyage-4-lite", "voyage-3.5", "voyage-3.5-lite"), VARIABLE)
        | dict.fromkeys(("voyage-large-2-instruct", "voyage-law-2"), exactly(1024, 16_000))
        | dict.fromkeys(("voyage-large-2", "voyage-code-2"), exactly(1536, 16_000))
        | dict.fromkeys(("voyage-finance-2", "voyage-multilingual-2"), exactly(1024, 32_000))
        | {"voyage-2": exactly(1024, 4000)}
    )
    fields = ("input", "model", "input_type", "truncation", "output_dimension", "output_dtype", "encoding_format")
    values = MappingProxyType(
        {
            "input_type": (None, "document", "query"),
            "truncation": (True, False),
            "output_dtype": ("float",),
            "encoding_format": (None, "base64"),
        }
    )
    dimension_field = "output_dimension"
    cutting_field = "truncation"
    unknown_model = 400
    max_inputs = 1000
    max_request_tokens = 120_000

    def error(self, complaint: Complaint) -> object:
        return {"detail": complaint.message}

    def usage(self, count: int) -> dict[str, int]:
        return {"total_tokens": count}
