"""Each request to a provider is told once, however it ends."""

from __future__ import annotations

import asyncio

import pytest

from providers.errors import ProviderTimeoutError
from providers.usage import NO_USAGE, Usage
from providers.watch import Told, Watch


def test_a_request_that_was_answered_is_told_with_its_usage() -> None:
    told: list[Told] = []
    with Watch(told.append, "openai", "small") as watch:
        watch.usage = Usage(3, 3)
    [only] = told
    assert (only.provider, only.model, only.usage, only.failure) == ("openai", "small", Usage(3, 3), None)
    assert only.seconds >= 0


@pytest.mark.parametrize("failure", [ProviderTimeoutError("late", provider="openai"), asyncio.CancelledError()])
def test_one_that_failed_is_told_with_its_class_and_raises_on(failure: BaseException) -> None:
    told: list[Told] = []
    with pytest.raises(type(failure)), Watch(told.append, "openai", "small"):
        raise failure
    [only] = told
    assert (only.usage, only.failure) == (NO_USAGE, type(failure))
