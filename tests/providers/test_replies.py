"""What each status amounts to, and what of a provider's words is passed on."""

from __future__ import annotations

import orjson
import pytest

from providers.base import InputType
from providers.configuration import request_for
from providers.errors import (
    ProviderClientError,
    ProviderError,
    ProviderRateLimitedError,
    ProviderServerError,
    ProviderTimeoutError,
    ProviderUnexpectedResponseError,
)
from providers.openai import OPENAI
from providers.replies import Answer, read
from providers.secret import Secret
from tests.providers.support import KEY, SMALL


def failure(status: int, body: object = None, **headers: str) -> ProviderError:
    content = body if isinstance(body, bytes) else orjson.dumps(body)
    request = request_for(OPENAI, SMALL, ["text"], InputType.QUERY)
    with pytest.raises(ProviderError) as caught:
        read(OPENAI, request, Answer(status, headers, content), Secret(KEY))
    return caught.value


def said(message: str, **facts: str) -> dict[str, dict[str, str]]:
    return {"error": {"message": message, **facts}}


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (408, ProviderTimeoutError),
        (504, ProviderTimeoutError),
        (429, ProviderRateLimitedError),
        (400, ProviderClientError),
        (401, ProviderClientError),
        (402, ProviderClientError),
        (418, ProviderClientError),
        (500, ProviderServerError),
        (503, ProviderServerError),
        (599, ProviderServerError),
        (301, ProviderUnexpectedResponseError),
        (600, ProviderUnexpectedResponseError),
        (101, ProviderUnexpectedResponseError),
    ],
)
def test_a_status_decides_the_kind_of_error(status: int, kind: type[ProviderError]) -> None:
    error = failure(status, said("no"))
    assert type(error) is kind
    assert (error.provider, error.http_status) == ("openai", status)


def test_an_error_carries_the_providers_words() -> None:
    error = failure(404, said("The model does not exist."))
    assert error.provider_message == "The model does not exist."
    assert str(error) == "OpenAI refused the request (HTTP 404): The model does not exist."


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"Unauthorized", "Unauthorized"),
        (b"<html><h1>502 Bad Gateway</h1></html>", None),
        (b"", None),
        (b"\xff\xfe", "\ufffd\ufffd"),
        ({"detail": "elsewhere"}, '{"detail":"elsewhere"}'),
        ({"error": {"message": {"nested": 1}}}, '{"error":{"message":{"nested":1}}}'),
    ],
)
def test_without_words_where_they_are_expected_the_body_is_passed_on(body: object, words: str | None) -> None:
    assert failure(500, body).provider_message == words


def test_words_are_redacted_and_cut() -> None:
    assert failure(401, said(f"bad key {KEY}")).provider_message == "bad key ***"
    assert len(failure(400, said("x" * 100_000)).provider_message or "") == 500


def test_a_rate_limit_says_how_long_to_wait() -> None:
    error = failure(429, said("slow down"), **{"retry-after": "20"})
    assert error.retry_after_seconds == 20
    assert failure(429, said("slow down")).retry_after_seconds is None


def test_a_used_up_quota_is_told_from_a_rate_limit() -> None:
    used_up, limited = failure(429, said("no money", code="insufficient_quota")), failure(429, said("slow down"))
    assert isinstance(used_up, ProviderRateLimitedError)
    assert used_up.quota_exhausted
    assert "quota is used up" in str(used_up)
    assert isinstance(limited, ProviderRateLimitedError)
    assert not limited.quota_exhausted


@pytest.mark.parametrize(
    ("status", "facts", "about_texts"),
    [
        (400, {}, True),
        (413, {}, True),
        (422, {"param": "input[2]"}, True),
        (400, {"param": "model"}, False),
        (401, {}, False),
        (404, {}, False),
        (410, {}, False),
    ],
)
def test_a_refusal_that_may_be_about_a_text_is_marked(status: int, facts: dict[str, str], *, about_texts: bool) -> None:
    error = failure(status, said("no", **facts))
    assert isinstance(error, ProviderClientError)
    assert error.about_texts is about_texts
