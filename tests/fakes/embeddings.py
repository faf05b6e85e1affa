"""The `/embeddings` interface that OpenAI made, as each vendor takes it: subclasses hold a vendor's facts and its errors."""

from __future__ import annotations

import base64
import struct
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from tests.fakes.vendor import Asked, Received, VendorFake, embed, tokens


@dataclass(frozen=True)
class Served:
    """A model as the vendor serves it. With one dimension only, none can be asked for; `default` None: the greatest."""

    dimensions: Collection[int]
    max_tokens: int
    default: int | None = None

    @property
    def usual(self) -> int:
        return self.default or max(self.dimensions)


class EmbeddingsFake(VendorFake):
    path = "/v1/embeddings"
    models: Mapping[str, Served]
    fields: Collection[str] = ("input", "model")
    values: Mapping[str, Collection[object]] = MappingProxyType({})
    """What fields with a choice can hold."""
    dimension_field = "dimensions"
    cutting_field: str | None = None
    """What asks to cut texts that are too long instead of refusing them; it is on unless it is turned off."""
    max_inputs = 2048
    max_request_tokens: int | None = None
    bad_request = 400
    too_long = 400
    unknown_model = 404

    def asked(self, received: Received) -> Asked:
        body = received.body
        if unknown := body.keys() - set(self.fields):
            raise self.refused(self.bad_request, f"Unrecognized request arguments supplied: {', '.join(unknown)}")
        for field, choices in self.values.items():
            if field in body and body[field] not in choices:
                raise self.refused(self.bad_request, f"Invalid {field}")
        model = self.model_of(received)
        served = self.served(model)
        self.check(body, model)
        return Asked(
            texts=self._texts(body, served),
            dimension=self._dimension(body, served),
            model=model,
            base64=body.get("encoding_format") == "base64",
        )

    def model_of(self, received: Received) -> str:
        """The model that a request is for."""
        return str(received.body.get("model"))

    def served(self, model: str) -> Served:
        if model not in self.models:
            message = f"The model `{model}` does not exist or you do not have access to it."
            raise self.refused(self.unknown_model, message, "model_not_found")
        return self.models[model]

    def check(self, body: Mapping[str, Any], model: str) -> None:
        """What else a vendor is strict about. Raises RefusedError."""

    def answer(self, asked: Asked) -> object:
        rows = [
            {"object": "embedding", "index": index, "embedding": encoded(embed(text, asked.dimension), asked)}
            for index, text in enumerate(asked.texts)
        ]
        return {"object": "list", "data": rows, "model": asked.model, "usage": self.usage(tokens(asked.texts))}

    def usage(self, count: int) -> dict[str, int]:
        """Tokens, under the names that the vendor has for them."""
        return {"prompt_tokens": count, "total_tokens": count}

    def _texts(self, body: Mapping[str, Any], served: Served) -> Sequence[str]:
        given = body.get("input")
        texts = [given] if isinstance(given, str) else given
        if not isinstance(texts, list) or not texts or not all(isinstance(text, str) and text for text in texts):
            raise self.refused(self.bad_request, "'$.input' is invalid.")
        if len(texts) > self.max_inputs:
            message = f"'$.input' is too long: an array of at most {self.max_inputs} items is expected."
            raise self.refused(self.bad_request, message)
        cut = self.cutting_field is not None and body.get(self.cutting_field, True)
        if not cut and any(tokens([text]) > served.max_tokens for text in texts):
            raise self.refused(self.too_long, f"This model's maximum context length is {served.max_tokens} tokens.")
        if self.max_request_tokens and tokens(texts) > self.max_request_tokens:
            message = f"Too many tokens in the request: at most {self.max_request_tokens}."
            raise self.refused(400, message, "max_tokens_per_request")
        return texts

    def _dimension(self, body: Mapping[str, Any], served: Served) -> int:
        asked = body.get(self.dimension_field)
        if asked is None:
            return served.usual
        if len(served.dimensions) == 1:
            raise self.refused(self.bad_request, f"This model does not support specifying {self.dimension_field}.")
        if type(asked) is not int or asked not in served.dimensions:
            raise self.refused(self.bad_request, f"Invalid value for '{self.dimension_field}'.")
        return asked


def encoded(vector: Sequence[float], asked: Asked) -> object:
    """A vector in the form that was asked for."""
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode() if asked.base64 else vector


def exactly(dimension: int, max_tokens: int) -> Served:
    """A model of one dimension."""
    return Served((dimension,), max_tokens)
