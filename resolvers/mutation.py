"""What all mutations share: one input object, one payload, and an id that only travels along."""

from __future__ import annotations

import strawberry


@strawberry.input
class Input:
    client_mutation_id: str | None = strawberry.field(default=None, description="Anything; the payload echoes it.")


@strawberry.type
class Payload:
    client_mutation_id: str | None = strawberry.field(default=None, description="The input's clientMutationId.")
