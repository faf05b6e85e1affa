"""The fake is as strict as the vendor, so that what passes here would pass there."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import numpy as np
import pytest

from tests.fakes.openai import OpenAIFake
from tests.fakes.serving import serve
from tests.fakes.vendor import Fault, embed

KEY = "sk-proj-Zk3vQ9xLw2Rt7Yb5"
BODY = {"input": ["one", "two"], "model": "text-embedding-3-small"}


@pytest.fixture
def fake() -> OpenAIFake:
    return OpenAIFake(KEY)


@pytest.fixture
async def client(fake: OpenAIFake) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"authorization": f"Bearer {KEY}"}
    async with serve(fake) as url, httpx.AsyncClient(base_url=url, headers=headers, trust_env=False) as client:
        yield client


async def test_a_good_request_is_answered_in_the_vendors_shape(client: httpx.AsyncClient, fake: OpenAIFake) -> None:
    answer = (await client.post("/v1/embeddings", json={**BODY, "dimensions": 8})).json()
    assert [row["index"] for row in answer["data"]] == [0, 1]
    assert len(answer["data"][0]["embedding"]) == 8
    assert answer["usage"] == {"prompt_tokens": 2, "total_tokens": 2}
    assert (fake.received[0].key, fake.texts) == (KEY, [["one", "two"]])


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"surprise": 1}, 400),
        ({"input": []}, 400),
        ({"input": [""]}, 400),
        ({"input": None}, 400),
        ({"input": ["x"] * 2049}, 400),
        ({"input": ["x" * 40_000]}, 400),
        ({"input": ["x" * 30_000] * 50}, 400),
        ({"encoding_format": "hex"}, 400),
        ({"dimensions": 1}, 400),
        ({"dimensions": "8"}, 400),
        ({"model": "text-embedding-ada-002", "dimensions": 1536}, 400),
        ({"model": "gpt"}, 404),
    ],
)
async def test_what_is_not_documented_is_refused(
    client: httpx.AsyncClient, change: dict[str, object], status: int
) -> None:
    answer = await client.post("/v1/embeddings", json={**BODY, **change})
    assert answer.status_code == status
    assert answer.json()["error"]["message"]


async def test_paths_methods_types_and_keys_are_checked(client: httpx.AsyncClient) -> None:
    assert (await client.post("/embeddings", json=BODY)).status_code == 404
    assert (await client.get("/v1/embeddings")).status_code == 405
    assert (await client.post("/v1/embeddings", content=b"{}")).status_code == 415
    refused = await client.post("/v1/embeddings", json=BODY, headers={"authorization": f"Bearer {KEY}x"})
    assert refused.status_code == 401
    assert KEY[:8] in refused.json()["error"]["message"]


async def test_faults_are_used_up_one_by_one(client: httpx.AsyncClient, fake: OpenAIFake) -> None:
    fake.fail(429, "slow down", None, retry_after="7")
    fake.faults.append(Fault(cut=10))
    limited = await client.post("/v1/embeddings", json=BODY)
    assert (limited.status_code, limited.headers["retry-after"]) == (429, "7")
    assert len((await client.post("/v1/embeddings", json=BODY)).content) == 10
    assert (await client.post("/v1/embeddings", json=BODY)).is_success


def test_texts_that_share_words_are_near() -> None:
    fox, dog, tax = (np.array(embed(text, 256)) for text in ("The quick fox", "the quick dog", "tax law of 1911"))
    assert fox @ dog > 0.4 > abs(fox @ tax)
    assert np.linalg.norm(fox) == pytest.approx(1)
    assert embed("?!", 2) == embed("?!", 2)
