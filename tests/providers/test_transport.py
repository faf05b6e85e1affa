"""The sender over real sockets: packing, order, lanes, and trying a key."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import numpy as np
import pytest

from providers.base import BatchLimits, HttpProvider, Model, ModelStatus
from providers.configuration import Configuration
from providers.errors import (
    EndOfLifeModelError,
    ProviderClientError,
    ProviderServerError,
    ProviderTimeoutError,
    ProviderUnexpectedResponseError,
    UnknownModelError,
)
from providers.http_client import build_client
from providers.secret import Secret
from providers.transport import Sender
from providers.usage import NO_USAGE
from tests.fakes.openai import OpenAIFake
from tests.fakes.vendor import Fault
from tests.fakes.vendor import embed as fake_embedding
from tests.providers.support import KEY, SMALL, Source, embed

TEXTS = [f"text number {number}" for number in range(10)]


def limited(provider: HttpProvider, texts: int) -> HttpProvider:
    return replace(provider, limits=BatchLimits(texts=texts))


async def test_every_text_gets_its_own_vector(sender: Sender, provider: HttpProvider) -> None:
    embedding = await embed(sender, provider, TEXTS)
    expected = np.array([fake_embedding(text, 8) for text in TEXTS], np.float32)
    assert embedding.vectors.dtype == np.float32
    np.testing.assert_array_equal(embedding.vectors, expected)


async def test_vectors_stay_with_their_texts_over_many_batches(sender: Sender, provider: HttpProvider) -> None:
    embedding = await embed(sender, limited(provider, 3), TEXTS)
    assert embedding.requests == 4
    for position, text in enumerate(TEXTS):
        np.testing.assert_allclose(embedding.vector(position), fake_embedding(text, 8), rtol=1e-6)


async def test_usage_is_summed_over_batches(sender: Sender, provider: HttpProvider) -> None:
    whole, parts = await embed(sender, provider, TEXTS), await embed(sender, limited(provider, 3), TEXTS)
    assert whole.usage == parts.usage
    assert whole.usage.total_tokens is not None


async def test_without_texts_nothing_is_sent_and_no_secret_asked_for(
    sender: Sender, provider: HttpProvider, fake: OpenAIFake
) -> None:
    source = Source()
    embedding = await embed(sender, provider, [], source)
    assert embedding.vectors.shape == (0, 8)
    assert embedding.usage == NO_USAGE
    assert (fake.received, source.asked) == ([], 0)


async def test_the_secret_is_asked_for_once_when_nothing_goes_wrong(sender: Sender, provider: HttpProvider) -> None:
    source = Source()
    await embed(sender, limited(provider, 1), TEXTS, source)
    assert source.asked == 1


async def test_no_more_requests_are_in_flight_in_a_lane_than_allowed(provider: HttpProvider, fake: OpenAIFake) -> None:
    async with build_client() as client:
        await embed(Sender(client, concurrency=3), limited(provider, 1), TEXTS)
    assert (fake.most_in_flight, len(fake.received)) == (3, 10)


async def test_calls_in_one_lane_share_its_places_and_another_lane_has_its_own(
    provider: HttpProvider, fake: OpenAIFake
) -> None:
    async with build_client() as client:
        sender = Sender(client, concurrency=2)
        fake.gate.clear()
        one = limited(provider, 1)
        calls = [embed(sender, one, TEXTS, lane=lane) for lane in ("first", "first", "second")]
        running = asyncio.gather(*calls)
        await fake.until_in_flight(4)
        fake.gate.set()
        await running
    assert fake.most_in_flight == 4


async def test_a_lane_is_forgotten_when_no_call_is_in_it(sender: Sender, provider: HttpProvider) -> None:
    await embed(sender, provider, TEXTS)
    assert not sender._lanes


async def test_a_stuck_lane_holds_up_no_other(sender: Sender, provider: HttpProvider, fake: OpenAIFake) -> None:
    fake.faults.extend([Fault(hang=True)] * 8)
    stuck = asyncio.ensure_future(embed(sender, limited(provider, 1), TEXTS, lane="stuck"))
    await fake.until_in_flight(8)
    assert (await embed(sender, provider, TEXTS, lane="free")).vectors.shape == (10, 8)
    stuck.cancel()
    with pytest.raises(asyncio.CancelledError):
        await stuck


async def test_cancelling_a_call_ends_its_requests(sender: Sender, provider: HttpProvider, fake: OpenAIFake) -> None:
    fake.faults.extend([Fault(hang=True)] * 5)
    call = asyncio.ensure_future(embed(sender, limited(provider, 2), TEXTS))
    await fake.until_in_flight(5)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    await fake.until_in_flight(0)


async def test_an_unknown_model_is_refused_before_anything_is_sent(
    sender: Sender, provider: HttpProvider, fake: OpenAIFake
) -> None:
    with pytest.raises(UnknownModelError):
        await sender.try_key(provider, Configuration("text-embedding-9", 8, {}), Secret(KEY))
    assert not fake.received


async def test_a_model_at_its_end_embeds_no_more_and_a_deprecated_one_does(
    sender: Sender, provider: HttpProvider
) -> None:
    def with_status(status: ModelStatus) -> HttpProvider:
        models: tuple[Model, ...] = tuple(replace(model, status=status) for model in provider.models)
        return replace(provider, models=models)

    assert (await embed(sender, with_status(ModelStatus.DEPRECATED), TEXTS)).requests == 1
    with pytest.raises(EndOfLifeModelError):
        await embed(sender, with_status(ModelStatus.END_OF_LIFE), TEXTS)


async def test_a_good_key_is_accepted(sender: Sender, provider: HttpProvider, fake: OpenAIFake) -> None:
    trial = await sender.try_key(provider, SMALL, Secret(KEY))
    assert (trial.accepted, trial.message) == (True, None)
    assert trial.latency_ms > 0
    assert len(fake.received) == 1


@pytest.mark.parametrize("status", [401, 403])
async def test_a_bad_key_is_refused_with_the_providers_word(
    sender: Sender, provider: HttpProvider, fake: OpenAIFake, status: int
) -> None:
    fake.fail(status, f"Incorrect API key provided: {KEY}")
    trial = await sender.try_key(provider, SMALL, Secret(KEY))
    assert (trial.accepted, trial.message) == (False, "Incorrect API key provided: ***")
    assert len(fake.received) == 1


async def test_trying_a_key_raises_what_says_nothing_about_the_key(
    sender: Sender, provider: HttpProvider, fake: OpenAIFake
) -> None:
    fake.fail(400, "bad request")
    with pytest.raises(ProviderClientError):
        await sender.try_key(provider, SMALL, Secret(KEY))
    fake.fail(501, "not implemented")
    with pytest.raises(ProviderServerError):
        await sender.try_key(provider, SMALL, Secret(KEY))
    fake.faults.append(Fault(content_type="text/html"))
    with pytest.raises(ProviderUnexpectedResponseError):
        await sender.try_key(provider, SMALL, Secret(KEY))


async def test_trying_a_key_goes_through_a_passing_failure(
    sender: Sender, provider: HttpProvider, fake: OpenAIFake
) -> None:
    fake.fail(503, "overloaded")
    assert (await sender.try_key(provider, SMALL, Secret(KEY))).accepted


async def test_trying_a_key_ends_with_the_deadline(provider: HttpProvider, fake: OpenAIFake) -> None:
    fake.faults.append(Fault(hang=True))
    async with build_client() as client:
        with pytest.raises(ProviderTimeoutError):
            await Sender(client, deadline_seconds=0.05).try_key(provider, SMALL, Secret(KEY))
