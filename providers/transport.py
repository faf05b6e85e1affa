"""The one sender for all HTTP providers. It knows no wire format, and of a credential only the source of its secret."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from weakref import WeakValueDictionary

import httpx
import numpy as np

from providers.base import HttpProvider, InputType
from providers.batches import pack
from providers.call import KEY_REFUSED, Backoff, Call, Means
from providers.configuration import Configuration, request_for
from providers.embedding import Embedding
from providers.errors import ProviderClientError
from providers.secret import Secret, SecretSource, always
from providers.usage import NO_USAGE


@dataclass(frozen=True, slots=True)
class KeyTrial:
    """What a provider says of a key. `message` is its refusal, redacted; `latency_ms` counts waits too."""

    accepted: bool
    message: str | None
    latency_ms: float


class Sender:
    """Sends for all providers and credentials of one process; `concurrency` counts for each lane by itself."""

    def __init__(
        self,
        client: httpx.AsyncClient,
        *,
        deadline_seconds: float = 30.0,
        concurrency: int = 8,
        backoff: Backoff | None = None,
    ) -> None:
        self._client = client
        self._deadline_seconds = deadline_seconds
        self._concurrency = concurrency
        self._backoff = backoff or Backoff()
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

        Texts are valid Unicode: half a surrogate pair has no UTF-8, and is for the caller to refuse.
        A text that the provider refuses is in the result's `refusals`, whatever became of the others. Raises a
        ConfigurationError, a ProviderError that concerns the whole call, or what `secrets` raises.
        """
        request = request_for(provider, configuration, texts, input_type)
        if not texts:
            return Embedding(vectors=np.empty((0, request.dimension), np.float32), usage=NO_USAGE)
        batches = pack(texts, provider.batch_limits(configuration.parameters))
        return await Call(self._means(self._lane(lane)), provider, request, secrets, await secrets()).embed(batches)

    async def try_key(self, provider: HttpProvider, configuration: Configuration, secret: Secret) -> KeyTrial:
        """Ask for one short vector. Only 401 and 403 refuse the key; any other failure is raised as a ProviderError."""
        request = request_for(provider, configuration, ["key"], InputType.QUERY)
        call = Call(self._means(asyncio.Semaphore()), provider, request, always(secret), secret)
        begun = time.perf_counter()
        refusal: str | None = None
        try:
            await call.send_whole()
        except ProviderClientError as error:
            if error.http_status not in KEY_REFUSED:
                raise
            refusal = error.provider_message or str(error)
        return KeyTrial(refusal is None, refusal, (time.perf_counter() - begun) * 1000)

    def _means(self, lane: asyncio.Semaphore) -> Means:
        return Means(client=self._client, lane=lane, deadline_seconds=self._deadline_seconds, backoff=self._backoff)

    def _lane(self, key: Hashable) -> asyncio.Semaphore:
        """The lane of that key; it is forgotten when no call is in it."""
        lane = self._lanes.get(key)
        if lane is None:
            lane = self._lanes[key] = asyncio.Semaphore(self._concurrency)
        return lane
