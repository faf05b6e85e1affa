"""Trying again what is refused for a while, as long as there is progress now and then, and nobody asks to stop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, wait_random_exponential

from app.cli.transfer.door import passes
from app.cli.transfer.progress import Meter
from app.errors import GatewayError

MOST_SECONDS: Final = 30.0
"""Between two attempts, unless the refusal names more."""
TOLD_SECONDS: Final = 5.0
"""What is waited longer than this is told."""

T = TypeVar("T")
_BACKOFF: Final = wait_random_exponential(multiplier=0.5, max=MOST_SECONDS)


class Patience:
    """`seconds` without progress are too many."""

    def __init__(self, seconds: float, meter: Meter) -> None:
        self._seconds, self._meter = seconds, meter
        self._progressed = time.monotonic()
        self._over = asyncio.Event()

    @property
    def is_over(self) -> bool:
        return self._over.is_set()

    def end(self) -> None:
        """From now on nothing is tried again, and nobody waits."""
        self._over.set()

    async def with_(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """What `attempt` answers. Raises its last refusal."""
        retrying = AsyncRetrying(
            retry=retry_if_exception(passes), wait=self._wait, stop=self._gives_up, sleep=self._sleep, reraise=True
        )

        refusal: Exception | None = None

        async def tried() -> T:
            nonlocal refusal
            if refusal is not None and self.is_over:
                raise refusal
            try:
                return await attempt()
            except Exception as error:
                refusal = error
                raise

        answer: T = await retrying(tried)
        self._progressed = time.monotonic()
        return answer

    def _wait(self, state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        asked = error.facts.get("retryAfterSeconds") if isinstance(error, GatewayError) else None
        seconds = max(_BACKOFF(state), asked if isinstance(asked, int | float) else 0.0)
        if seconds > TOLD_SECONDS:
            self._meter.say(f"Waiting {seconds:.0f} s: {error}")
        return seconds

    async def _sleep(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._over.wait()
        except TimeoutError:
            return

    def _gives_up(self, _: RetryCallState) -> bool:
        return self.is_over or time.monotonic() - self._progressed > self._seconds
