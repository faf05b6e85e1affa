"""Enums that the domain defines, with the descriptions that the schema gives their values."""

from __future__ import annotations

from enum import Enum
from typing import TypeVar

import strawberry
from strawberry.types.enum import StrawberryEnumDefinition

E = TypeVar("E", bound=type[Enum])


def described_enum(kind: E, description: str, values: dict[str, str], name: str | None = None) -> E:
    """The enum itself, known to GraphQL. Raises KeyError at import for a value without a description."""
    shown = strawberry.enum(kind, name=name, description=description)
    definition: StrawberryEnumDefinition = shown.__strawberry_definition__  # type: ignore[attr-defined] # strawberry sets it
    for value in definition.values:
        value.description = values[value.name]
    return shown
