"""Tokens that are known, and tokens that are not."""

from __future__ import annotations

from providers.usage import NO_USAGE, UNKNOWN_USAGE, Usage


def test_usage_adds_up_and_what_is_unknown_stays_unknown() -> None:
    assert Usage(1, 2) + Usage(3, 4) == Usage(4, 6)
    assert NO_USAGE + Usage(3, 4) == Usage(3, 4)
    assert Usage(1, 2) + UNKNOWN_USAGE == UNKNOWN_USAGE
    assert Usage(None, 2) + Usage(3, 4) == Usage(None, 6)
