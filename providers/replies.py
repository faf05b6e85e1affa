"""Reads one HTTP reply: either the JSON of a success, or the error that its status and body amount to. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import orjson

from providers.base import EmbeddingRequest, HttpProvider
from providers.embedding import Matrix
from providers.errors import (
    MalformedReplyError,
    ProviderClientError,
    ProviderError,
    ProviderRateLimitedError,
    ProviderServerError,
    ProviderTimeoutError,
    ProviderUnexpectedResponseError,
)
from providers.redact import redact
from providers.retry_after import retry_after_seconds
from providers.secret import Secret
from providers.usage import Usage
from providers.vectors import to_matrix

JSON_TYPES = frozenset({"application/json", "text/json"})
ABOUT_TEXTS = frozenset({400, 413, 422})
"""What providers answer when a text, or all of them together, are more than they take."""

MAX_SAID = 4000
"""Characters of an error's text that are looked at; fewer are shown."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP reply that has been read to its end, and is not shown. `headers` finds names in any case."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


def read(provider: HttpProvider, request: EmbeddingRequest, answer: Answer, secret: Secret) -> tuple[Matrix, Usage]:
    """The verified vectors of `request`, in order. Raises a ProviderError."""
    if not 200 <= answer.status <= 299:
        raise _failure(provider, answer, secret)
    try:
        reply = provider.parse(_json(answer))
        return to_matrix(reply.vectors, count=len(request.texts), dimension=request.dimension), reply.usage
    except MalformedReplyError as fault:
        raise _unexpected(provider, answer, str(fault)) from None


def _json(answer: Answer) -> object:
    content_type = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type not in JSON_TYPES:
        raise MalformedReplyError(f"content of type {redact(content_type) or 'none'} instead of JSON")
    try:
        return orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        raise MalformedReplyError("a body that is not complete JSON") from None


def _unexpected(provider: HttpProvider, answer: Answer, what: str) -> ProviderUnexpectedResponseError:
    message = f"{provider.display_name} answered something unexpected: {what} (HTTP {answer.status})."
    return ProviderUnexpectedResponseError(message, provider=provider.key, http_status=answer.status)


def _failure(provider: HttpProvider, answer: Answer, secret: Secret) -> ProviderError:
    """The error that a status other than a success amounts to."""
    if not 400 <= answer.status <= 599:
        return _unexpected(
            provider, answer, "a status that is neither a success nor an error; redirects are not followed"
        )
    payload = _payload(answer.body)
    exhausted = answer.status == 429 and provider.quota_exhausted(payload)
    kind, phrase = _EXHAUSTED if exhausted else _meaning(answer.status)
    said = redact(_said(provider, payload, answer.body), secret.value)
    error = kind(
        f"{provider.display_name} {phrase} (HTTP {answer.status}){f': {said}' if said else '.'}",
        provider=provider.key,
        http_status=answer.status,
        provider_message=said or None,
        retry_after_seconds=retry_after_seconds(answer.headers),
    )
    if isinstance(error, ProviderRateLimitedError):
        error.quota_exhausted = exhausted
    if isinstance(error, ProviderClientError):
        error.about_texts = answer.status in ABOUT_TEXTS and not provider.blames_call(payload)
    return error


def _meaning(status: int) -> tuple[type[ProviderError], str]:
    if status in {408, 504}:
        return ProviderTimeoutError, "ran out of time"
    if status == 429:
        return ProviderRateLimitedError, "limits the rate of requests"
    return (ProviderClientError, "refused the request") if status <= 499 else (ProviderServerError, "failed")


_EXHAUSTED = (ProviderRateLimitedError, "says that the account's quota is used up")


def _payload(body: bytes) -> object:
    """An error's JSON, whatever its content type says; None for an error that has none."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None


def _said(provider: HttpProvider, payload: object, body: bytes) -> str:
    """The provider's own words, else its whole body, unless that is a page for browsers; cut, as it can be long."""
    whole = body[:MAX_SAID].decode(errors="replace").strip()
    words = provider.error_message(payload) or ("" if whole.startswith("<") else whole)
    return words[:MAX_SAID]
