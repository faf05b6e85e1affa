"""Leaves a provider alone that gives no answer: after some calls in a row, the next ones fail at once for a while.

No library, since none of purgatory, aiobreaker, pybreaker and circuitbreaker (as of November 2026) does all of this: let a
single call through to try again, forget keys that are out of use, tell a call that was answered on its way, take a clock.
"""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from providers.base import HttpProvider
from providers.errors import ProviderError, ProviderServerError, ProviderTimeoutError, ProviderUnavailableError

SILENCE = (ProviderTimeoutError, ProviderServerError, ProviderUnavailableError)
"""What is no answer. A rate limit or a refusal is one: it comes from a provider that is well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How many calls in a row go unanswered until the next ones are refused, and for how long. In seconds.

    Calls that lie further apart than `memory_seconds` are not in a row.
    """

    calls: int = 5
    rest_seconds: float = 15.0
    memory_seconds: float = 600.0


@dataclass(slots=True)
class _Circuit:
    """What is remembered of a key that is in trouble; one that is not has none."""

    unanswered: int = 0
    since: float = 0.0
    """When the last call went unanswered."""
    trying: bool = False
    """Whether a call is under way whose outcome decides for the others."""


class Breaker:
    """The circuits of one process, for one event loop. Holds a key only while calls to it go unanswered."""

    def __init__(self, patience: Patience | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._patience = patience or Patience()
        self._clock = clock
        self._circuits: OrderedDict[Hashable, _Circuit] = OrderedDict()

    @contextmanager
    def watch(self, provider: HttpProvider, key: Hashable) -> Iterator[Callable[[], None]]:
        """Around a call; gives what is to be called at every answer. A call that ends in silence without one counts.

        Raises ProviderUnavailableError at once where the circuit is open, but for one call after each rest.
        """
        trying = self._admit(provider, key)
        answered = False

        def answer() -> None:
            nonlocal answered
            answered = True
            self._circuits.pop(key, None)

        try:
            yield answer
        except SILENCE as failure:
            if failure.requests and not answered:
                self._count(key)
            raise
        finally:
            if trying and key in self._circuits:
                self._circuits[key].trying = False

    def _admit(self, provider: HttpProvider, key: Hashable) -> bool:
        """Whether this call is the one that tries again."""
        circuit = self._circuits.get(key)
        if circuit is None or circuit.unanswered < self._patience.calls:
            return False
        rest = circuit.since + self._patience.rest_seconds - self._clock()
        if rest > 0 or circuit.trying:
            raise _refusal(provider, circuit, math.ceil(max(rest, 1)))
        circuit.trying = True
        return True

    def _count(self, key: Hashable) -> None:
        now = self._clock()
        while self._circuits and now - next(iter(self._circuits.values())).since > self._patience.memory_seconds:
            self._circuits.popitem(last=False)
        circuit = self._circuits.setdefault(key, _Circuit())
        self._circuits.move_to_end(key)
        circuit.unanswered += 1
        circuit.since = now


def answers(failure: ProviderError) -> bool:
    """Whether a failed request was answered at all, by a provider that is well."""
    return failure.http_status is not None and not isinstance(failure, SILENCE)


def _refusal(provider: HttpProvider, circuit: _Circuit, seconds: int) -> ProviderUnavailableError:
    times = f"{circuit.unanswered} times in a row"
    message = f"{provider.display_name} failed {times} and is left alone now: try again in {seconds} seconds."
    return ProviderUnavailableError(message, provider=provider.key, retry_after_seconds=seconds)
