"""What became of each request to a provider, for whoever watches: how long it took, what it counted, how it ended. No texts, no secrets."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Self, TypeAlias

from providers.usage import NO_USAGE, Usage


@dataclass(frozen=True, slots=True)
class Told:
    """One request that has ended. `failure`: the class of what was raised, CancelledError where nobody wanted the answer any more."""

    provider: str
    model: str
    seconds: float
    usage: Usage
    failure: type[BaseException] | None


Watcher: TypeAlias = Callable[[Told], None]


def nobody(_: Told) -> None:
    """Where nobody watches."""


class Watch:
    """Around one request. Its `usage` is for the one who sends it to fill in."""

    __slots__ = ("_begun", "_model", "_provider", "_watcher", "usage")

    def __init__(self, watcher: Watcher, provider: str, model: str) -> None:
        self._watcher = watcher
        self._provider = provider
        self._model = model
        self._begun = 0.0
        self.usage: Usage = NO_USAGE

    def __enter__(self) -> Self:
        self._begun = time.perf_counter()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        seconds = time.perf_counter() - self._begun
        self._watcher(Told(self._provider, self._model, seconds, self.usage, kind))
