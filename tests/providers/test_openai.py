"""OpenAI against a strict fake of it: what it is sent, and both forms of its vectors."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from providers.base import HttpProvider, InputType
from providers.configuration import Configuration, resolve
from providers.errors import InvalidParametersError, ProviderClientError
from providers.openai import OPENAI
from providers.openai_compatible import OpenAICompatible
from providers.transport import Sender
from tests.fakes.openai import OpenAIFake
from tests.providers.support import Source

TEXTS = ["a quick fox", "a lazy dog"]


async def embed(sender: Sender, provider: HttpProvider, configuration: Configuration) -> np.ndarray:
    source = Source()
    return (await sender.embed(provider, configuration, TEXTS, InputType.DOCUMENT, secrets=source, lane=None)).vectors


@pytest.mark.parametrize(
    ("model", "dimension", "sent"),
    [
        ("text-embedding-3-small", None, 1536),
        ("text-embedding-3-small", 2, 2),
        ("text-embedding-3-large", None, 3072),
        ("text-embedding-3-large", 256, 256),
        ("text-embedding-ada-002", None, None),
    ],
)
async def test_a_dimension_is_sent_unless_the_model_has_one_only(
    sender: Sender, provider: HttpProvider, fake: OpenAIFake, *, model: str, dimension: int | None, sent: int | None
) -> None:
    vectors = await embed(sender, provider, resolve(provider, model, dimension))
    assert vectors.shape == (2, sent or 1536)
    assert fake.received[0].body.get("dimensions") == sent


async def test_both_forms_of_vectors_are_taken(sender: Sender, provider: HttpProvider, fake: OpenAIFake) -> None:
    configuration = resolve(provider, "text-embedding-3-small", 16)
    assert isinstance(provider, OpenAICompatible)
    packed = await embed(sender, provider, configuration)
    plain = await embed(sender, replace(provider, encoding_format=None), configuration)
    assert [each.body.get("encoding_format") for each in fake.received] == ["base64", None]
    np.testing.assert_array_equal(packed, plain)


async def test_organization_and_project_travel_in_headers(
    sender: Sender, provider: HttpProvider, fake: OpenAIFake
) -> None:
    given = {"organizationId": "org-1", "projectId": "proj_2"}
    await embed(sender, provider, resolve(provider, "text-embedding-3-small", 8, given))
    await embed(sender, provider, resolve(provider, "text-embedding-3-small", 8))
    sent = [(each.headers.get("openai-organization"), each.headers.get("openai-project")) for each in fake.received]
    assert sent == [("org-1", "proj_2"), (None, None)]


@pytest.mark.parametrize("value", ["", "org 1", "org\r\nX-Evil: 1", "org\n", "örg", "x" * 129])
def test_what_does_not_belong_into_a_header_is_refused(value: str) -> None:
    with pytest.raises(InvalidParametersError, match="organizationId must be"):
        resolve(OPENAI, "text-embedding-3-small", 8, {"organizationId": value})


async def test_an_error_is_told_in_the_vendors_words(sender: Sender, provider: HttpProvider, fake: OpenAIFake) -> None:
    fake.keys = {"another"}
    with pytest.raises(ProviderClientError) as caught:
        await embed(sender, provider, resolve(provider, "text-embedding-3-small", 8))
    assert str(caught.value).startswith("OpenAI refused the request (HTTP 401): Incorrect API key provided: ***")


@pytest.mark.parametrize("texts", [["x"] * 2049, ["four " * 6000] * 45])
async def test_batches_keep_to_the_vendors_limits(
    sender: Sender, provider: HttpProvider, fake: OpenAIFake, texts: list[str]
) -> None:
    configuration = resolve(provider, "text-embedding-3-small", 2)
    embedding = await sender.embed(provider, configuration, texts, InputType.DOCUMENT, secrets=Source(), lane=None)
    assert not embedding.refusals
    assert sum(map(len, fake.texts)) == len(texts)
    assert embedding.requests == len(fake.received) > 1
