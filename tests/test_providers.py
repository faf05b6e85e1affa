"""Every provider through the gateway, over HTTP: the right mode, the right batches, no more at a time than configured."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from providers.base import Kind
from tests.factory import ADD_CREDENTIAL, Api, Run, Running
from tests.fakes.serving import serve
from tests.fakes.vendors import FAKES
from tests.providers.contract import EXAMPLES, HTTP, KEYS, Example

USUAL = {example.key: example for example in reversed(EXAMPLES)}
TEXTS = 250
MOST_IN_BATCH = 32
CONCURRENCY = 3


def models_file(path: Path) -> Path:
    """A models file that lowers the batch limit of every provider that has a higher one."""
    limits = {key: min(MOST_IN_BATCH, provider.limits.texts) for key, provider in HTTP.items()}
    path.write_text("\n".join(f"[provider.{key}]\nmax_batch_texts = {limit}" for key, limit in limits.items()))
    return path


async def served(run: Run, key: str, url: str, path: Path) -> Running:
    """A gateway whose only reachable provider is the fake at this URL."""
    settings: dict[str, Any] = {"provider_urls": json.dumps({key: url}), "provider_concurrency": CONCURRENCY}
    if HTTP[key].kind is Kind.HOSTED:
        settings |= {"hosted_nvidia_api_key": KEYS[key]}
    return await run(models_file=models_file(path / "models.toml"), **settings)


async def attached(api: Api, example: Example) -> str:
    """A collection that embeds through the example's provider."""
    database_id = await api.database()
    embedding: dict[str, Any] = {"provider": example.key, "model": example.model, "dimension": example.dimension}
    if HTTP[example.key].kind is Kind.EXTERNAL:
        given = {"provider": example.key, "name": "main", "apiKey": KEYS[example.key], "databaseIds": [database_id]}
        trial = {"validate": True, "model": example.model, "parameters": dict(example.parameters)}
        await api(ADD_CREDENTIAL, input=given | trial)
        embedding["credential"] = "main"
    if example.parameters:
        embedding["parameters"] = dict(example.parameters)
    return await api.collection(database_id, embedding=embedding)


def without_texts(body: Mapping[str, Any], field: str) -> dict[str, Any]:
    return {name: value for name, value in body.items() if name != field}


@pytest.mark.parametrize("key", FAKES)
async def test_texts_are_embedded_as_documents_in_batches_and_found_by_a_query(
    run: Run, key: str, tmp_path: Path
) -> None:
    example, fake = USUAL[key], FAKES[key](KEYS[key])
    async with serve(fake) as url:
        running = await served(run, key, url + fake.base, tmp_path)
        collection_id = await attached(running.api, example)
        fake.received.clear()
        documents = [{"_id": number, "$vectorize": f"fox number {number}"} for number in range(TEXTS)]
        inserted = await running.api.insert(collection_id, *documents)
        writing = list(fake.received)
        fake.received.clear()
        found = await running.api.search(collection_id, query="fox number 17", first=5)
        [searching] = fake.received

    field, limit = HTTP[key].input_field, min(MOST_IN_BATCH, HTTP[key].limits.texts)
    assert inserted["insertedCount"] == TEXTS
    assert 17 in [edge["node"]["key"] for edge in found["edges"]]
    assert sorted(text for each in writing for text in each.body[field]) == sorted(
        str(each["$vectorize"]) for each in documents
    )
    assert max(len(each.body[field]) for each in writing) == limit
    assert len(writing) == -(-TEXTS // limit)
    assert 1 < fake.most_in_flight <= CONCURRENCY
    assert all(without_texts(each.body, field) == example.body for each in writing)
    assert without_texts(searching.body, field) == {**example.body, **example.query}
    assert {each.key for each in [*writing, searching]} == {KEYS[key]}


@pytest.mark.parametrize("key", [key for key in FAKES if HTTP[key].kind is Kind.EXTERNAL])
async def test_a_key_that_the_provider_refuses_is_not_stored(run: Run, key: str, tmp_path: Path) -> None:
    example, fake = USUAL[key], FAKES[key]("quite-another-key")
    async with serve(fake) as url:
        running = await served(run, key, url + fake.base, tmp_path)
        given = {"provider": key, "name": "main", "apiKey": KEYS[key], "validate": True}
        where = {"model": example.model, "parameters": dict(example.parameters)}
        refused = await running.api.refusal(ADD_CREDENTIAL, input=given | where)
    assert refused.codes == ["CREDENTIAL_REJECTED"]
    assert KEYS[key] not in str(refused.errors)
    assert await running.sql("select from vectorgate.credential") == []
    assert await running.sql("select from vectorgate.integration") == []


@pytest.mark.parametrize("key", ["azureOpenAI", "huggingfaceDedicated"])
async def test_a_key_cannot_be_tried_without_the_parameters_that_say_where(run: Run, key: str, tmp_path: Path) -> None:
    fake = FAKES[key](KEYS[key])
    async with serve(fake) as url:
        running = await served(run, key, url + fake.base, tmp_path)
        given = {"provider": key, "name": "main", "apiKey": KEYS[key], "validate": True}
        refused = await running.api.refusal(ADD_CREDENTIAL, input=given)
    assert refused.codes == ["INVALID_PROVIDER_PARAMETERS"]
    assert all(
        parameter.name in refused.errors[0]["message"] for parameter in HTTP[key].parameters if parameter.required
    )
    assert fake.received == []
    assert await running.sql("select from vectorgate.credential") == []


async def test_a_hosted_provider_is_refused_outside_its_regions_and_absent_without_a_key(
    run: Run, database_url: str
) -> None:
    providers = "{ embeddingProviders { key } organization { regions { name hostedProviders } } }"
    without = await run()
    assert "nvidia" not in {each["key"] for each in (await without.api(providers))["embeddingProviders"]}

    running = await run(
        regions=json.dumps({"here": database_url, "there": database_url}),
        hosted_nvidia_api_key=KEYS["nvidia"],
        hosted_nvidia_regions="there",
    )
    seen = await running.api(providers)
    assert "nvidia" in {each["key"] for each in seen["embeddingProviders"]}
    hosted = {each["name"]: each["hostedProviders"] for each in seen["organization"]["regions"]}
    assert hosted == {"here": ["local"], "there": ["local", "nvidia"]}
    embedding = {"provider": "nvidia", "model": USUAL["nvidia"].model}
    document = "mutation C($input: CreateCollectionInput!) { createCollection(input: $input) { collection { id } } }"
    given = {"databaseId": await running.api.database(), "name": "books", "embedding": embedding}
    refused = await running.api.refusal(document, input=given)
    assert refused.codes == ["INTEGRATION_NOT_AVAILABLE_IN_REGION"]
