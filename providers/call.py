"""One call to a provider: its batches in flight, deadline, secret as it is now, repetitions and refused texts."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

import httpx
import numpy as np
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, wait_random_exponential

from providers.base import EmbeddingRequest, HttpProvider
from providers.batches import halves
from providers.breaker import answers
from providers.embedding import Embedding, Matrix
from providers.errors import (
    ProviderClientError,
    ProviderError,
    ProviderRateLimitedError,
    ProviderServerError,
    ProviderTimeoutError,
    ProviderUnavailableError,
)
from providers.exchange import exchange
from providers.secret import Secret, SecretSource
from providers.usage import NO_USAGE, Usage
from providers.watch import Watch, Watcher

KEY_REFUSED = frozenset({401, 403})

PASSING = frozenset({500, 502, 503})
"""Server errors that pass by themselves; 504 is one too, as a timeout."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Backoff:
    """Waits before repetitions, in seconds: random up to a bound that doubles from `initial` to `maximum`."""

    initial: float = 0.25
    maximum: float = 8.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What a call works with: the client, its place in line, and how long it may take and wait."""

    client: httpx.AsyncClient
    lane: asyncio.Semaphore
    answered: Callable[[], None]
    """Called whenever the provider answers, be it with a refusal."""
    watcher: Watcher
    deadline_seconds: float
    backoff: Backoff


class Call:
    """Made for one use. `secret` is what `secrets` answered just now; it is asked again before each repetition."""

    def __init__(
        self, means: Means, provider: HttpProvider, request: EmbeddingRequest, secrets: SecretSource, secret: Secret
    ) -> None:
        self._means = means
        self._provider = provider
        self._request = request
        self._secrets = secrets
        self._secret = secret
        self._deadline = asyncio.get_running_loop().time() + means.deadline_seconds
        self._jitter = wait_random_exponential(multiplier=means.backoff.initial, max=means.backoff.maximum)
        self._vectors: Matrix = np.zeros((len(request.texts), request.dimension or 0), np.float32)
        self._refusals: dict[int, ProviderClientError] = {}
        self._halved_for: ProviderClientError | None = None
        self._usage: Usage = NO_USAGE
        self._requests = 0
        self._over = False

    async def embed(self, batches: Iterable[range]) -> Embedding:
        """Send all batches at once, as far as the lane lets them. The first failure of the call cancels the others."""
        # In a task of its own: a TaskGroup whose work fails leaves its task marked as cancelled, and deadlines around it would not be told.
        await self._within_deadline(asyncio.create_task(self._together(batches)))
        return Embedding(vectors=self._vectors, usage=self._usage, refusals=self._refusals, requests=self._requests)

    async def send_whole(self) -> None:
        """Send the request as it is, never halved; what comes back is verified and dropped."""
        await self._within_deadline(self._persist(range(len(self._request.texts))))

    async def _within_deadline(self, work: Awaitable[T]) -> T:
        try:
            async with asyncio.timeout_at(self._deadline):
                return await work
        except TimeoutError:
            failure: Exception = self._expired()
        except ExceptionGroup as failures:
            failure = failures.exceptions[0]
        if isinstance(failure, ProviderError):
            failure.usage, failure.requests = self._usage, self._requests
        raise failure

    def _expired(self) -> ProviderTimeoutError:
        name, seconds = self._provider.display_name, self._means.deadline_seconds
        reason = f"; meanwhile it refused texts: {self._halved_for}" if self._halved_for else "."
        message = f"{name} did not answer within {seconds:g} seconds{reason}"
        return ProviderTimeoutError(message, provider=self._provider.key)

    async def _together(self, batches: Iterable[range]) -> None:
        async with asyncio.TaskGroup() as group:
            for batch in batches:
                group.create_task(self._deliver(batch, group))

    async def _deliver(self, batch: range, group: asyncio.TaskGroup) -> None:
        """Embed a batch; one that is refused is halved until the guilty texts stand alone."""
        try:
            matrix, usage = await self._persist(batch)
        except ProviderError as failure:
            if not (isinstance(failure, ProviderClientError) and failure.about_texts):
                self._over = True
                raise
            self._narrow_down(failure, batch, group)
        else:
            self._vectors[batch.start : batch.stop] = matrix
            self._usage += usage

    def _narrow_down(self, refusal: ProviderClientError, batch: range, group: asyncio.TaskGroup) -> None:
        if len(batch) == 1:
            self._refusals[batch.start] = refusal
            return
        self._halved_for = refusal
        for half in halves(batch):
            group.create_task(self._deliver(half, group))

    async def _persist(self, batch: range) -> tuple[Matrix, Usage]:
        """Embed a batch as a whole, repeating what may pass as long as the deadline allows."""
        repeating = AsyncRetrying(
            sleep=asyncio.sleep,
            retry=retry_if_exception(_may_pass),
            wait=self._wait,
            stop=self._too_late,
            before=self._refresh,
            reraise=True,
        )
        try:
            return await repeating(self._attempt, batch)
        finally:
            repeating.iter_state.reset()  # it refers to itself, and would keep this call and its vectors for a while

    def _wait(self, state: RetryCallState) -> float:
        """As long as the provider asks, and a random while more, so that those who wait do not come back together."""
        failure = state.outcome.exception() if state.outcome else None
        asked = failure.retry_after_seconds if isinstance(failure, ProviderError) else None
        return (asked or 0) + self._jitter(state)

    def _too_late(self, state: RetryCallState) -> bool:
        return asyncio.get_running_loop().time() + state.upcoming_sleep >= self._deadline

    async def _refresh(self, state: RetryCallState) -> None:
        if state.attempt_number > 1:
            self._secret = await self._secrets()

    async def _attempt(self, batch: range) -> tuple[Matrix, Usage]:
        """One request in the lane; another at once if the key was refused and has been rotated meanwhile."""
        async with self._means.lane:
            if self._over:  # by a failure that has just given up this place: nothing more is asked, or paid for
                raise asyncio.CancelledError
            secret = self._secret
            try:
                return await self._exchange(batch)
            except ProviderClientError as refusal:
                if refusal.http_status not in KEY_REFUSED or not await self._rotated_since(secret):
                    raise
            return await self._exchange(batch)

    async def _rotated_since(self, secret: Secret) -> bool:
        self._secret = await self._secrets()
        return self._secret.version != secret.version

    async def _exchange(self, batch: range) -> tuple[Matrix, Usage]:
        self._requests += 1
        try:
            with Watch(self._means.watcher, self._provider.key, self._request.model.name) as watch:
                outcome = await exchange(self._means.client, self._provider, self._request.part(batch), self._secret)
                watch.usage = outcome[1]
        except ProviderError as failure:
            if answers(failure):
                self._means.answered()
            raise
        self._means.answered()
        return outcome


def _may_pass(failure: BaseException) -> bool:
    """Whether the same request can succeed a moment later."""
    if isinstance(failure, ProviderRateLimitedError):
        return not failure.quota_exhausted
    if isinstance(failure, ProviderServerError):
        return failure.http_status in PASSING
    return isinstance(failure, ProviderTimeoutError | ProviderUnavailableError)
