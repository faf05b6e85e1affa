"""The one sender for all HTTP providers. It knows no wire format, and of a credential only the source of its secret."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace
from weakref import WeakValueDictionary

import httpx
import numpy as np

from providers.base import EmbeddingRequest, HttpProvider, InProcessProvider, InputType
from providers.batches import pack
from providers.breaker import Breaker
from providers.call import KEY_REFUSED, Backoff, Call, Means
from providers.configuration import Configuration, request_for
from providers.embedding import Embedding
from providers.errors import ProviderClientError
from providers.in_process import in_time
from providers.secret import Secret, SecretSource, always
from providers.usage import NO_USAGE
from providers.watch import Watch, Watcher, nobody


@dataclass(frozen=True, slots=True)
class KeyTrial:
    """What a provider says of a key. `message` is its refusal, redacted; `latency_ms` counts waits too."""

    accepted: bool
    message: str | None
    latency_ms: float


class Sender:
    """Sends for all providers and credentials of one process; `concurrency` counts for each lane by itself.

    What it remembers of a lane ends with the lane's last call, but for the breaker's memory of calls without an answer.
    `watcher` is told of every request; it may be set at any time.
    """

    def __init__(
        self,
        client: httpx.AsyncClient,
        *,
        deadline_seconds: float = 30.0,
        concurrency: int = 8,
        backoff: Backoff | None = None,
        breaker: Breaker | None = None,
    ) -> None:
        self._client = client
        self._deadline_seconds = deadline_seconds
        self._concurrency = concurrency
        self._backoff = backoff or Backoff()
        self._breaker = breaker or Breaker()
        self.watcher: Watcher = nobody
        self._lanes: WeakValueDictionary[Hashable, asyncio.Semaphore] = WeakValueDictionary()

    async def embed(
        self,
        provider: HttpProvider,
        configuration: Configuration,
        texts: Sequence[str],
        input_type: InputType,
        *,
        secrets: SecretSource,
        lane: Hashable,
    ) -> Embedding:
        """Embed every text within one deadline; without texts nothing is sent, and no secret asked for.

        A lane is a credential's: whoever shares a secret shares its places, and the URL that does not answer is left alone.
        Texts are valid Unicode: half a surrogate pair has no UTF-8, and is for the caller to refuse.
        A text that the provider refuses is in the result's `refusals`, whatever became of the others. Raises a
        ConfigurationError, a ProviderError that concerns the whole call, or what `secrets` raises.
        """
        request = request_for(provider, configuration, texts, input_type)
        if not texts:
            return Embedding(vectors=np.empty((0, configuration.dimension), np.float32), usage=NO_USAGE)
        batches = pack(texts, provider.batch_limits(configuration.parameters))
        with self._breaker.watch(provider, (provider.key, lane, provider.url(request))) as answered:
            means = self._means(self._lane((provider.key, lane)), answered)
            return await Call(means, provider, request, secrets, await secrets()).embed(batches)

    async def embed_in_process(self, provider: InProcessProvider, request: EmbeddingRequest) -> Embedding:
        """What a provider of this process makes of a request, within the same deadline. Raises a ProviderError."""
        with Watch(self.watcher, provider.key, request.model.name) as watch:
            embedding = await in_time(provider, provider.embed(request), self._deadline_seconds)
            watch.usage = embedding.usage
        return embedding

    async def try_key(self, provider: HttpProvider, configuration: Configuration, secret: Secret) -> KeyTrial:
        """Ask for one vector, of whatever dimension, past the breaker: someone waits for what the provider says.

        Only 401 and 403 refuse the key; any other failure is raised as a ProviderError.
        """
        request = replace(request_for(provider, configuration, ["key"], InputType.QUERY), dimension=None)
        means = self._means(asyncio.Semaphore(), answered=lambda: None)
        call = Call(means, provider, request, always(secret), secret)
        begun = time.perf_counter()
        refusal: str | None = None
        try:
            await call.send_whole()
        except ProviderClientError as error:
            if error.http_status not in KEY_REFUSED:
                raise
            refusal = error.provider_message or str(error)
        return KeyTrial(refusal is None, refusal, (time.perf_counter() - begun) * 1000)

    def _means(self, lane: asyncio.Semaphore, answered: Callable[[], None]) -> Means:
        return Means(
            client=self._client,
            lane=lane,
            answered=answered,
            watcher=self.watcher,
            deadline_seconds=self._deadline_seconds,
            backoff=self._backoff,
        )

    def _lane(self, key: Hashable) -> asyncio.Semaphore:
        """The lane of that key; it is forgotten when no call is in it."""
        lane = self._lanes.get(key)
        if lane is None:
            lane = self._lanes[key] = asyncio.Semaphore(self._concurrency)
        return lane
