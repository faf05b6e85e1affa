"""What a provider did wrong, as the coded error that a client acts on: the provider's redacted words, and the facts beside them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from app.domain import provider as provider_rules
from app.errors import (
    EmbeddingProviderBadHostName,
    EmbeddingProviderClientError,
    EmbeddingProviderRateLimited,
    EmbeddingProviderServerError,
    EmbeddingProviderTimeout,
    EmbeddingProviderUnavailable,
    EmbeddingProviderUnexpectedResponse,
    ProviderFailure,
)
from app.store.record import Attachment
from providers.base import Provider
from providers.errors import (
    ProviderBadHostNameError,
    ProviderClientError,
    ProviderError,
    ProviderRateLimitedError,
    ProviderServerError,
    ProviderTimeoutError,
    ProviderUnavailableError,
    ProviderUnexpectedResponseError,
)

CODES: Mapping[type[ProviderError], type[ProviderFailure]] = {
    ProviderTimeoutError: EmbeddingProviderTimeout,
    ProviderRateLimitedError: EmbeddingProviderRateLimited,
    ProviderClientError: EmbeddingProviderClientError,
    ProviderServerError: EmbeddingProviderServerError,
    ProviderBadHostNameError: EmbeddingProviderBadHostName,
    ProviderUnexpectedResponseError: EmbeddingProviderUnexpectedResponse,
    ProviderUnavailableError: EmbeddingProviderUnavailable,
}


@contextmanager
def coded_failures(provider: Provider, use: Attachment | None) -> Iterator[None]:
    """What a provider did leaves with its code; what its catalogue refuses, too."""
    try:
        with provider_rules.coded(provider):
            yield
    except ProviderError as error:
        raise coded(provider, use, error) from None


def coded(provider: Provider, use: Attachment | None, error: ProviderError) -> ProviderFailure:
    """A provider's error under its code, with the provider's redacted words and the facts to act on."""
    exhausted = isinstance(error, ProviderRateLimitedError) and error.quota_exhausted
    return CODES[type(error)](
        str(error),
        retryable=False if exhausted else None,
        provider=provider.key,
        httpStatus=error.http_status,
        providerMessage=error.provider_message,
        retryAfterSeconds=error.retry_after_seconds,
        credentialName=use.credential_name if use else None,
        model=use.model if use else None,
    )
