"""How much of what a caller is refused the audit log takes: so many events a minute, and how many refusals were beyond them."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from app.access import Actor

WINDOW_SECONDS: Final = 60.0

MOST_REFUSED: Final = 100
"""Events of refusals that one token, or subject of the identity provider, may cause in a minute, in this process."""


@dataclass(slots=True)
class Minute:
    """A minute of one caller's: events written, and refusals that were left out."""

    actor: Actor
    begun: float
    written: int = 0
    left_out: int = 0


class RefusalQuota:
    """Counts by caller, in memory. Whoever may do nothing can still be refused, and must not fill a disk by it."""

    def __init__(self, most: int = MOST_REFUSED, now: Callable[[], float] = time.monotonic) -> None:
        self._most = most
        self._now = now
        self._minutes: dict[UUID, Minute] = {}
        self._over: list[Minute] = []

    def admits(self, actor: Actor, refusals: int) -> bool:
        """Whether an event of so many refusals is to be written; they are counted as left out where it is not."""
        minute = self._current(actor)
        if minute.written < self._most:
            minute.written += 1
            return True
        minute.left_out += refusals
        return False

    def take(self, *, last: bool = False) -> list[Minute]:
        """The minutes that are over and left something out, each once. `last`: those that still run as well."""
        ended = self._now() - WINDOW_SECONDS
        for caller, minute in list(self._minutes.items()):
            if last or minute.begun <= ended:
                self._end(caller)
        taken, self._over = self._over, []
        return taken

    def _current(self, actor: Actor) -> Minute:
        minute = self._minutes.get(actor.token_id)
        if minute is not None and minute.begun > self._now() - WINDOW_SECONDS:
            return minute
        if minute is not None:
            self._end(actor.token_id)
        return self._minutes.setdefault(actor.token_id, Minute(actor, self._now()))

    def _end(self, caller: UUID) -> None:
        minute = self._minutes.pop(caller)
        if minute.left_out:
            self._over.append(minute)
