"""One call over real sockets: what is repeated and what is not, the deadline, rotated keys, refused texts."""

from __future__ import annotations

import asyncio
import email.utils
from dataclasses import replace

import httpx
import pytest

from providers.base import BatchLimits, HttpProvider
from providers.call import Backoff
from providers.errors import (
    ProviderClientError,
    ProviderError,
    ProviderRateLimitedError,
    ProviderServerError,
    ProviderTimeoutError,
)
from providers.secret import Secret
from providers.transport import Sender
from tests.fakes.openai import OpenAIFake
from tests.fakes.vendor import Fault
from tests.providers.support import KEY, ROTATED, Source, embed, everything_in

TEXTS = ["one", "two", "three", "four"]


def short(client: httpx.AsyncClient) -> Sender:
    """A sender whose patience ends within a test."""
    return Sender(client, deadline_seconds=0.2, backoff=Backoff(initial=0.001, maximum=0.01))


class CredentialRemovedError(Exception):
    """Stands for whatever a source of secrets may raise."""


# --- repetition ---
@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
async def test_what_may_pass_is_repeated_with_the_batch_whole(
    sender: Sender, provider: HttpProvider, fake: OpenAIFake, status: int
) -> None:
    fake.fail(status)
    fake.fail(status)
    embedding = await embed(sender, provider, TEXTS)
    assert embedding.requests == 3
    assert fake.texts == [TEXTS, TEXTS, TEXTS]


@pytest.mark.parametrize("status", [401, 402, 403, 404, 410, 501])
async def test_what_will_not_pass_is_sent_once(
    sender: Sender, provider: HttpProvider, fake: OpenAIFake, status: int
) -> None:
    fake.fail(status)
    with pytest.raises(ProviderError) as caught:
        await embed(sender, provider, TEXTS)
    assert caught.value.http_status == status
    assert len(fake.received) == 1


async def test_a_used_up_quota_is_not_repeated(sender: Sender, provider: HttpProvider, fake: OpenAIFake) -> None:
    fake.fail(429, "You exceeded your current quota", "insufficient_quota")
    with pytest.raises(ProviderRateLimitedError) as caught:
        await embed(sender, provider, TEXTS)
    assert caught.value.quota_exhausted
    assert len(fake.received) == 1


async def test_a_broken_connection_is_repeated(sender: Sender, provider: HttpProvider, fake: OpenAIFake) -> None:
    fake.faults.append(Fault(reset=True))
    assert (await embed(sender, provider, TEXTS)).requests == 2


async def test_a_silent_provider_is_asked_again(
    client: httpx.AsyncClient, provider: HttpProvider, fake: OpenAIFake, sender: Sender
) -> None:
    client.timeout = httpx.Timeout(0.05)
    fake.faults.append(Fault(hang=True))
    assert (await embed(sender, provider, TEXTS)).requests == 2


@pytest.mark.parametrize(
    "headers",
    [
        {"retry_after": "0.03"},
        {"retry_after_ms": "30"},
        {"x_ratelimit_reset_requests": "30ms"},
        {"retry_after": "soon", "x_ratelimit_reset_tokens": "0.03s"},
    ],
)
async def test_a_wait_that_fits_is_waited(
    sender: Sender, provider: HttpProvider, fake: OpenAIFake, headers: dict[str, str]
) -> None:
    fake.fail(429, "slow down", None, **headers)
    await embed(sender, provider, TEXTS)
    first, second = (each.arrived for each in fake.received)
    assert second - first >= 0.03


async def test_a_wait_beyond_the_deadline_is_not_begun(
    sender: Sender, provider: HttpProvider, fake: OpenAIFake
) -> None:
    fake.fail(429, "slow down", None, x_ratelimit_reset_requests="6m0s")
    with pytest.raises(ProviderRateLimitedError) as caught:
        await embed(sender, provider, TEXTS)
    assert caught.value.retry_after_seconds == 360
    assert len(fake.received) == 1


async def test_a_date_says_how_long_to_wait(sender: Sender, provider: HttpProvider, fake: OpenAIFake) -> None:
    fake.fail(503, "later", None, retry_after=email.utils.formatdate(4102444800, usegmt=True))
    with pytest.raises(ProviderServerError) as caught:
        await embed(sender, provider, TEXTS)
    assert caught.value.retry_after_seconds is not None
    assert caught.value.retry_after_seconds > 86_400


# --- the deadline ---
async def test_a_failure_that_lasts_is_raised_when_no_time_is_left_to_wait(
    sender: Sender, provider: HttpProvider, fake: OpenAIFake
) -> None:
    fake.fail(503, "busy")
    fake.fail(503, "still busy", None, retry_after="60")
    with pytest.raises(ProviderServerError, match="still busy") as caught:
        await embed(sender, provider, TEXTS)
    assert caught.value.requests == len(fake.received) == 2


async def test_a_provider_that_never_answers_is_a_timeout(
    client: httpx.AsyncClient, provider: HttpProvider, fake: OpenAIFake
) -> None:
    fake.faults.append(Fault(hang=True))
    with pytest.raises(ProviderTimeoutError, match=r"did not answer within 0\.2 seconds\.$"):
        await embed(short(client), provider, TEXTS)


async def test_waiting_for_a_place_counts_as_well(
    client: httpx.AsyncClient, provider: HttpProvider, fake: OpenAIFake
) -> None:
    sender = Sender(client, deadline_seconds=0.05, concurrency=1)
    async with sender._lane(("openai", "lane")):
        with pytest.raises(ProviderTimeoutError):
            await embed(sender, provider, TEXTS, lane="lane")
    assert not fake.received


# --- secrets ---
async def test_the_secret_is_asked_for_again_before_each_repetition(
    sender: Sender, provider: HttpProvider, fake: OpenAIFake
) -> None:
    fake.keys.add(ROTATED)
    fake.fail(503)
    fake.fail(503)
    source = Source([Secret(KEY), Secret(KEY), Secret(ROTATED, 2)])
    await embed(sender, provider, TEXTS, source)
    assert [each.key for each in fake.received] == [KEY, KEY, ROTATED]


@pytest.mark.parametrize("status", [401, 403])
async def test_a_refused_key_that_was_rotated_meanwhile_is_replaced_at_once(
    sender: Sender, provider: HttpProvider, fake: OpenAIFake, status: int
) -> None:
    fake.fail(status)
    fake.keys = {ROTATED}
    embedding = await embed(sender, provider, TEXTS, Source([Secret(KEY), Secret(ROTATED, 2)]))
    assert embedding.requests == 2
    assert [each.key for each in fake.received] == [KEY, ROTATED]
    assert fake.texts == [TEXTS, TEXTS]


async def test_a_refused_key_that_is_still_the_same_ends_the_call(
    sender: Sender, provider: HttpProvider, fake: OpenAIFake
) -> None:
    fake.keys = {ROTATED}
    source = Source()
    with pytest.raises(ProviderClientError) as caught:
        await embed(sender, provider, TEXTS, source)
    assert caught.value.http_status == 401
    assert (source.asked, len(fake.received)) == (2, 1)


async def test_every_batch_of_a_call_gets_over_a_rotation(
    sender: Sender, provider: HttpProvider, fake: OpenAIFake
) -> None:
    fake.keys = {ROTATED}
    provider = replace(provider, limits=BatchLimits(texts=1))
    embedding = await embed(sender, provider, TEXTS, Source([Secret(KEY), Secret(ROTATED, 2)]))
    assert not embedding.refusals
    assert embedding.requests == 8


@pytest.mark.parametrize("status", [401, 503])
async def test_what_the_source_raises_reaches_the_caller(
    sender: Sender, provider: HttpProvider, fake: OpenAIFake, status: int
) -> None:
    fake.fail(status)
    gone = CredentialRemovedError("gone")
    with pytest.raises(CredentialRemovedError) as caught:
        await embed(sender, provider, TEXTS, Source([Secret(KEY), gone]))
    assert caught.value is gone
    assert len(fake.received) == 1


async def test_a_source_that_fails_at_first_lets_nothing_be_sent(
    sender: Sender, provider: HttpProvider, fake: OpenAIFake
) -> None:
    with pytest.raises(CredentialRemovedError):
        await embed(sender, provider, TEXTS, Source([CredentialRemovedError()]))
    assert not fake.received


@pytest.mark.parametrize("echo", [KEY, KEY[:12], KEY[-9:], f"{KEY[:8]}…{KEY[-8:]}", f"Bearer {KEY}"])
async def test_an_echoed_key_is_in_nothing_that_an_error_holds(
    sender: Sender, provider: HttpProvider, fake: OpenAIFake, echo: str
) -> None:
    fake.fail(401, f"Incorrect API key provided: {echo}. Find yours in your account.")
    with pytest.raises(ProviderClientError, match="Find yours") as caught:
        await embed(sender, provider, TEXTS)
    shown = everything_in(caught.value)
    assert not [KEY[at : at + 8] for at in range(len(KEY) - 7) if KEY[at : at + 8] in shown]


@pytest.mark.parametrize("fault", [Fault(reset=True), Fault(hang=True), Fault(cut=10), Fault(status=302)])
async def test_no_failure_holds_the_key(
    client: httpx.AsyncClient, provider: HttpProvider, fake: OpenAIFake, fault: Fault
) -> None:
    fake.faults.extend([fault] * 10_000)
    with pytest.raises(ProviderError) as caught:
        await embed(short(client), provider, TEXTS)
    assert KEY not in everything_in(caught.value)


# --- refused texts ---
@pytest.mark.parametrize("guilty", [{"one"}, {"four"}, {"two", "three"}, set(TEXTS)])
async def test_a_refused_text_fails_alone(
    sender: Sender, provider: HttpProvider, fake: OpenAIFake, guilty: set[str]
) -> None:
    fake.refused_texts = guilty
    embedding = await embed(sender, provider, TEXTS)
    assert {TEXTS[position] for position in embedding.refusals} == guilty
    for position in range(4):
        if position in embedding.refusals:
            with pytest.raises(ProviderClientError, match="cannot be embedded"):
                embedding.vector(position)
        else:
            assert embedding.vector(position).any()


@pytest.mark.parametrize("status", [400, 413, 422])
async def test_a_batch_that_was_too_much_is_halved(
    sender: Sender, provider: HttpProvider, fake: OpenAIFake, status: int
) -> None:
    fake.fail(status, "too many tokens in the batch")
    embedding = await embed(sender, provider, TEXTS)
    assert not embedding.refusals
    assert [len(texts) for texts in fake.texts] == [4, 2, 2]


async def test_a_single_text_is_not_sent_again(sender: Sender, provider: HttpProvider, fake: OpenAIFake) -> None:
    fake.refused_texts = {"one"}
    embedding = await embed(sender, provider, ["one"])
    assert embedding.refusals[0].http_status == 400
    assert len(fake.received) == 1


async def test_a_refusal_of_a_field_that_texts_share_is_not_halved(
    sender: Sender, provider: HttpProvider, fake: OpenAIFake
) -> None:
    body = {"error": {"message": "bad", "type": "invalid_request_error", "param": "dimensions", "code": None}}
    fake.faults.append(Fault(status=400, body=body))
    with pytest.raises(ProviderClientError):
        await embed(sender, provider, TEXTS)
    assert len(fake.received) == 1


async def test_a_deadline_met_while_halving_says_what_was_refused(
    client: httpx.AsyncClient, provider: HttpProvider, fake: OpenAIFake
) -> None:
    fake.fail(400, "too long")
    fake.faults.extend([Fault(hang=True)] * 2)
    with pytest.raises(ProviderTimeoutError, match="too long"):
        await embed(Sender(client, deadline_seconds=1), provider, TEXTS)


# --- a call as a whole ---
async def test_the_first_failing_batch_ends_the_others_and_is_raised_plainly(
    sender: Sender, provider: HttpProvider, fake: OpenAIFake
) -> None:
    fake.faults.extend([Fault(hang=True), Fault(status=404), Fault(hang=True), Fault(hang=True)])
    with pytest.raises(ProviderClientError) as caught:
        await embed(sender, replace(provider, limits=BatchLimits(texts=1)), TEXTS)
    assert caught.value.http_status == 404
    await fake.until_in_flight(0)


async def test_a_failed_call_tells_what_it_had_cost(
    client: httpx.AsyncClient, provider: HttpProvider, fake: OpenAIFake
) -> None:
    sender = Sender(client, concurrency=1)
    fake.faults.extend([Fault(), Fault(status=404)])
    with pytest.raises(ProviderClientError) as caught:
        await embed(sender, replace(provider, limits=BatchLimits(texts=1)), TEXTS)
    assert caught.value.usage.total_tokens == 1
    await asyncio.sleep(0.05)  # in which a third request would come, that nobody waits for
    assert caught.value.requests == len(fake.received) == 2
