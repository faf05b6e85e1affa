"""The one door to embedding providers: resolve the credential by name, check its scope, open the secret, embed, verify (rule 16).

Nothing is remembered between calls, so that a removal, a rotation or a changed scope bites on the next request, on every replica.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import UUID

from app.access import Actor
from app.domain import provider as provider_rules
from app.domain.attachment import Standing, refusal
from app.errors import (
    CredentialRejected,
    EmbeddingNotConfigured,
    EmbeddingProviderBadHostName,
    EmbeddingProviderClientError,
    EmbeddingProviderRateLimited,
    EmbeddingProviderServerError,
    EmbeddingProviderTimeout,
    EmbeddingProviderUnavailable,
    EmbeddingProviderUnexpectedResponse,
    GatewayError,
    Internal,
    NotFound,
    ProviderFailure,
)
from app.gateway import Gateway
from app.secret import SecretUnreadable
from app.store import attachment
from app.store.record import Attachment, Resolved, SealedSecret, Vector
from providers.base import HttpProvider, InProcessProvider, InputType, Provider
from providers.configuration import Configuration, request_for
from providers.embedding import Embedding
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
from providers.secret import Secret
from providers.usage import Usage

CODES: Mapping[type[ProviderError], type[ProviderFailure]] = {
    ProviderTimeoutError: EmbeddingProviderTimeout,
    ProviderRateLimitedError: EmbeddingProviderRateLimited,
    ProviderClientError: EmbeddingProviderClientError,
    ProviderServerError: EmbeddingProviderServerError,
    ProviderBadHostNameError: EmbeddingProviderBadHostName,
    ProviderUnexpectedResponseError: EmbeddingProviderUnexpectedResponse,
    ProviderUnavailableError: EmbeddingProviderUnavailable,
}


@dataclass(frozen=True, slots=True)
class Embedded:
    """What became of each text: a vector, shape (dimension,), or the error of a text that the provider refused."""

    outcomes: list[Vector | GatewayError]
    model: str
    usage: Usage


async def resolve(gateway: Gateway, actor: Actor, target_id: UUID) -> Resolved:
    """A collection with everything that a use of it needs, read now in one statement. Raises NotFound."""
    async with gateway.postgres.catalogue.connection() as connection:
        found = await attachment.resolve(connection, actor.organization_id, actor.databases, target_id)
    if found is None:
        raise NotFound("There is no collection with this id.")
    return found


async def embed(
    gateway: Gateway, actor: Actor, resolved: Resolved, texts: Sequence[str], input_type: InputType
) -> Embedded:
    """Embed texts through a target's attachment; call it with no connection held.

    Raises EmbeddingNotConfigured, the refusal of the attachment's standing, or the provider's failure of the call as a whole.
    """
    use = resolved.attachment
    if use is None:
        raise not_configured(resolved)
    _check(gateway, resolved)
    provider = gateway.catalogue.get(use.provider)
    assert provider is not None  # noqa: S101 - checked just now
    configuration = Configuration(use.model, use.dimension, use.parameters)
    with coded_failures(provider, use):
        if isinstance(provider, InProcessProvider):
            embedding = await provider.embed(request_for(provider, configuration, texts, input_type))
        else:
            source = _Secrets(gateway, actor, resolved)
            embedding = await gateway.sender.embed(
                over_http(provider), configuration, texts, input_type, secrets=source, lane=source.lane
            )
    return Embedded(
        [_outcome(provider, use, embedding, position) for position in range(len(texts))], use.model, embedding.usage
    )


def not_configured(resolved: Resolved) -> EmbeddingNotConfigured:
    return EmbeddingNotConfigured(
        f"No integration is attached to {resolved.collection.name}: give a vector, or make a collection with an embedding configuration."
    )


async def try_key(gateway: Gateway, provider: Provider, configuration: Configuration, api_key: str) -> float:
    """Ask the provider whether it accepts a secret; answers the milliseconds that it took.

    Raises CredentialRejected on 401 and 403, and the provider's failure where it could not say.
    """
    with coded_failures(provider, None):
        verdict = await gateway.sender.try_key(over_http(provider), configuration, Secret(api_key))
    if not verdict.accepted:
        raise CredentialRejected(
            f"{provider.display_name} does not accept this secret, so it was not stored: check it in your account there.",
            provider=provider.key,
            providerMessage=verdict.message,
        )
    return verdict.latency_ms


def over_http(provider: Provider) -> HttpProvider:
    """A provider that is not in this process is behind HTTP: there are these two kinds."""
    if not isinstance(provider, HttpProvider):
        raise TypeError(f"{provider.key} is neither in process nor behind HTTP")
    return provider


def context(organization_id: UUID, credential_id: UUID) -> str:
    """What a sealed secret is bound to."""
    return f"{organization_id}/{credential_id}"


def opened(gateway: Gateway, sealed: SealedSecret) -> Secret:
    """Open a credential's secret: the only place where one is opened to be used."""
    try:
        value = gateway.keyring.open(sealed.sealed, context(sealed.organization_id, sealed.credential_id))
    except SecretUnreadable as error:
        raise Internal(
            f"The stored secret cannot be opened ({error}). Its operator must restore the key, or add it again."
        ) from None
    return Secret(value, sealed.version)


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


class _Secrets:
    """The secret as it is at each asking: the one resolved with the request first, then read anew (rule 15)."""

    def __init__(self, gateway: Gateway, actor: Actor, resolved: Resolved) -> None:
        self._gateway = gateway
        self._actor = actor
        self._resolved = resolved
        self._asked = False
        self.lane = resolved.secret.credential_id if resolved.secret else resolved.collection.id

    async def __call__(self) -> Secret:
        if self._asked:
            self._resolved = await resolve(self._gateway, self._actor, self._resolved.collection.id)
            _check(self._gateway, self._resolved)
        self._asked = True
        sealed = self._resolved.secret
        assert sealed is not None  # noqa: S101 - _check refuses a target whose credential is gone
        self._gateway.credentials_used.note(sealed.credential_id)
        return opened(self._gateway, sealed)


def standing_of(resolved: Resolved) -> Standing:
    """The standing of a resolved target's attachment."""
    assert resolved.attachment is not None  # noqa: S101 - asked only of targets that have one
    found = resolved.secret is not None
    return Standing(resolved.attachment, resolved.collection.region, resolved.database_name, found, resolved.in_scope)


def _check(gateway: Gateway, resolved: Resolved) -> None:
    error = refusal(gateway, standing_of(resolved))
    if error is not None:
        raise error


def _outcome(provider: Provider, use: Attachment, embedding: Embedding, position: int) -> Vector | GatewayError:
    refused = embedding.refusals.get(position)
    return coded(provider, use, refused) if refused is not None else embedding.vector(position)
