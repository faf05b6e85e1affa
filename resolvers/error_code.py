"""Error codes as the schema lists them; clients branch on these, people read the messages."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

import strawberry

from app.errors import CATALOGUE, ErrorFamily
from resolvers.described import described_enum

if TYPE_CHECKING:

    class ErrorCode(StrEnum):
        """One member a class of app/errors.py."""

else:
    ErrorCode = described_enum(
        StrEnum("ErrorCode", {code: code for code in CATALOGUE}),
        "What went wrong, for programs. Codes may be added: have a default case.",
        {code: kind.title() for code, kind in CATALOGUE.items()},
    )

described_enum(
    ErrorFamily,
    "Who has to act on an error.",
    {
        "REQUEST": "The caller: the request, or what it is about, must change.",
        "SERVER": "The operator: the gateway or its database has a fault.",
        "PROVIDER": "Nobody here: the embedding provider refused or failed; its own words are passed on.",
    },
)


@strawberry.type(description="An error code, explained.")
class ErrorDescription:
    code: ErrorCode = strawberry.field(description="The code, as in extensions.code.")
    family: ErrorFamily = strawberry.field(description="Who has to act on it.")
    title: str = strawberry.field(description="The sentence that never varies; an error's message says more.")
    retryable: bool = strawberry.field(
        description="Whether the same request may succeed later. An error may say otherwise for itself."
    )


@strawberry.type
class ErrorQuery:
    @strawberry.field(description="Every error code that the API can answer with.")
    def error_catalogue(self) -> list[ErrorDescription]:
        return [
            ErrorDescription(code=ErrorCode(code), family=kind.family, title=kind.title(), retryable=kind.retryable)
            for code, kind in CATALOGUE.items()
        ]
