"""How many requests a minute, by access token and by address, in this process. Who somebody is gets decided elsewhere."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from starlette.datastructures import Headers

from app.errors import RateLimited
from app.web.address import network
from app.web.admission import Authenticate, Caller
from app.web.message import bearer

WINDOW_SECONDS: Final = 60.0

MOST_KEYS: Final = 50_000
"""Keys counted in a window: whoever comes from more addresses than this only makes the least active of them forgotten."""


class Rate:
    """At most `limit` requests of a key in any minute; 0: no limit.

    A sliding window made of two that are fixed: the one before counts for as much as the last minute still overlaps it. A turn
    of the window forgets a whole generation at once, so that nothing is ever searched for what has expired.
    """

    def __init__(
        self, setting: str, limit: int, most_keys: int = MOST_KEYS, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._setting = setting
        self._limit = limit
        self._most_keys = most_keys
        self._now = now
        self._window = 0
        self._counts: OrderedDict[int, int] = OrderedDict()
        self._before: OrderedDict[int, int] = OrderedDict()

    def __len__(self) -> int:
        """How many counts are kept."""
        return len(self._counts) + len(self._before)

    def take(self, key: str) -> None:
        """Count a request. Raises RateLimited for one too many, which is not counted."""
        if self._limit:
            self.check(key)
            kept = hash(key)  # keyed anew in every process: what is kept tells no token
            self._counts[kept] = self._counts.get(kept, 0) + 1
            self._counts.move_to_end(kept)
            if len(self._counts) > self._most_keys:
                self._counts.popitem(last=False)

    def check(self, key: str) -> None:
        """Raises RateLimited where `take` would; counts nothing."""
        if self._limit:
            seconds = self._seconds_to_wait(hash(key))
            if seconds > 0:
                raise self._refusal(seconds)

    def _seconds_to_wait(self, kept: int) -> float:
        """Until a request of this key is one that may come; 0: now."""
        passed = self._turned()
        current, before = self._counts.get(kept, 0), self._before.get(kept, 0)
        free = self._limit - 1 - current
        if free < 0:
            return WINDOW_SECONDS - passed + _until_faded(current, self._limit - 1)
        return max(0.0, _until_faded(before, free) - passed)

    def _turned(self) -> float:
        """Begin a new window when it is time; answers the seconds that the current one has lasted."""
        window, passed = divmod(self._now(), WINDOW_SECONDS)
        if window != self._window:
            self._before = self._counts if window == self._window + 1 else OrderedDict()
            self._counts = OrderedDict()
            self._window = int(window)
        return passed

    def _refusal(self, seconds: float) -> RateLimited:
        whole = math.ceil(seconds)
        message = (
            f"{self._setting} allows {self._limit} requests a minute, and they are used up: try again in {whole} s."
        )
        return RateLimited(message, limit=self._limit, retryAfterSeconds=whole)


Arrival = Callable[[str], None]
"""Counts what arrives from an address, of whatever kind. Raises RateLimited."""


def arrivals(limit: int) -> Arrival:
    """One count of an address for all that it sends: requests, handshakes, and operations on a socket."""
    rate = Rate("RATE_LIMIT_PER_ADDRESS", limit)
    return lambda address: rate.take(network(address))


class Holders:
    """Whose a token is, for as many as are kept: so that whoever is over the limit costs no look-up again."""

    def __init__(self, most: int = MOST_KEYS) -> None:
        self._most = most
        self._known: OrderedDict[int, str] = OrderedDict()

    def __len__(self) -> int:
        return len(self._known)

    def get(self, token: str) -> str | None:
        """The holder's key, if it is remembered."""
        return self._known.get(hash(token))

    def note(self, token: str, holder: str) -> None:
        """Remember it, instead of the one that was noted longest ago."""
        kept = hash(token)
        self._known[kept] = holder
        self._known.move_to_end(kept)
        if len(self._known) > self._most:
            self._known.popitem(last=False)


def limited(authenticate: Authenticate, arrive: Arrival, *, per_token: int) -> Authenticate:
    """Authentication that counts: every attempt for its address, before anything is asked of a database; then its holder.

    An access token counts by its id, and all JWTs of one subject together: asking the identity provider for another one gains
    nothing. Only tokens that are in force are counted, so that nobody fills the memory with made-up ones.
    """
    rate, holders = Rate("RATE_LIMIT_PER_TOKEN", per_token), Holders()

    async def authenticated(headers: Headers, address: str | None, request_id: str) -> Caller:
        arrive(address or "")
        token = bearer(headers.get("authorization")) or ""
        holder = holders.get(token)
        if holder is not None:
            rate.check(holder)
        caller = await authenticate(headers, address, request_id)
        holders.note(token, caller.holder)
        rate.take(caller.holder)
        return caller

    return authenticated


def _until_faded(count: int, allowed: int) -> float:
    """Seconds of a window until what remains of the count of the one before is no more than is allowed."""
    return WINDOW_SECONDS * (1 - allowed / count) if count > allowed else 0.0
