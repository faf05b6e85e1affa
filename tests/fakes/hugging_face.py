"""Hugging Face's serverless feature extraction: huggingface.co/docs/inference-providers/tasks/feature-extraction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tests.fakes.vendor import Asked, Complaint, Received, VendorFake, embed

DIMENSIONS = {
    "sentence-transformers/all-MiniLM-L6-v2": 384,
    "intfloat/multilingual-e5-large": 1024,
    "intfloat/multilingual-e5-large-instruct": 1024,
    "BAAI/bge-small-en-v1.5": 384,
    "BAAI/bge-base-en-v1.5": 768,
    "BAAI/bge-large-en-v1.5": 1024,
}
FIELDS = {"inputs", "options", "normalize", "prompt_name", "truncate", "truncation_direction"}
OPTIONS = {"wait_for_model", "use_cache"}
MAX_INPUTS = 32
MAX_BYTES = 2_000_000


class HuggingFaceFake(VendorFake):
    """A model that is `cold` answers 503, except to those who wait for it."""

    base = "/hf-inference"
    path = "/hf-inference/models/.+/pipeline/feature-extraction"
    input_field = "inputs"

    def __init__(self, *keys: str) -> None:
        super().__init__(*keys)
        self.cold = False

    def error(self, complaint: Complaint) -> object:
        more = {"estimated_time": 20.0} if complaint.code == "loading" else {}
        return {"error": complaint.message, **more}

    def asked(self, received: Received) -> Asked:
        model = received.path.removeprefix("/hf-inference/models/").removesuffix("/pipeline/feature-extraction")
        options = received.body.get("options", {})
        if model not in DIMENSIONS:
            raise self.refused(404, f"Model {model} does not exist")
        if received.body.keys() - FIELDS or not isinstance(options, dict) or options.keys() - OPTIONS:
            raise self.refused(400, "Unknown fields")
        if self.cold and options.get("wait_for_model") is not True:
            raise self.refused(503, f"Model {model} is currently loading", "loading")
        return Asked(texts=self._texts(received), dimension=DIMENSIONS[model], model=model)

    def answer(self, asked: Asked) -> object:
        return [embed(text, asked.dimension) for text in asked.texts]

    def _texts(self, received: Received) -> Sequence[str]:
        texts: Any = received.body.get("inputs")
        if not isinstance(texts, list) or not texts or not all(isinstance(text, str) and text for text in texts):
            raise self.refused(400, "inputs must be a list of texts that are not empty")
        if len(texts) > MAX_INPUTS or int(received.headers["content-length"]) > MAX_BYTES:
            raise self.refused(413, f"batch size {len(texts)} > maximum allowed batch size {MAX_INPUTS}")
        return texts
