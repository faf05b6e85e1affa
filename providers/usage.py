"""Tokens as providers count them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one or more requests; None where the provider does not say, and for a sum with an unknown part."""

    prompt_tokens: int | None
    total_tokens: int | None

    def __add__(self, other: Usage) -> Usage:
        return Usage(_sum(self.prompt_tokens, other.prompt_tokens), _sum(self.total_tokens, other.total_tokens))


NO_USAGE = Usage(0, 0)
UNKNOWN_USAGE = Usage(None, None)


def _sum(left: int | None, right: int | None) -> int | None:
    return None if left is None or right is None else left + right
