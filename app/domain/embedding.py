"""The one door to embedding providers: resolve the credential by name, check its scope, open the secret, embed, verify (rule 16).

Nothing is remembered between calls, so that a removal, a rotation or a changed scope bites on the next request, on every replica.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeAlias
from uuid import UUID

import orjson

from app.access import Actor
from app.domain import provider as provider_rules
from app.domain import usage as usage_rules
from app.domain.attachment import Standing, refusal
from app.domain.provider_failure import coded, coded_failures
from app.domain.vector import check_vector
from app.errors import (
    CredentialRejected,
    EmbeddingNotConfigured,
    GatewayError,
    Internal,
    NotFound,
)
from app.gateway import Gateway
from app.secret import SecretUnreadable
from app.store import attachment
from app.store.record import Attachment, Collection, Metric, Resolved, ResolvedTable, SealedSecret, Table, Vector
from app.store.table_version import TableChangedError
from app.store.usage import Spent
from providers.base import HttpProvider, InProcessProvider, InputType, Provider
from providers.configuration import Configuration, request_for
from providers.embedding import Embedding
from providers.errors import (
    ProviderError,
)
from providers.secret import Secret, SecretSource, always
from providers.usage import NO_USAGE, Usage

Target: TypeAlias = Collection | Table

NO_SECRET = Secret("none")
"""What a hosted provider without a key is handed: it is in this process and looks at none."""


@dataclass(frozen=True, slots=True)
class Embedded:
    """What became of each text: a vector, shape (dimension,), or the error of a text that the provider refused.

    `spent` is still to be recorded: with the write that it was for, or alone (domain/usage.py).
    """

    outcomes: list[Vector | GatewayError]
    model: str
    usage: Usage
    spent: Spent
    cached: bool = False

    def only(self, metric: Metric | None) -> Vector:
        """The vector of the one text that was asked for. Raises the provider's refusal, or InvalidVector."""
        [outcome] = self.outcomes
        if isinstance(outcome, GatewayError):
            raise outcome
        check_vector(outcome, metric)
        return outcome


async def resolve(gateway: Gateway, actor: Actor, collection_id: UUID) -> Resolved[Collection]:
    """A collection with everything that a use of it needs, read now in one statement; uses at the same time share it. Raises NotFound."""
    ask = partial(_resolved, gateway, actor.organization_id, actor.databases)
    found = await gateway.questions.of(("uses of collections", actor.sight), ask).get(collection_id)
    if found is None:
        raise NotFound("There is no collection with this id.")
    return found


async def _resolved(
    gateway: Gateway, organization_id: UUID, databases: Sequence[UUID] | None, ids: Sequence[UUID]
) -> Mapping[UUID, Resolved[Collection] | None]:
    async with gateway.postgres.catalogue.connection() as connection:
        found = await attachment.resolve(connection, organization_id, databases, ids)
    return {each: found.get(each) for each in ids}


async def resolve_table(gateway: Gateway, actor: Actor, table_id: UUID) -> ResolvedTable:
    """A table with its columns and everything that a use of each vector column needs, read now in one statement. Raises NotFound."""
    async with gateway.postgres.catalogue.connection() as connection:
        found = await attachment.resolve_table(connection, actor.organization_id, actor.databases, table_id)
    if found is None:
        raise NotFound("There is no table with this id.")
    return found


async def embed(gateway: Gateway, actor: Actor, resolved: Resolved[Target], texts: Sequence[str]) -> Embedded:
    """Embed texts that are to be stored, as documents; call it with no connection held.

    Raises EmbeddingNotConfigured, the refusal of the attachment's standing, or the provider's failure of the call as a whole.
    """
    return await answer(allowed(gateway, actor, resolved), texts)


async def answer(asked: Asked, texts: Sequence[str]) -> Embedded:
    """Embed texts that are to be stored. Raises the provider's failure of the call as a whole."""
    return _answered(asked, await _ask(asked, texts, InputType.DOCUMENT), len(texts))


async def embed_query(gateway: Gateway, actor: Actor, resolved: Resolved[Target], text: str) -> Embedded:
    """Embed a text to search with, as a query; one that was asked a moment ago is remembered. Raises as `embed`."""
    asked = allowed(gateway, actor, resolved)
    found = await gateway.queries.get((*asked.identity, text), lambda: _ask(asked, [text], InputType.QUERY))
    return _answered(asked, found.value, 1, cached=found.shared)


def not_configured(resolved: Resolved[Target]) -> EmbeddingNotConfigured:
    return EmbeddingNotConfigured(
        f"No integration is attached to {resolved.target.name}: give a vector, or make a collection with an embedding configuration."
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


@dataclass(frozen=True, slots=True)
class Asked:
    """One call to a provider, allowed a moment ago: what is asked of whom, with which secret, in which lane."""

    gateway: Gateway
    resolved: Resolved[Target]
    use: Attachment
    provider: Provider
    secrets: SecretSource
    lane: Hashable

    @property
    def identity(self) -> tuple[Hashable, ...]:
        """What an answer depends on beside its text: what the vector does, and the target, whose refusals are its own."""
        use = self.use
        parameters = orjson.dumps(use.parameters, option=orjson.OPT_SORT_KEYS)
        return (use.target_id, self.lane, use.provider, use.model, use.dimension, parameters)


def allowed(gateway: Gateway, actor: Actor, resolved: Resolved[Target]) -> Asked:
    """Check that the target may embed now. Raises what keeps it from it."""
    use = resolved.attachment
    if use is None:
        raise not_configured(resolved)
    _check(gateway, resolved)
    provider = provider_rules.known(gateway, use.provider)
    if resolved.secret is not None:
        source = _Secrets(gateway, actor, resolved)
        return Asked(gateway, resolved, use, provider, source, resolved.secret.credential_id)
    hosted = gateway.catalogue.hosted_secrets.get(provider.key, NO_SECRET)
    return Asked(gateway, resolved, use, provider, always(hosted), provider.key)


async def _ask(asked: Asked, texts: Sequence[str], input_type: InputType) -> Embedding:
    """Ask the provider; what a failed call has spent is recorded before its error leaves."""
    use, sender = asked.use, asked.gateway.sender
    configuration = Configuration(use.model, use.dimension, use.parameters)
    try:
        with provider_rules.coded(asked.provider):
            if isinstance(asked.provider, InProcessProvider):
                request = request_for(asked.provider, configuration, texts, input_type)
                return await sender.embed_in_process(asked.provider, request)
            over = over_http(asked.provider)
            return await sender.embed(over, configuration, texts, input_type, secrets=asked.secrets, lane=asked.lane)
    except ProviderError as error:
        spent = _spent(asked, texts=len(texts), requests=error.requests, usage=error.usage, errors=1)
        await usage_rules.record_failed(asked.gateway, asked.resolved.target.region, spent)
        raise coded(asked.provider, use, error) from None


def _answered(asked: Asked, embedding: Embedding, count: int, *, cached: bool = False) -> Embedded:
    outcomes = [_outcome(asked.provider, asked.use, embedding, position) for position in range(count)]
    usage = NO_USAGE if cached else embedding.usage
    requests, errors = (0, 0) if cached else (embedding.requests, len(embedding.refusals))
    spent = _spent(asked, texts=count, requests=requests, usage=usage, errors=errors, cached=count if cached else 0)
    return Embedded(outcomes, asked.use.model, usage, spent, cached)


def _spent(asked: Asked, *, texts: int, requests: int, usage: Usage, errors: int, cached: int = 0) -> Spent:
    home = asked.resolved.target
    unknown = usage.total_tokens is None
    return Spent(
        organization_id=home.organization_id,
        provider=asked.use.provider,
        model=asked.use.model,
        credential_name=asked.use.credential_name,
        database_id=home.database_id,
        database_name=asked.resolved.database_name,
        target_id=home.id,
        target_name=home.name,
        requests=requests,
        texts=texts,
        cached_texts=cached,
        errors=errors,
        total_tokens=None if cached else usage.total_tokens,
        unreported_requests=requests if unknown else 0,
    )


class _Secrets:
    """The secret as it is at each asking: the one resolved with the request first, then read anew (rule 15)."""

    def __init__(self, gateway: Gateway, actor: Actor, resolved: Resolved[Target]) -> None:
        self._gateway = gateway
        self._actor = actor
        self._resolved = resolved
        self._asked = False

    async def __call__(self) -> Secret:
        if self._asked:
            self._resolved = await _again(self._gateway, self._actor, self._resolved)
            _check(self._gateway, self._resolved)
        self._asked = True
        sealed = self._resolved.secret
        assert sealed is not None  # noqa: S101 - _check refuses a target whose credential is gone
        self._gateway.credentials_used.note(sealed.credential_id)
        return opened(self._gateway, sealed)


async def _again(gateway: Gateway, actor: Actor, resolved: Resolved[Target]) -> Resolved[Target]:
    """The same attachment with its secret and scope as they are now. Raises TableChangedError where a column has another, or none."""
    use = resolved.attachment
    assert use is not None  # noqa: S101 - only what is attached has secrets
    async with gateway.postgres.catalogue.connection() as connection:
        found = await attachment.secret(connection, actor.organization_id, actor.databases, use.id)
    if found is None:
        if isinstance(resolved.target, Table):
            raise TableChangedError(resolved.target.id)
        raise NotFound(f"{resolved.target.name} was dropped meanwhile.")
    secret, in_scope = found
    return replace(resolved, secret=secret, in_scope=in_scope)


def standing_of(resolved: Resolved[Target]) -> Standing:
    """The standing of a resolved target's attachment."""
    assert resolved.attachment is not None  # noqa: S101 - asked only of targets that have one
    found = resolved.secret is not None
    return Standing(resolved.attachment, resolved.target.region, resolved.database_name, found, resolved.in_scope)


def _check(gateway: Gateway, resolved: Resolved[Target]) -> None:
    error = refusal(gateway, standing_of(resolved))
    if error is not None:
        raise error


def _outcome(provider: Provider, use: Attachment, embedding: Embedding, position: int) -> Vector | GatewayError:
    refused = embedding.refusals.get(position)
    return coded(provider, use, refused) if refused is not None else embedding.vector(position)
