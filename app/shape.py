"""What of an object is asked for, as far as PostgreSQL can write it: plain names, for those that ask and those that write."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

Shape: TypeAlias = "tuple[Part, ...]"
"""The members of an object of JSON, in their order."""


@dataclass(frozen=True, slots=True)
class Part:
    """A member: its key in the answer, the name of what it is, and what is asked for of that, if it is an object or a list of them."""

    key: str
    name: str
    shape: Shape = ()
    constant: str | None = None
    """JSON that stands there whatever the object is."""
