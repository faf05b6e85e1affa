"""What a provider does wrong, seen over HTTP: each fault ends under its code, and nothing is written twice or lost."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.factory import INSERT, KEY, Api, Run, Running
from tests.fakes.vendor import Fault

COUNT = "query C($id: ID!) { node(id: $id) { ... on Collection { documentCount } } }"
TEXTS = 60
LIMIT = "[provider.openai]\nmax_batch_texts = 20\n"


@pytest.fixture
async def running(run: Run, tmp_path: Any) -> Running:  # noqa: ANN401 - pytest's own
    """A gateway that sends OpenAI 20 texts at a time."""
    path = tmp_path / "models.toml"
    path.write_text(LIMIT)
    return await run(models_file=path)


async def count(api: Api, collection_id: str) -> int:
    return int((await api(COUNT, id=collection_id))["node"]["documentCount"])


def documents() -> list[dict[str, Any]]:
    return [{"_id": number, "$vectorize": f"text {number}"} for number in range(TEXTS)]


async def insert_survives(running: Running) -> None:
    """Every document is inserted once, with the vector of its own text."""
    collection_id = await running.api.openai_collection()
    inserted = await running.api.insert(collection_id, *documents())
    assert inserted["insertedCount"] == TEXTS
    assert await count(running.api, collection_id) == TEXTS
    for number in (0, 25, 59):
        found = await running.api.search(collection_id, query=f"text {number}", first=1)
        assert found["edges"][0]["node"]["key"] == number


@pytest.mark.parametrize(
    "faults",
    [
        [Fault(), Fault(status=429, body={}, headers={"retry-after": "0"})],
        [Fault(status=429, body={}, headers={"x-ratelimit-reset-requests": "1ms"})],
        [Fault(status=503, body={"error": {"message": "the model is loading"}})],
        [Fault(status=502, body="bad gateway", content_type="text/html")],
        [Fault(reset=True)],
    ],
    ids=["429 with Retry-After in the middle", "429 with a reset duration", "503 of a cold start", "502", "reset"],
)
async def test_a_fault_that_passes_is_not_seen_by_the_caller(running: Running, faults: list[Fault]) -> None:
    running.openai.faults.extend(faults)
    await insert_survives(running)
    batches = running.openai.texts[:-3]
    assert len(batches) == TEXTS // 20 + 1, "a batch stays whole when it is sent again"
    assert {len(batch) for batch in batches} == {20}


def _edit(change: Callable[[Any], Any]) -> Fault:
    return Fault(edit=change)


def _with_nan(payload: Any) -> Any:  # noqa: ANN401 - JSON
    payload["data"][0]["embedding"] = [float("nan")] * 64
    return payload


def _one_less(payload: Any) -> Any:  # noqa: ANN401 - JSON
    payload["data"].pop()
    return payload


LASTING = {
    "truncated JSON": (Fault(cut=30), "EMBEDDING_PROVIDER_UNEXPECTED_RESPONSE", 200),
    "wrong content type": (Fault(content_type="text/html"), "EMBEDDING_PROVIDER_UNEXPECTED_RESPONSE", 200),
    "NaN": (_edit(_with_nan), "EMBEDDING_PROVIDER_UNEXPECTED_RESPONSE", 200),
    "wrong count": (_edit(_one_less), "EMBEDDING_PROVIDER_UNEXPECTED_RESPONSE", 200),
    "410": (Fault(status=410, body={"error": {"message": "gone"}}), "EMBEDDING_PROVIDER_CLIENT_ERROR", 410),
    "402": (Fault(status=402, body={"error": {"message": "pay"}}), "EMBEDDING_PROVIDER_CLIENT_ERROR", 402),
    "redirect": (
        Fault(status=302, body={}, headers={"location": "http://127.0.0.1:1/"}),
        "EMBEDDING_PROVIDER_UNEXPECTED_RESPONSE",
        302,
    ),
    "quota": (
        Fault(
            status=429,
            body={"error": {"message": "used up", "code": "insufficient_quota", "type": "insufficient_quota"}},
        ),
        "EMBEDDING_PROVIDER_RATE_LIMITED",
        429,
    ),
}


@pytest.mark.parametrize("name", LASTING)
async def test_a_fault_that_stays_fails_the_call_with_nothing_written(running: Running, name: str) -> None:
    fault, code, status = LASTING[name]
    collection_id = await running.api.openai_collection()
    running.openai.faults.extend([fault] * 10)
    given = {"collectionId": collection_id, "documents": documents()}
    refused = await running.api.refusal(INSERT, input=given)
    assert refused.codes == [code]
    assert (refused.facts["family"], refused.facts["provider"]) == ("PROVIDER", "openai")
    assert refused.facts.get("httpStatus", 200) == status
    assert KEY not in json.dumps(refused.errors)
    assert refused.facts["retryable"] is False
    assert await count(running.api, collection_id) == 0

    running.openai.faults.clear()
    assert (await running.api.insert(collection_id, *documents()))["insertedCount"] == TEXTS


async def test_a_reply_that_comes_after_the_deadline_is_a_time_out(run: Run) -> None:
    running = await run(provider_deadline_seconds=0.3)
    collection_id = await running.api.openai_collection()
    running.openai.gate.clear()
    refused = await running.api.refusal(INSERT, input={"collectionId": collection_id, "documents": documents()})
    running.openai.gate.set()
    assert refused.codes == ["EMBEDDING_PROVIDER_TIMEOUT"]
    assert refused.facts["retryable"] is True
    assert await count(running.api, collection_id) == 0


async def test_a_provider_that_is_down_is_unavailable_and_then_left_alone(run: Run) -> None:
    running = await run(provider_urls=json.dumps({"openai": "http://127.0.0.1:1/v1"}), provider_deadline_seconds=0.2)
    collection_id = await running.api.openai_collection()
    given = {"collectionId": collection_id, "documents": [{"$vectorize": "text"}]}
    for _ in range(5):
        [code] = (await running.api.refusal(INSERT, input=given)).codes
        # a machine that is busy meets the deadline before the refused connection
        assert code in {"EMBEDDING_PROVIDER_UNAVAILABLE", "EMBEDDING_PROVIDER_TIMEOUT"}
    left_alone = await running.api.refusal(INSERT, input=given)
    assert left_alone.codes == ["EMBEDDING_PROVIDER_UNAVAILABLE"]
    assert left_alone.facts["retryAfterSeconds"] > 0
    assert await count(running.api, collection_id) == 0


async def test_a_host_that_does_not_exist_is_told_apart(run: Run) -> None:
    no_host = f"{'x' * 64}.invalid"  # no name can have such a part: no name server is asked
    running = await run(provider_urls=json.dumps({"openai": f"http://{no_host}/v1"}))
    collection_id = await running.api.openai_collection()
    refused = await running.api.refusal(
        INSERT, input={"collectionId": collection_id, "documents": [{"$vectorize": "text"}]}
    )
    assert refused.codes == ["EMBEDDING_PROVIDER_BAD_HOST_NAME"]


async def test_a_server_error_that_stays_says_so(run: Run) -> None:
    running = await run(provider_deadline_seconds=1)
    collection_id = await running.api.openai_collection()
    running.openai.faults.extend([Fault(status=500, body={"error": {"message": "boom"}})] * 50)
    refused = await running.api.refusal(
        INSERT, input={"collectionId": collection_id, "documents": [{"$vectorize": "text"}]}
    )
    assert refused.codes == ["EMBEDDING_PROVIDER_SERVER_ERROR"]
    assert (refused.facts["httpStatus"], refused.facts["providerMessage"]) == (500, "boom")
