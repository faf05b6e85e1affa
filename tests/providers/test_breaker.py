"""When a provider is left alone, for how long, and that only silence opens a circuit and one call tries it again."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import httpx
import pytest

from providers.base import HttpProvider
from providers.breaker import Breaker, Patience
from providers.call import Backoff
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
from providers.openai import OPENAI
from providers.transport import Sender
from tests.fakes.openai import OpenAIFake
from tests.fakes.vendor import Fault
from tests.providers.support import Source, embed

PATIENCE = Patience(calls=3, rest_seconds=10, memory_seconds=100)


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> Breaker:
    return Breaker(PATIENCE, clock)


def call(breaker: Breaker, error: Exception | None = None, *, key: str = "key", answered: bool = False) -> None:
    """A call of one request that ends with this error, or well."""
    with breaker.watch(OPENAI, key) as answer:
        if answered or error is None:
            answer()
        if isinstance(error, ProviderError):
            error.requests = 1
        if error:
            raise error


def fail(breaker: Breaker, error: type[ProviderError] = ProviderServerError, times: int = 3, key: str = "key") -> None:
    for _ in range(times):
        with pytest.raises(error):
            call(breaker, error("no", provider="openai"), key=key)


def refusal(breaker: Breaker, key: str = "key") -> ProviderUnavailableError:
    with pytest.raises(ProviderUnavailableError, match="is left alone now") as caught:
        call(breaker, key=key)
    return caught.value


@pytest.mark.parametrize("error", [ProviderServerError, ProviderTimeoutError, ProviderUnavailableError])
def test_silence_several_times_in_a_row_opens_the_circuit(breaker: Breaker, error: type[ProviderError]) -> None:
    fail(breaker, error, times=2)
    call(breaker)
    fail(breaker, error, times=3)
    refused = refusal(breaker)
    assert str(refused) == "OpenAI failed 3 times in a row and is left alone now: try again in 10 seconds."
    assert (refused.provider, refused.retry_after_seconds, refused.requests) == ("openai", 10, 0)


@pytest.mark.parametrize(
    "error", [ProviderRateLimitedError, ProviderClientError, ProviderUnexpectedResponseError, ProviderBadHostNameError]
)
def test_nothing_else_opens_it(breaker: Breaker, error: type[ProviderError]) -> None:
    fail(breaker, error, times=20)
    call(breaker)


def test_a_call_that_was_answered_on_its_way_does_not_count(breaker: Breaker) -> None:
    fail(breaker, times=2)
    with pytest.raises(ProviderTimeoutError):
        call(breaker, ProviderTimeoutError("too late", provider="openai"), answered=True)
    fail(breaker, times=2)
    call(breaker)


def test_a_call_that_sent_nothing_does_not_count(breaker: Breaker) -> None:
    for _ in range(5):
        with pytest.raises(ProviderTimeoutError), breaker.watch(OPENAI, "key"):
            raise ProviderTimeoutError("waited for a place", provider="openai")
    call(breaker)


def test_each_key_has_a_circuit_of_its_own(breaker: Breaker) -> None:
    fail(breaker)
    refusal(breaker)
    call(breaker, key="another")


def test_after_a_rest_one_call_tries_and_the_others_are_refused_until_it_has_ended(
    breaker: Breaker, clock: Clock
) -> None:
    fail(breaker)
    clock.now += 9.5
    assert refusal(breaker).retry_after_seconds == 1
    clock.now += 0.5
    with breaker.watch(OPENAI, "key") as answer:
        assert refusal(breaker).retry_after_seconds == 1
        answer()
        call(breaker)


def test_a_try_that_fails_begins_another_rest(breaker: Breaker, clock: Clock) -> None:
    fail(breaker)
    clock.now += 10
    fail(breaker, times=1)
    assert refusal(breaker).retry_after_seconds == 10
    clock.now += 10
    call(breaker)
    call(breaker)


@pytest.mark.parametrize(
    "end", [asyncio.CancelledError, LookupError, ProviderBadHostNameError("no", provider="openai")]
)
def test_a_try_that_ends_without_a_verdict_leaves_its_place_to_the_next(
    breaker: Breaker, clock: Clock, end: BaseException
) -> None:
    fail(breaker)
    clock.now += 10
    with pytest.raises(type(end) if isinstance(end, BaseException) else end), breaker.watch(OPENAI, "key"):
        raise end
    call(breaker)


def test_failures_that_lie_far_apart_are_not_in_a_row(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, times=2)
    clock.now += 101
    fail(breaker, times=2)
    call(breaker)


def test_what_is_remembered_has_bounds(breaker: Breaker, clock: Clock) -> None:
    for number in range(100):
        call(breaker, key=f"well {number}")
        fail(breaker, times=1, key=f"ill {number}")
        clock.now += 10
    assert len(breaker._circuits) == 11


# --- in the sender ---
@pytest.fixture
def cautious(client: httpx.AsyncClient, breaker: Breaker) -> Sender:
    return Sender(client, backoff=Backoff(initial=0.001, maximum=0.002), breaker=breaker)


async def test_a_provider_that_is_left_alone_is_sent_nothing_and_no_secret_is_asked_for(
    cautious: Sender, provider: HttpProvider, fake: OpenAIFake, clock: Clock
) -> None:
    fake.faults.extend([Fault(status=501)] * 3)
    for _ in range(3):
        with pytest.raises(ProviderServerError):
            await embed(cautious, provider, ["text"])
    source = Source()
    with pytest.raises(ProviderUnavailableError, match="left alone"):
        await embed(cautious, provider, ["text"], source)
    assert (len(fake.received), source.asked) == (3, 0)
    clock.now += 10
    assert (await embed(cautious, provider, ["text"])).requests == 1
    assert (await embed(cautious, provider, ["text"])).requests == 1


async def test_a_provider_that_hangs_is_left_alone(
    client: httpx.AsyncClient, breaker: Breaker, provider: HttpProvider, fake: OpenAIFake
) -> None:
    sender = Sender(client, deadline_seconds=0.05, breaker=breaker)
    fake.gate.clear()
    for _ in range(3):
        with pytest.raises(ProviderTimeoutError):
            await embed(sender, provider, ["text"])
    with pytest.raises(ProviderUnavailableError, match="left alone"):
        await embed(sender, provider, ["text"])


async def test_a_try_whose_secret_is_gone_leaves_its_place_to_the_next(
    cautious: Sender, provider: HttpProvider, fake: OpenAIFake, clock: Clock
) -> None:
    fake.faults.extend([Fault(status=501)] * 3)
    for _ in range(3):
        with pytest.raises(ProviderServerError):
            await embed(cautious, provider, ["text"])
    clock.now += 10
    with pytest.raises(LookupError):
        await embed(cautious, provider, ["text"], Source([LookupError("removed")]))
    assert (await embed(cautious, provider, ["text"])).requests == 1


async def test_a_credential_and_an_endpoint_that_are_left_alone_hold_up_no_other(
    cautious: Sender, provider: HttpProvider, fake: OpenAIFake
) -> None:
    fake.faults.extend([Fault(status=501)] * 3)
    for _ in range(3):
        with pytest.raises(ProviderServerError):
            await embed(cautious, provider, ["text"], lane="ill")
    with pytest.raises(ProviderUnavailableError):
        await embed(cautious, provider, ["text"], lane="ill")
    assert (await embed(cautious, provider, ["text"], lane="well")).requests == 1
    elsewhere = replace(provider, base_url=f"{provider.base_url}/../v1")
    assert (await embed(cautious, elsewhere, ["text"], lane="ill")).requests == 1


async def test_rate_limits_and_refusals_never_open_a_circuit(
    cautious: Sender, provider: HttpProvider, fake: OpenAIFake
) -> None:
    for status in (429, 401, 400, 429, 404):
        fake.fail(status, "no", None, retry_after="60")
    refusals = [await outcome(cautious, provider) for _ in range(5)]
    assert refusals == [429, 401, None, 429, 404]
    assert (await embed(cautious, provider, ["text"])).requests == 1


async def outcome(sender: Sender, provider: HttpProvider) -> int | None:
    """The status of a failing call; None for a text that was refused alone."""
    try:
        embedding = await embed(sender, provider, ["text"])
    except ProviderError as error:
        return error.http_status
    assert list(embedding.refusals) == [0]
    return None
