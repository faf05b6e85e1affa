"""One contract for every provider behind HTTP, held over real sockets against strict fakes of the vendors."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from urllib.parse import urlsplit

import httpx
import numpy as np
import pytest

from providers.base import InputType, Model, ModelStatus
from providers.configuration import Configuration, request_for, trial
from providers.embedding import Embedding
from providers.errors import (
    ProviderBadHostNameError,
    ProviderClientError,
    ProviderError,
    ProviderRateLimitedError,
    ProviderUnexpectedResponseError,
)
from providers.exchange import exchange
from providers.secret import Secret, always
from providers.transport import Sender
from providers.usage import Usage
from tests.fakes.hugging_face import HuggingFaceFake
from tests.fakes.hugging_face_dedicated import HuggingFaceDedicatedFake
from tests.fakes.vendor import Fault, tokens
from tests.fakes.vendor import embed as fake_embedding
from tests.providers.contract import EXAMPLES, HTTP, KEYS, TEXTS, USUAL, WITH_INDEX, Example, Vendor, required, served
from tests.providers.support import everything_in
from tests.providers.vendor_replies import SHAPES, STATUSES, UNEXPECTED, second_index

every_provider = pytest.mark.parametrize("key", HTTP)
every_provider_with_index = pytest.mark.parametrize("key", WITH_INDEX)

NO_HOST = f"{'x' * 64}.invalid"
"""No name can have such a part: no name server is asked."""


@pytest.fixture
async def vendor(key: str) -> AsyncIterator[Vendor]:
    """The vendor of this test's provider."""
    async with served(key) as vendor:
        yield vendor


async def embed(
    sender: Sender,
    vendor: Vendor,
    texts: Sequence[str] = TEXTS,
    input_type: InputType = InputType.DOCUMENT,
    configuration: Configuration | None = None,
) -> Embedding:
    chosen, secrets = configuration or USUAL[vendor.provider.key], always(Secret(vendor.secret))
    return await sender.embed(vendor.provider, chosen, texts, input_type, secrets=secrets, lane="lane")


async def failure(client: httpx.AsyncClient, vendor: Vendor) -> ProviderError:
    """The error of one request, which nothing repeats; the vendor's key is in no part of it."""
    request = request_for(vendor.provider, USUAL[vendor.provider.key], TEXTS, InputType.DOCUMENT)
    with pytest.raises(ProviderError) as caught:
        await exchange(client, vendor.provider, request, Secret(vendor.secret))
    assert vendor.secret not in everything_in(caught.value)
    return caught.value


def expected(texts: Sequence[str], dimension: int) -> np.ndarray:
    return np.array([fake_embedding(text, dimension) for text in texts], np.float32)


# --- requests ---
@pytest.mark.parametrize("input_type", InputType)
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: f"{example.key}-{example.model}")
async def test_a_request_is_exactly_what_the_vendor_documents(
    sender: Sender, example: Example, input_type: InputType
) -> None:
    async with served(example.key) as vendor:
        embedding = await embed(sender, vendor, TEXTS, input_type, example.configuration())
    (received,) = vendor.fake.received
    assert (received.method, received.path, received.query) == ("POST", example.path, example.query_string)
    assert received.body == example.sent(input_type)
    assert own_headers(received.headers) == {**credentials(example.key), **example.headers}
    np.testing.assert_allclose(embedding.vectors, expected(TEXTS, embedding.vectors.shape[1]), rtol=1e-6)


def own_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers that are not the same for all; those that are, are checked here."""
    common = {"content-type": "application/json", "accept": "application/json", "user-agent": "vectorgate"}
    assert common.items() <= headers.items()
    of_http = {"host", "content-length", "accept-encoding", "connection"}
    return {name: value for name, value in headers.items() if name not in common.keys() | of_http}


def credentials(key: str) -> dict[str, str]:
    return {"api-key": KEYS[key]} if key == "azureOpenAI" else {"authorization": f"Bearer {KEYS[key]}"}


HOSTS = {
    "azureOpenAI": "my-company-eu.openai.azure.com",
    "huggingface": "router.huggingface.co",
    "huggingfaceDedicated": "my-endpoint-x1y2.us-east-1.aws.endpoints.huggingface.cloud",
    "jinaAI": "api.jina.ai",
    "mistral": "api.mistral.ai",
    "nvidia": "integrate.api.nvidia.com",
    "openai": "api.openai.com",
    "upstageAI": "api.upstage.ai",
    "voyageAI": "api.voyageai.com",
}


@every_provider
def test_a_request_goes_to_the_vendor_over_tls_and_has_the_key_in_a_header_only(key: str) -> None:
    outgoing = HTTP[key].build(request_for(HTTP[key], USUAL[key], TEXTS, InputType.QUERY), Secret(KEYS[key]))
    url = urlsplit(outgoing.url)
    assert (url.scheme, url.hostname) == ("https", HOSTS[key])
    assert KEYS[key] not in f"{outgoing.url}{outgoing.body}"


LIVING = [
    (key, model)
    for key, provider in HTTP.items()
    for model in provider.models
    if model.status is not ModelStatus.END_OF_LIFE
]


@pytest.mark.parametrize(("key", "model"), LIVING, ids=[f"{key}-{model.name}" for key, model in LIVING])
async def test_the_vendor_has_every_model_with_every_bound_of_its_dimension(
    sender: Sender, vendor: Vendor, model: Model
) -> None:
    least = trial(vendor.provider, model.name, required(vendor.provider.key, model.name))
    dimension = model.dimension
    for length in {least.dimension, dimension.minimum, dimension.maximum, *dimension.choices}:
        if isinstance(vendor.fake, HuggingFaceDedicatedFake):
            vendor.fake.serve(length)
        embedding = await embed(sender, vendor, ["one"], configuration=replace(least, dimension=length))
        assert embedding.vector(0).shape == (length,)


@pytest.mark.parametrize("key", ["jinaAI"])
async def test_texts_that_a_vendor_would_join_travel_alone(sender: Sender, vendor: Vendor) -> None:
    late = replace(USUAL["jinaAI"], parameters={"task": "text-matching", "late_chunking": True})
    assert (await embed(sender, vendor, configuration=late)).requests == 3
    assert sorted(vendor.fake.texts) == sorted([text] for text in TEXTS)


@pytest.mark.parametrize("key", ["huggingface"])
async def test_a_cold_model_is_waited_for(sender: Sender, vendor: Vendor) -> None:
    assert isinstance(vendor.fake, HuggingFaceFake)
    vendor.fake.cold = True
    assert (await embed(sender, vendor)).requests == 1


# --- replies ---
@every_provider_with_index
async def test_the_index_decides_the_order(sender: Sender, vendor: Vendor) -> None:
    vendor.fake.faults.append(Fault(edit=lambda payload: {**payload, "data": payload["data"][::-1]}))
    vectors = (await embed(sender, vendor)).vectors
    np.testing.assert_allclose(vectors, expected(TEXTS, vectors.shape[1]), rtol=1e-6)


@every_provider
async def test_usage_is_what_the_vendor_says_and_unknown_where_it_says_nothing(sender: Sender, vendor: Vendor) -> None:
    count = tokens(TEXTS)
    silent = {"huggingface": Usage(None, None), "voyageAI": Usage(None, count)}
    assert (await embed(sender, vendor)).usage == silent.get(vendor.provider.key, Usage(count, count))


@every_provider
async def test_a_reply_that_is_not_what_was_asked_for_is_unexpected(client: httpx.AsyncClient, vendor: Vendor) -> None:
    for name, fault in UNEXPECTED.items():
        vendor.fake.faults.append(fault)
        error = await failure(client, vendor)
        assert (type(error), error.http_status) == (ProviderUnexpectedResponseError, fault.status or 200), name
    assert len(vendor.fake.received) == len(UNEXPECTED)


@every_provider
async def test_a_component_that_is_not_a_number_is_unexpected(client: httpx.AsyncClient, vendor: Vendor) -> None:
    rest = ",0.0" * (USUAL[vendor.provider.key].dimension - 1)
    many = ",".join([f"[NaN{rest}]"] * 3)
    numbered = ",".join(f'{{"index": {index}, "embedding": [NaN{rest}]}}' for index in range(3))
    body = f"[{many}]" if vendor.provider.key == "huggingface" else f'{{"data": [{numbered}]}}'
    vendor.fake.faults.append(Fault(status=200, body=body))
    assert type(await failure(client, vendor)) is ProviderUnexpectedResponseError


@every_provider_with_index
async def test_an_index_that_is_not_the_texts_own_is_unexpected(client: httpx.AsyncClient, vendor: Vendor) -> None:
    for index in (0, 2, 7, -1, None, "1", 1.0, True):
        vendor.fake.faults.append(second_index(index))
        assert type(await failure(client, vendor)) is ProviderUnexpectedResponseError, index


# --- errors ---
@every_provider
async def test_every_status_is_told_with_the_vendors_words_and_without_its_key(
    client: httpx.AsyncClient, vendor: Vendor
) -> None:
    for status, kind in STATUSES.items():
        vendor.fake.fail(status, f"no, and {vendor.secret} least", None, retry_after="7")
        error = await failure(client, vendor)
        assert type(error) is kind, status
        assert (error.provider, error.http_status, error.retry_after_seconds) == (vendor.provider.key, status, 7)
        assert error.provider_message == "no, and *** least"
        assert re.fullmatch(rf"{vendor.provider.display_name} .* \(HTTP {status}\): no, and \*\*\* least", str(error))


@pytest.mark.parametrize(("key", "status", "body", "words"), SHAPES)
async def test_each_shape_of_a_vendors_errors_is_read(
    client: httpx.AsyncClient, vendor: Vendor, status: int, body: object, words: str | None
) -> None:
    content_type = "text/plain" if isinstance(body, str) else "application/json"
    vendor.fake.faults.append(Fault(status=status, body=body, content_type=content_type))
    error = await failure(client, vendor)
    assert (error.http_status, error.provider_message) == (status, words)


@pytest.mark.parametrize(("key", "field"), [("mistral", "model"), ("nvidia", "input_type"), ("jinaAI", "task")])
async def test_a_refused_field_that_all_texts_share_is_not_a_texts_fault(
    sender: Sender, vendor: Vendor, field: str
) -> None:
    body = {"detail": [{"type": "missing", "loc": ["body", field], "msg": "Field required"}]}
    vendor.fake.faults.append(Fault(status=422, body=body))
    with pytest.raises(ProviderClientError, match="Field required"):
        await embed(sender, vendor)
    assert len(vendor.fake.received) == 1


@pytest.mark.parametrize(
    ("key", "base_url"),
    [
        ("azureOpenAI", f"https://{{resourceName}}.{NO_HOST}"),
        ("huggingfaceDedicated", f"https://{{endpointName}}.{NO_HOST}"),
    ],
)
async def test_a_host_that_a_parameter_gets_wrong_is_a_bad_host_name(
    client: httpx.AsyncClient, vendor: Vendor, base_url: str
) -> None:
    error = await failure(client, replace(vendor, provider=replace(vendor.provider, base_url=base_url)))
    assert type(error) is ProviderBadHostNameError
    assert error.http_status is None
    assert not vendor.fake.received


@every_provider
async def test_whoever_was_told_of_a_failure_is_not_marked_as_cancelled(sender: Sender, vendor: Vendor) -> None:
    """Deadlines around the call, and whoever watches for clients that leave, would take the mark for theirs."""
    vendor.fake.fail(403)
    vendor.fake.fail(403)
    with pytest.raises(ProviderClientError):
        await embed(sender, vendor)
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0


# --- repetition ---
@every_provider
async def test_what_passes_by_itself_is_repeated_until_it_has_passed(sender: Sender, vendor: Vendor) -> None:
    for status in (408, 500, 502, 503, 504):
        vendor.fake.fail(status)
    vendor.fake.fail(429, "slow down", None, retry_after="0.001")
    vendor.fake.fail(429, "slow down", None, retry_after_ms="1")
    vendor.fake.fail(429, "slow down", None, x_ratelimit_reset_requests="1ms")
    vendor.fake.faults.append(Fault(reset=True))
    embedding = await embed(sender, vendor)
    assert embedding.requests == 10
    assert vendor.fake.texts == [TEXTS] * 10
    assert not embedding.refusals


@every_provider
@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry_after": "60"}, 60),
        ({"retry_after_ms": "45000"}, 45),
        ({"x_ratelimit_reset_requests": "1s", "x_ratelimit_reset_tokens": "6m0s"}, 360),
    ],
)
async def test_a_wait_beyond_the_deadline_is_told_and_not_begun(
    sender: Sender, vendor: Vendor, headers: dict[str, str], seconds: float
) -> None:
    vendor.fake.fail(429, "slow down", None, **headers)
    with pytest.raises(ProviderRateLimitedError) as caught:
        await embed(sender, vendor)
    assert (caught.value.retry_after_seconds, caught.value.quota_exhausted) == (seconds, False)
    assert len(vendor.fake.received) == 1


@pytest.mark.parametrize("key", ["azureOpenAI", "mistral", "openai", "upstageAI"])
async def test_a_used_up_quota_is_not_repeated(sender: Sender, vendor: Vendor) -> None:
    vendor.fake.fail(429, "You exceeded your current quota", "insufficient_quota")
    with pytest.raises(ProviderRateLimitedError) as caught:
        await embed(sender, vendor)
    assert caught.value.quota_exhausted
    assert len(vendor.fake.received) == 1


@every_provider
async def test_what_does_not_pass_is_sent_once(sender: Sender, vendor: Vendor) -> None:
    for sent, status in enumerate((401, 402, 403, 404, 410, 501), start=1):
        vendor.fake.fail(status)
        with pytest.raises(ProviderError) as caught:
            await embed(sender, vendor)
        assert (caught.value.http_status, len(vendor.fake.received)) == (status, sent)


# --- batches ---
@every_provider
async def test_no_request_has_more_texts_than_the_vendor_takes(sender: Sender, vendor: Vendor) -> None:
    most = vendor.provider.limits.texts
    embedding = await embed(sender, vendor, ["word"] * (most + 1))
    assert sorted(map(len, vendor.fake.texts)) == [1, most]
    assert not embedding.refusals


@pytest.mark.parametrize("key", [key for key, provider in HTTP.items() if provider.limits.tokens])
async def test_no_request_has_more_tokens_than_the_vendor_takes(sender: Sender, vendor: Vendor) -> None:
    most = vendor.provider.limits.tokens or 0
    embedding = await embed(sender, vendor, ["x" * 12_000] * (most // 3000 + 1))
    assert max(map(tokens, vendor.fake.texts)) <= most
    assert embedding.requests == len(vendor.fake.texts) == 2
    assert not embedding.refusals


@pytest.mark.parametrize("key", ["huggingface", "huggingfaceDedicated"])
async def test_no_request_has_more_bytes_than_the_vendor_takes(sender: Sender, vendor: Vendor) -> None:
    embedding = await embed(sender, vendor, ["\n" * 90_000] * 32)
    assert all(int(each.headers["content-length"]) < 2_000_000 for each in vendor.fake.received)
    assert not embedding.refusals


@every_provider
@pytest.mark.parametrize("status", [400, 413, 422])
async def test_a_batch_that_is_too_much_is_halved(sender: Sender, vendor: Vendor, status: int) -> None:
    vendor.fake.fail(status, "too many or too large")
    embedding = await embed(sender, vendor, ["one", "two", "three", "four"])
    assert [len(texts) for texts in vendor.fake.texts] == [4, 2, 2]
    assert not embedding.refusals


@every_provider
async def test_a_refused_text_fails_alone(sender: Sender, vendor: Vendor) -> None:
    vendor.fake.refused_texts = {TEXTS[1]}
    embedding = await embed(sender, vendor)
    assert list(embedding.refusals) == [1]
    with pytest.raises(ProviderClientError, match="One of the inputs cannot be embedded"):
        embedding.vector(1)
    assert embedding.vector(0).any()
    assert embedding.vector(2).any()


# --- keys ---
@every_provider
async def test_a_key_is_tried_with_one_text_and_no_dimension(sender: Sender, vendor: Vendor) -> None:
    least = trial(vendor.provider, None, required(vendor.provider.key, "text-embedding-3-large"))
    assert (await sender.try_key(vendor.provider, least, Secret(vendor.secret))).accepted
    ((text,),) = vendor.fake.texts
    assert text
    assert not [field for field in vendor.fake.received[0].body if "dimension" in field]


@every_provider
async def test_a_key_that_the_vendor_refuses_is_told_from_other_failures(sender: Sender, vendor: Vendor) -> None:
    vendor.fake.keys = {"another"}
    verdict = await sender.try_key(vendor.provider, USUAL[vendor.provider.key], Secret(vendor.secret))
    assert not verdict.accepted
    assert verdict.message
    assert vendor.secret[:8] not in verdict.message
    vendor.fake.fail(403, f"{vendor.secret} is not allowed")
    verdict = await sender.try_key(vendor.provider, USUAL[vendor.provider.key], Secret(vendor.secret))
    assert (verdict.accepted, verdict.message) == (False, "*** is not allowed")
    vendor.fake.fail(404, "no such thing")
    with pytest.raises(ProviderClientError, match="no such thing"):
        await sender.try_key(vendor.provider, USUAL[vendor.provider.key], Secret(vendor.secret))
