"""Garbage collection of a process that serves: what is there when it begins to is not looked at again and again."""

from __future__ import annotations

import gc
from typing import Final

YOUNG: Final = 10_000
"""Objects made, beyond those that went by themselves, before the young are looked at. With Python's own 700, each request has the
collector look at what other requests are in the middle of, and move it among the old."""


def settled() -> None:
    """Call it once, when all is made that stays as long as the process."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, *gc.get_threshold()[1:])
