"""The fakes are as strict as the vendors, so that what passes here would pass there."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from tests.fakes.azure_openai import AzureOpenAIFake
from tests.fakes.hugging_face import HuggingFaceFake
from tests.fakes.hugging_face_dedicated import HuggingFaceDedicatedFake
from tests.fakes.serving import serve
from tests.fakes.vendor import VendorFake
from tests.fakes.vendors import FAKES

KEY = "a-key-of-the-vendor's-own"
HUGGING_FACE = "/hf-inference/models/BAAI/bge-base-en-v1.5/pipeline/feature-extraction"
AZURE = "/openai/deployments/small/embeddings?api-version=2024-10-21"

GOOD: Mapping[str, Mapping[str, Any]] = {
    "azureOpenAI": {"input": ["one"], "model": "whatever", "dimensions": 8, "encoding_format": "base64"},
    "huggingface": {"inputs": ["one"], "options": {"wait_for_model": True}},
    "huggingfaceDedicated": {"input": ["one"]},
    "jinaAI": {"input": ["one"], "model": "jina-embeddings-v3", "task": "separation", "late_chunking": True},
    "mistral": {"input": ["one"], "model": "mistral-embed", "encoding_format": "float"},
    "nvidia": {"input": ["one"], "model": "nvidia/nemotron-3-embed-1b", "input_type": "query"},
    "openai": {"input": ["one"], "model": "text-embedding-3-small"},
    "upstageAI": {"input": "one", "model": "solar-embedding-2-query"},
    "voyageAI": {"input": ["one"], "model": "voyage-4", "output_dimension": 512, "truncation": False},
}
PATHS = {"azureOpenAI": AZURE, "huggingface": HUGGING_FACE, "huggingfaceDedicated": "/embeddings"}
LENGTHS = {
    "azureOpenAI": 44,
    "huggingface": 768,
    "huggingfaceDedicated": 64,
    "openai": 1536,
    "nvidia": 2048,
    "voyageAI": 512,
}


@dataclass(frozen=True)
class Asking:
    """A client of one fake that has its key."""

    fake: VendorFake
    client: httpx.AsyncClient
    key: str

    async def __call__(self, path: str | None = None, /, **changes: object) -> httpx.Response:
        """Send the good request with these changes."""
        return await self.send({**GOOD[self.key], **changes}, path)

    async def send(self, body: Mapping[str, object], path: str | None = None) -> httpx.Response:
        """Send a body; a field that is Ellipsis is left out."""
        given = {name: value for name, value in body.items() if value is not ...}
        return await self.client.post(path or PATHS.get(self.key, "/v1/embeddings"), json=given)


@pytest.fixture
async def ask(key: str) -> AsyncIterator[Asking]:
    fake = FAKES[key](KEY)
    headers = {"api-key": KEY} if key == "azureOpenAI" else {"authorization": f"Bearer {KEY}"}
    async with serve(fake) as url, httpx.AsyncClient(base_url=url, headers=headers, trust_env=False) as client:
        yield Asking(fake, client, key)


@pytest.mark.parametrize("key", FAKES)
async def test_a_good_request_is_answered_in_the_vendors_shape(ask: Asking) -> None:
    answer = (await ask()).json()
    rows = answer if ask.key == "huggingface" else [row["embedding"] for row in answer["data"]]
    assert [len(row) for row in rows] == [LENGTHS.get(ask.key, 1024)]
    assert ask.fake.received[0].key == KEY


@pytest.mark.parametrize("key", FAKES)
async def test_other_paths_queries_keys_and_fields_are_refused(ask: Asking) -> None:
    path = PATHS.get(ask.key, "/v1/embeddings")
    for elsewhere in ("/v2/embeddings", f"{path}{'&' if '?' in path else '?'}debug=1"):
        assert (await ask(elsewhere)).status_code == 404
    assert 400 <= (await ask(surprise=1)).status_code <= 422
    for texts in ([], [""], None, 5, [5]):
        assert (await ask.send({**GOOD[ask.key], ask.fake.input_field: texts})).is_client_error
    ask.client.headers.update({"authorization": "Bearer wrong", "api-key": "wrong"})
    assert (await ask()).status_code == 401


@pytest.mark.parametrize(
    ("key", "changes", "status"),
    [
        ("azureOpenAI", {"dimensions": 1}, 400),
        ("azureOpenAI", {"input": ["x"] * 2049}, 400),
        ("huggingface", {"options": {"waitForModel": True}}, 400),
        ("huggingface", {"inputs": ["x"] * 33}, 413),
        ("huggingface", {"inputs": ["x" * 2_000_000]}, 413),
        ("huggingfaceDedicated", {"input": ["x"] * 33}, 413),
        ("huggingfaceDedicated", {"dimensions": 64}, 413),
        ("jinaAI", {"task": "sing"}, 422),
        ("jinaAI", {"input": ["x"] * 513}, 422),
        ("jinaAI", {"dimensions": 1025}, 422),
        ("jinaAI", {"model": "jina-embeddings-v2-base-en"}, 422),
        ("jinaAI", {"model": "jina"}, 422),
        ("mistral", {"encoding_format": "base64"}, 400),
        ("mistral", {"output_dimension": 1024}, 400),
        ("mistral", {"input": ["x" * 30_000] * 3}, 400),
        ("mistral", {"model": "mistral-large"}, 400),
        ("nvidia", {"input_type": ...}, 400),
        ("nvidia", {"input_type": "document"}, 422),
        ("nvidia", {"input": ["x"] * 9}, 422),
        ("nvidia", {"input": ["x" * 20_000]}, 400),
        ("nvidia", {"model": "nvidia/nv-embedqa-e5-v5"}, 410),
        ("nvidia", {"model": "NV-Embed-QA"}, 404),
        ("upstageAI", {"model": "solar-embedding-2"}, 400),
        ("upstageAI", {"input": ["x"] * 101}, 400),
        ("upstageAI", {"dimensions": 1024}, 400),
        ("voyageAI", {"input_type": "passage"}, 400),
        ("voyageAI", {"output_dimension": 300}, 400),
        ("voyageAI", {"model": "voyage-2"}, 400),
        ("voyageAI", {"input": ["x" * 200_000]}, 400),
        ("voyageAI", {"input": ["x"] * 1001}, 400),
        ("voyageAI", {"input": ["x" * 100_000] * 5}, 400),
    ],
)
async def test_what_is_not_documented_is_refused(ask: Asking, changes: dict[str, object], status: int) -> None:
    assert (await ask.send({**GOOD[ask.key], **changes})).status_code == status


@pytest.mark.parametrize("key", ["azureOpenAI"])
async def test_azures_deployment_decides_the_model(ask: Asking) -> None:
    assert isinstance(ask.fake, AzureOpenAIFake)
    refused = await ask("/openai/deployments/nope/embeddings?api-version=2024-10-21")
    assert refused.json()["error"]["code"] == "DeploymentNotFound"
    ask.fake.deployments["nope"] = "text-embedding-ada-002"
    assert (await ask("/openai/deployments/nope/embeddings?api-version=2024-10-21")).status_code == 400
    assert (await ask("/openai/deployments/nope/embeddings?api-version=2024-10-21", dimensions=...)).is_success
    assert (await ask("/openai/deployments/small/embeddings?api-version=2024-02-01")).status_code == 404


@pytest.mark.parametrize("key", ["huggingface"])
async def test_a_cold_model_answers_those_who_wait_for_it(ask: Asking) -> None:
    assert isinstance(ask.fake, HuggingFaceFake)
    ask.fake.cold = True
    refused = await ask(options={"wait_for_model": False})
    assert (refused.status_code, refused.json()["estimated_time"]) == (503, 20.0)
    assert (await ask()).is_success


@pytest.mark.parametrize("key", ["huggingfaceDedicated"])
async def test_an_endpoint_serves_what_it_is_told_to(ask: Asking) -> None:
    assert isinstance(ask.fake, HuggingFaceDedicatedFake)
    assert (await ask(input=["x" * 10_000])).is_success
    ask.fake.serve(8, max_tokens=512)
    assert (await ask(input=["x" * 10_000])).status_code == 413
    assert len((await ask()).json()["data"][0]["embedding"]) == 8


@pytest.mark.parametrize("key", ["mistral"])
async def test_a_plain_refusal_has_no_content_type(ask: Asking) -> None:
    ask.client.headers["authorization"] = "Bearer wrong"
    refused = await ask()
    assert (refused.status_code, refused.headers.get("content-type")) == (401, None)
    assert refused.text.startswith("Incorrect API key")


@pytest.mark.parametrize("key", ["voyageAI"])
async def test_texts_that_are_too_long_can_be_cut(ask: Asking) -> None:
    assert (await ask(input=["x" * 200_000], truncation=True)).is_success
    assert (await ask(input=["x" * 200_000], truncation=...)).is_success
