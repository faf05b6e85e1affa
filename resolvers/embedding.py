"""The embedding configuration as callers ask for it, for collections and columns alike."""

from __future__ import annotations

import strawberry

from app.domain import attaching
from resolvers.scalar import JSONObject


@strawberry.input(description="How text becomes vectors.")
class EmbeddingInput:
    provider: str = strawberry.field(description="The provider's key, such as openai or local.")
    credential: str | None = strawberry.field(
        default=None, description="The credential's name. Not for hosted providers."
    )
    model: str = strawberry.field(description="The model's name; embeddingProviders lists them.")
    dimension: int | None = strawberry.field(
        default=None, description="The length of the vectors; by default the model's."
    )
    parameters: JSONObject | None = strawberry.field(default=None, description="The provider's and model's parameters.")

    def asked(self) -> attaching.Embedding:
        return attaching.Embedding(self.provider, self.credential, self.model, self.dimension, self.parameters)
