"""The collector of a process that serves."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from app import garbage


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    """The collector is the process's: whatever a test sets is undone."""
    before = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*before)


def test_what_is_there_is_looked_at_no_more_and_what_comes_is_looked_at_more_rarely() -> None:
    before = gc.get_threshold()
    garbage.settled()
    assert gc.get_freeze_count() > 0
    assert gc.get_threshold() == (garbage.YOUNG, *before[1:])
    assert gc.isenabled()
