"""OpenAI's embeddings endpoint, as strict as its reference: platform.openai.com/docs/api-reference/embeddings."""

from __future__ import annotations

import base64
import struct
from collections.abc import Mapping, Sequence
from typing import Any

from tests.fakes.vendor import Asked, Received, VendorFake, embed, tokens

DIMENSIONS = {
    "text-embedding-3-small": range(2, 1537),
    "text-embedding-3-large": range(256, 3073),
    "text-embedding-ada-002": range(1536, 1537),
}
FIELDS = {"input", "model", "dimensions", "encoding_format", "user"}
MAX_INPUTS = 2048
MAX_INPUT_TOKENS = 8192
MAX_REQUEST_TOKENS = 300_000


class OpenAIFake(VendorFake):
    path = "/v1/embeddings"

    def error(self, status: int, message: str, code: str | None = None) -> object:
        kind = (
            "server_error"
            if status >= 500
            else "insufficient_quota"
            if code == "insufficient_quota"
            else "invalid_request_error"
        )
        return {"error": {"message": message, "type": kind, "param": None, "code": code}}

    def asked(self, received: Received) -> Asked:
        body = received.body
        if unknown := body.keys() - FIELDS:
            raise self.refused(400, f"Unrecognized request arguments supplied: {', '.join(sorted(unknown))}")
        model = body.get("model")
        if model not in DIMENSIONS:
            raise self.refused(
                404, f"The model `{model}` does not exist or you do not have access to it.", "model_not_found"
            )
        encoding = body.get("encoding_format", "float")
        if encoding not in {"float", "base64"}:
            raise self.refused(400, "Invalid encoding_format")
        texts, dimension = self._texts(body.get("input")), self._dimension(model, body)
        return Asked(texts=texts, dimension=dimension, model=model, base64=encoding == "base64")

    def answer(self, asked: Asked) -> object:
        rows = [
            {"object": "embedding", "index": index, "embedding": _encoded(embed(text, asked.dimension), asked)}
            for index, text in enumerate(asked.texts)
        ]
        count = tokens(asked.texts)
        usage = {"prompt_tokens": count, "total_tokens": count}
        return {"object": "list", "data": rows, "model": asked.model, "usage": usage}

    def _texts(self, given: object) -> Sequence[str]:
        texts = [given] if isinstance(given, str) else given
        if not isinstance(texts, list) or not texts or not all(isinstance(text, str) and text for text in texts):
            raise self.refused(400, "'$.input' is invalid.")
        if len(texts) > MAX_INPUTS:
            raise self.refused(400, f"'$.input' is too long: an array of at most {MAX_INPUTS} items is expected.")
        if any(tokens([text]) > MAX_INPUT_TOKENS for text in texts):
            raise self.refused(400, f"This model's maximum context length is {MAX_INPUT_TOKENS} tokens.")
        if tokens(texts) > MAX_REQUEST_TOKENS:
            raise self.refused(400, f"Requested more than {MAX_REQUEST_TOKENS} tokens.", "max_tokens_per_request")
        return texts

    def _dimension(self, model: str, body: Mapping[str, Any]) -> int:
        allowed = DIMENSIONS[model]
        if "dimensions" not in body:
            return allowed[-1]
        asked = body["dimensions"]
        if len(allowed) == 1:
            raise self.refused(400, "This model does not support specifying dimensions.")
        if not isinstance(asked, int) or asked not in allowed:
            raise self.refused(400, f"Invalid value for 'dimensions': {asked!r}.")
        return asked


def _encoded(vector: Sequence[float], asked: Asked) -> object:
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode() if asked.base64 else vector
