"""Rotating a credential in one step, and returning to the secret before (rule 15)."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Any

import pytest

from app.domain import sweep
from tests.factory import KEY, SEARCH, SECOND_KEY, Api, Run, Running
from tests.resolvers.documents import (
    REMOVE,
    ROLL_BACK,
    ROTATE,
    TEST,
    credential,
    credential_id,
)

THIRD_KEY = "sk-third-0123456789xyz"
REFUSED_KEY = "sk-revoked-0123456789"
ONCE = "rotate-main-2026-11-23"


async def rotate(api: Api, identifier: str, key: str = SECOND_KEY, **more: object) -> dict[str, Any]:
    answer = await api(ROTATE, input={"credentialId": identifier, "apiKey": key, **more})
    rotated: dict[str, Any] = answer["rotateCredential"]["credential"]
    return rotated


async def refusal(api: Api, identifier: str, key: str = SECOND_KEY, **more: object) -> Any:  # noqa: ANN401 - RefusedError
    return await api.refusal(ROTATE, input={"credentialId": identifier, "apiKey": key, **more})


# --- the swap ---
async def test_rotating_changes_the_secret_and_nothing_else(running: Running) -> None:
    api = running.api
    books = await api.openai_collection()
    identifier = await credential_id(api)
    rotated = await rotate(api, identifier)
    assert rotated["id"] == identifier
    assert (rotated["name"], rotated["version"], rotated["hint"]) == ("main", 2, SECOND_KEY[-4:])
    assert rotated["scopedDatabases"] == [{"database": {"name": "library"}}]
    previous = rotated["previousVersion"]
    assert (previous["version"], previous["hint"]) == (1, KEY[-4:])
    expires, rotated_at = (datetime.fromisoformat(each) for each in (previous["expiresAt"], rotated["rotatedAt"]))
    assert expires - rotated_at == timedelta(days=1)
    running.openai.keys = {SECOND_KEY}
    await api.search(books, query="whale")


@pytest.mark.parametrize("seconds", [1, 2_592_000])
async def test_the_old_secret_is_kept_as_long_as_asked(api: Api, seconds: int) -> None:
    identifier = await api.credential()
    rotated = await rotate(api, identifier, keepPreviousSeconds=seconds)
    expires = datetime.fromisoformat(rotated["previousVersion"]["expiresAt"])
    assert expires - datetime.fromisoformat(rotated["rotatedAt"]) == timedelta(seconds=seconds)


async def test_kept_for_no_time_it_is_forgotten_at_once(running: Running) -> None:
    identifier = await running.api.credential()
    rotated = await rotate(running.api, identifier, keepPreviousSeconds=0)
    assert (rotated["version"], rotated["previousVersion"]) == (2, None)
    [row] = await running.sql("select previous_sealed, previous_expires_at from vectorgate.credential")
    assert tuple(row) == (None, None)
    assert (await running.api.refusal(ROLL_BACK, id=identifier)).codes == ["CREDENTIAL_NOT_ROLLBACKABLE"]


@pytest.mark.parametrize("seconds", [-1, 2_592_001])
async def test_it_cannot_be_kept_for_another_time(api: Api, seconds: int) -> None:
    identifier = await api.credential()
    refused = await refusal(api, identifier, keepPreviousSeconds=seconds)
    assert (refused.codes, refused.facts["limit"], refused.facts["actual"]) == (["BAD_INPUT"], 2_592_000, seconds)
    assert (await credential(api, identifier))["version"] == 1


@pytest.mark.parametrize("key", ["1234567", "with\nbreak", "schlüssel"])
async def test_a_malformed_secret_leaves_the_old_one(api: Api, key: str) -> None:
    identifier = await api.credential()
    assert (await refusal(api, identifier, key)).codes == ["BAD_INPUT"]
    now = await credential(api, identifier)
    assert (now["version"], now["hint"], now["previousVersion"]) == (1, KEY[-4:], None)


async def test_rotating_twice_keeps_the_last_secret_only(running: Running) -> None:
    identifier = await running.api.credential()
    await rotate(running.api, identifier)
    rotated = await rotate(running.api, identifier, THIRD_KEY)
    assert (rotated["version"], rotated["previousVersion"]["version"]) == (3, 2)
    assert rotated["previousVersion"]["hint"] == SECOND_KEY[-4:]
    back = (await running.api(ROLL_BACK, id=identifier))["rollBackCredential"]["credential"]
    assert (back["version"], back["hint"]) == (4, SECOND_KEY[-4:])
    assert (await running.api.refusal(ROLL_BACK, id=identifier)).codes == ["CREDENTIAL_NOT_ROLLBACKABLE"]


async def test_rotations_at_the_same_time_each_count(running: Running) -> None:
    identifier = await running.api.credential()
    keys = [f"sk-rotated-{number:08}" for number in range(6)]
    rotated = await asyncio.gather(*(rotate(running.api, identifier, key) for key in keys))
    assert sorted(each["version"] for each in rotated) == [2, 3, 4, 5, 6, 7]
    last = max(rotated, key=lambda each: int(each["version"]))
    assert (await credential(running.api, identifier))["hint"] == last["hint"]


# --- asking first ---
async def test_a_validated_rotation_keeps_the_old_secret_when_the_provider_refuses_the_new_one(
    running: Running,
) -> None:
    api = running.api
    books = await api.openai_collection()
    identifier = await credential_id(api)
    refused = await refusal(api, identifier, REFUSED_KEY, validate=True)
    assert refused.codes == ["CREDENTIAL_REJECTED"]
    assert REFUSED_KEY[:10] not in str(refused.errors)
    now = await credential(api, identifier)
    assert (now["version"], now["hint"], now["rotatedAt"], now["previousVersion"]) == (1, KEY[-4:], None, None)
    await api.search(books, query="whale")
    assert running.openai.received[-1].key == KEY

    assert (await rotate(api, identifier, validate=True))["version"] == 2
    assert running.openai.received[-1].key == SECOND_KEY


async def test_a_provider_that_is_down_leaves_the_old_secret(run: Run) -> None:
    running = await run(provider_deadline_seconds=1)
    identifier = await running.api.credential()
    for _ in range(50):
        running.openai.fail(503)
    refused = await refusal(running.api, identifier, validate=True)
    assert (refused.codes, refused.facts["retryable"]) == (["EMBEDDING_PROVIDER_SERVER_ERROR"], True)
    assert (await credential(running.api, identifier))["version"] == 1


# --- the way back ---
async def test_rolling_back_returns_once_to_the_secret_before(running: Running) -> None:
    api = running.api
    books = await api.openai_collection()
    identifier = await credential_id(api)
    assert (await api.refusal(ROLL_BACK, id=identifier)).codes == ["CREDENTIAL_NOT_ROLLBACKABLE"]
    await rotate(api, identifier)
    back = (await api(ROLL_BACK, id=identifier))["rollBackCredential"]["credential"]
    assert back == {"id": identifier, "version": 3, "hint": KEY[-4:], "previousVersion": None}
    await api.search(books, query="whale")
    assert running.openai.received[-1].key == KEY
    refused = await api.refusal(ROLL_BACK, id=identifier)
    assert (refused.codes, refused.facts["credentialName"]) == (["CREDENTIAL_NOT_ROLLBACKABLE"], "main")
    assert SECOND_KEY not in str(await running.sql("select * from vectorgate.credential"))


async def test_when_its_time_is_over_the_old_secret_is_gone_before_and_after_the_sweep(running: Running) -> None:
    identifier = await running.api.credential()
    await rotate(running.api, identifier)
    await running.sql("update vectorgate.credential set previous_expires_at = now()")
    assert (await credential(running.api, identifier))["previousVersion"] is None
    assert (await running.api.refusal(ROLL_BACK, id=identifier)).codes == ["CREDENTIAL_NOT_ROLLBACKABLE"]
    await sweep.once(running.gateway)
    [row] = await running.sql("select previous_sealed, previous_hint, previous_version from vectorgate.credential")
    assert tuple(row) == (None, None, None)


async def test_the_sweep_leaves_a_secret_whose_time_is_not_over(running: Running) -> None:
    identifier = await running.api.credential()
    await rotate(running.api, identifier)
    await sweep.once(running.gateway)
    assert (await running.api(ROLL_BACK, id=identifier))["rollBackCredential"]["credential"]["version"] == 3


# --- the same call twice ---
async def test_a_repeated_rotation_rotates_once(running: Running) -> None:
    identifier = await running.api.credential()
    rotated = await asyncio.gather(
        *(rotate(running.api, identifier, idempotencyKey=ONCE, validate=True) for _ in range(5))
    )
    assert {each["version"] for each in rotated} == {2}
    asked = len(running.openai.received)
    assert (await rotate(running.api, identifier, idempotencyKey=ONCE, validate=True))["version"] == 2
    assert len(running.openai.received) == asked

    for more in ({"keepPreviousSeconds": 5}, {"validate": True, "model": "text-embedding-3-large"}, {}):
        refused = await refusal(running.api, identifier, THIRD_KEY, idempotencyKey=ONCE, **more)
        assert refused.codes == ["BAD_INPUT"]
    assert (await credential(running.api, identifier))["version"] == 2


async def test_a_key_does_not_reach_over_credentials(api: Api) -> None:
    first, second = await api.credential("first"), await api.credential("second")
    await rotate(api, first, idempotencyKey=ONCE)
    assert (await refusal(api, second, idempotencyKey=ONCE)).codes == ["BAD_INPUT"]
    assert (await credential(api, second))["version"] == 1
    await api(REMOVE, id=first, name="first")
    assert (await refusal(api, first, idempotencyKey=ONCE)).codes == ["NOT_FOUND"]


# --- while a provider is being asked ---
async def test_a_call_in_flight_is_repeated_with_the_new_secret_when_the_old_one_is_refused(running: Running) -> None:
    api, openai = running.api, running.openai
    books = await api.openai_collection()
    openai.gate.clear()
    searching = asyncio.create_task(api.search(books, query="whale"))
    await openai.until_in_flight(1)
    await rotate(api, await credential_id(api))
    openai.keys = {SECOND_KEY}
    openai.gate.set()
    await searching
    assert [each.key for each in openai.received] == [KEY, SECOND_KEY]


async def test_a_refused_secret_that_nobody_rotated_is_not_repeated(running: Running) -> None:
    books = await running.api.openai_collection()
    running.openai.keys = set()
    refused = await running.api.refusal(SEARCH, id=books, query="whale")
    assert refused.codes == ["EMBEDDING_PROVIDER_CLIENT_ERROR"]
    assert (refused.facts["httpStatus"], refused.facts["credentialName"]) == (401, "main")
    assert len(running.openai.received) == 1


async def test_a_retry_asks_for_the_secret_anew(running: Running) -> None:
    api, openai = running.api, running.openai
    books = await api.openai_collection()
    openai.gate.clear()
    openai.fail(503)
    searching = asyncio.create_task(api.search(books, query="whale"))
    await openai.until_in_flight(1)
    await rotate(api, await credential_id(api))
    openai.gate.set()
    await searching
    assert [each.key for each in openai.received] == [KEY, SECOND_KEY]


async def test_a_retry_finds_that_the_credential_was_removed(running: Running) -> None:
    api, openai = running.api, running.openai
    books = await api.openai_collection()
    openai.gate.clear()
    openai.fail(503)
    searching = asyncio.create_task(api.refusal(SEARCH, id=books, query="whale"))
    await openai.until_in_flight(1)
    await api(REMOVE, id=await credential_id(api), name="main")
    openai.gate.set()
    assert (await searching).codes == ["CREDENTIAL_NOT_FOUND"]
    assert len(openai.received) == 1


async def test_the_last_use_is_written_by_the_sweep(running: Running) -> None:
    identifier = await running.api.credential()
    assert (await credential(running.api, identifier))["lastUsedAt"] is None
    await running.api(TEST, id=identifier)
    await sweep.once(running.gateway)
    used = (await credential(running.api, identifier))["lastUsedAt"]
    assert used is not None
    await sweep.once(running.gateway)
    assert (await credential(running.api, identifier))["lastUsedAt"] == used
