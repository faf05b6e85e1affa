"""What a provider did wrong leaves under a code of its own, with the facts to act on."""

from __future__ import annotations

import pytest

from app.domain.provider_failure import CODES, coded
from app.errors import CATALOGUE, ProviderFailure
from providers.catalogue import build_catalogue
from providers.errors import ProviderError, ProviderRateLimitedError, ProviderServerError

OPENAI = next(each for each in build_catalogue() if each.key == "openai")


def failure(kind: type[ProviderError]) -> ProviderError:
    return kind("It failed.", provider="openai", http_status=418, provider_message="teapot", retry_after_seconds=2.5)


def test_every_failure_of_a_provider_has_a_code_of_its_own() -> None:
    assert set(CODES) == set(ProviderError.__subclasses__())
    assert len(set(CODES.values())) == len(CODES)
    assert set(CODES.values()) == {kind for kind in CATALOGUE.values() if issubclass(kind, ProviderFailure)}


@pytest.mark.parametrize("kind", CODES)
def test_a_failure_keeps_its_facts(kind: type[ProviderError]) -> None:
    error = coded(OPENAI, None, failure(kind))
    assert type(error) is CODES[kind]
    assert error.message == "It failed."
    assert error.facts == {
        "provider": "openai",
        "httpStatus": 418,
        "providerMessage": "teapot",
        "retryAfterSeconds": 2.5,
    }


def test_an_exhausted_quota_is_not_worth_repeating() -> None:
    limited = failure(ProviderRateLimitedError)
    assert coded(OPENAI, None, limited).retryable
    limited.quota_exhausted = True  # type: ignore[attr-defined] # failure() answers the base class
    assert not coded(OPENAI, None, limited).retryable
    assert coded(OPENAI, None, failure(ProviderServerError)).retryable
