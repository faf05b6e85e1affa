"""Credentials over HTTP: adding and trying them (rules 7 to 9)."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
import structlog

from app.secret import Sealed
from tests.factory import KEY, SECOND_KEY, Api, Run, Running
from tests.resolvers.documents import (
    ADD,
    DROP_DATABASE,
    NODE,
    ROTATE,
    TEST,
    credential,
    credential_id,
    external,
    openai,
)

REFUSED_KEY = "sk-revoked-0123456789"


def given(**more: object) -> dict[str, object]:
    return {"provider": "openai", "name": "main", "apiKey": KEY, **more}


async def add(api: Api, **more: object) -> dict[str, Any]:
    added: dict[str, Any] = (await api(ADD, input=given(**more)))["addCredential"]["credential"]
    return added


# --- adding ---
async def test_adding_answers_all_but_the_secret_and_enables_the_provider(api: Api) -> None:
    database_id = await api.database()
    added = await add(api, databaseIds=[database_id])
    assert (added["name"], added["hint"], added["version"]) == ("main", KEY[-4:], 1)
    assert (added["rotatedAt"], added["lastUsedAt"], added["previousVersion"]) == (None, None, None)
    assert added["integration"]["provider"] == {"key": "openai"}
    [scoped] = added["scopedDatabases"]
    assert (scoped["database"], scoped["credential"]) == ({"id": database_id, "name": "library"}, {"name": "main"})
    assert (await api(NODE, id=added["id"]))["node"] == {"id": added["id"], "__typename": "Credential"}
    assert await external(api) == {"openai": ["main"]}


async def test_the_secret_is_sealed_for_its_organization_and_credential(running: Running) -> None:
    await add(running.api)
    [row] = await running.sql("select * from vectorgate.credential")
    assert KEY not in str(dict(row))
    opened = running.gateway.keyring.open(Sealed(row["sealed"]), f"{row['organization_id']}/{row['id']}")
    assert opened == KEY


async def test_several_credentials_have_scopes_of_their_own(api: Api) -> None:
    library, archive = await api.database("library"), await api.database("archive")
    first = await add(api, databaseIds=[library, archive])
    second = await add(api, name="second", apiKey=SECOND_KEY, databaseIds=[archive])
    assert [each["database"]["name"] for each in first["scopedDatabases"]] == ["library", "archive"]
    assert [each["database"]["name"] for each in second["scopedDatabases"]] == ["archive"]
    assert await external(api) == {"openai": ["main", "second"]}


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"name": "-main"}, "BAD_INPUT"),
        ({"name": KEY}, "BAD_INPUT"),
        ({"name": "x" * 51}, "BAD_INPUT"),
        ({"apiKey": "1234567"}, "BAD_INPUT"),
        ({"apiKey": "12345678\n"}, "BAD_INPUT"),
        ({"provider": "local"}, "BAD_INPUT"),
        ({"provider": "astrology"}, "PROVIDER_UNKNOWN"),
        ({"databaseIds": ["nonsense"]}, "NOT_FOUND"),
        ({"idempotencyKey": "x" * 15}, "BAD_INPUT"),
        ({"idempotencyKey": "x" * 256}, "BAD_INPUT"),
        ({"validate": True, "model": "text-embedding-9"}, "MODEL_UNKNOWN"),
        ({"validate": True, "parameters": {"colour": "blue"}}, "INVALID_PROVIDER_PARAMETERS"),
    ],
)
async def test_what_cannot_be_added_is_refused_and_leaves_nothing(
    running: Running, more: dict[str, object], code: str
) -> None:
    refused = await running.api.refusal(ADD, input=given(**more))
    assert refused.codes == [code]
    assert KEY not in str(refused.errors)
    assert await external(running.api) == {}
    assert running.openai.received == []


async def test_eleven_databases_are_too_many_for_one_call(api: Api) -> None:
    databases = [await api.database(f"library_{number}") for number in range(11)]
    refused = await api.refusal(ADD, input=given(databaseIds=databases))
    assert (refused.codes, refused.facts["limit"], refused.facts["actual"]) == (["TOO_MANY_DATABASES"], 10, 11)
    assert await external(api) == {}
    added = await add(api, databaseIds=databases[:10])
    assert len(added["scopedDatabases"]) == 10


async def test_a_name_is_unique_in_its_integration_and_the_first_stays(api: Api) -> None:
    added = await add(api)
    refused = await api.refusal(ADD, input=given(apiKey=SECOND_KEY))
    assert (refused.codes, refused.facts["credentialName"]) == (["ALREADY_EXISTS"], "main")
    assert (await credential(api, added["id"]))["hint"] == KEY[-4:]
    await add(api, name="Main")
    assert await external(api) == {"openai": ["main", "Main"]}


async def test_a_database_that_is_dropped_meanwhile_is_not_found(running: Running) -> None:
    """The transaction that stores the credential looks again, and waits for a drop that is under way."""
    api = running.api
    database_id = await api.database()
    running.openai.gate.clear()
    adding = asyncio.create_task(api.refusal(ADD, input=given(databaseIds=[database_id], validate=True)))
    await running.openai.until_in_flight(1)
    await api(DROP_DATABASE, id=database_id, name="library")
    running.openai.gate.set()
    assert (await adding).codes == ["NOT_FOUND"]
    assert await external(api) == {}


# --- asking the provider first ---
async def test_a_validated_key_is_stored_when_the_provider_accepts_it(running: Running) -> None:
    added = await add(running.api, validate=True, model="text-embedding-3-large", parameters={"projectId": "proj_1"})
    assert added["version"] == 1
    [asked] = running.openai.received
    assert (asked.key, asked.body["model"], len(asked.body["input"])) == (KEY, "text-embedding-3-large", 1)
    assert asked.headers["openai-project"] == "proj_1"


async def test_without_a_model_the_cheapest_is_asked(running: Running) -> None:
    await add(running.api, validate=True)
    assert running.openai.received[0].body["model"] == "text-embedding-3-small"


async def test_a_key_that_the_provider_refuses_is_not_stored(running: Running) -> None:
    refused = await running.api.refusal(ADD, input=given(apiKey=REFUSED_KEY, validate=True))
    assert (refused.codes, refused.facts["provider"]) == (["CREDENTIAL_REJECTED"], "openai")
    assert refused.facts["family"] == "REQUEST"
    assert "Incorrect API key" in refused.facts["providerMessage"]
    assert REFUSED_KEY[:10] not in str(refused.errors)
    assert await external(running.api) == {}


@pytest.mark.parametrize(
    ("status_code", "code"),
    [(500, "EMBEDDING_PROVIDER_SERVER_ERROR"), (404, "EMBEDDING_PROVIDER_CLIENT_ERROR")],
)
async def test_a_provider_that_fails_decides_nothing_and_nothing_is_stored(
    run: Run, status_code: int, code: str
) -> None:
    running = await run(provider_deadline_seconds=1)
    for _ in range(50):
        running.openai.fail(status_code, "out of order")
    refused = await running.api.refusal(ADD, input=given(validate=True))
    assert (refused.codes, refused.facts["family"]) == ([code], "PROVIDER")
    assert refused.facts["httpStatus"] == status_code
    assert await external(running.api) == {}


# --- trying a stored key ---
async def test_a_stored_key_is_tried_where_it_is_used(running: Running) -> None:
    api = running.api
    database_id = await api.database()
    identifier = await api.credential(databases=(database_id,))
    await api.collection(database_id, embedding=openai(model="text-embedding-3-large", dimension=256))
    tried = (await api(TEST, id=identifier))["testCredential"]
    assert (tried["ok"], tried["message"]) == (True, None)
    assert tried["latencyMs"] > 0
    assert running.openai.received[-1].body["model"] == "text-embedding-3-large"
    tried = (await api(TEST, id=identifier, model="text-embedding-3-small"))["testCredential"]
    assert (tried["ok"], running.openai.received[-1].body["model"]) == (True, "text-embedding-3-small")


async def test_a_refused_key_is_an_answer_and_a_failing_provider_an_error(running: Running) -> None:
    identifier = await running.api.credential(key=REFUSED_KEY)
    tried = (await running.api(TEST, id=identifier))["testCredential"]
    assert (tried["ok"], tried["latencyMs"]) == (False, None)
    assert "Incorrect API key" in tried["message"]
    assert REFUSED_KEY[:10] not in tried["message"]

    running.openai.fail(429, "your quota is used up", "insufficient_quota")
    failed = await running.api.refusal(TEST, id=identifier)
    assert (failed.codes, failed.facts["retryable"]) == (["EMBEDDING_PROVIDER_RATE_LIMITED"], False)
    logged = "select outcome, details from vectorgate.audit_event where action = 'test_credential' order by id"
    outcomes = await running.sql(logged)
    assert [tuple(row) for row in outcomes] == [
        ("done", {"ok": False}),
        ("EMBEDDING_PROVIDER_RATE_LIMITED", {"count": 1}),
    ]


async def test_a_key_whose_only_use_has_a_model_that_ended_is_tried_with_another_model(
    run: Run, running: Running, tmp_path: Path
) -> None:
    await running.api.openai_collection()
    ended = tmp_path / "models.toml"
    ended.write_text('[[provider.openai.models]]\nname = "text-embedding-3-small"\nstatus = "END_OF_LIFE"\n')
    later = await run(models_file=ended)
    tried = (await later.api(TEST, id=await credential_id(later.api)))["testCredential"]
    assert tried["ok"]
    assert later.openai.received[-1].body["model"] == "text-embedding-3-large"


@pytest.mark.parametrize(("model_status", "codes"), [("DEPRECATED", []), ("END_OF_LIFE", ["END_OF_LIFE_MODEL"])])
async def test_a_deprecated_model_is_good_enough_to_try_a_key_with_and_one_that_ended_is_not(
    run: Run, tmp_path: Path, model_status: str, codes: list[str]
) -> None:
    names = ("text-embedding-3-small", "text-embedding-3-large", "text-embedding-ada-002")
    entries = [f'[[provider.openai.models]]\nname = "{name}"\nstatus = "{model_status}"' for name in names]
    (tmp_path / "models.toml").write_text("\n".join(entries))
    running = await run(models_file=tmp_path / "models.toml")
    answer = (await running.api.post(ADD, {"input": given(validate=True)})).json()
    assert [error["extensions"]["code"] for error in answer.get("errors", ())] == codes
    assert await external(running.api) == ({} if codes else {"openai": ["main"]})


async def test_a_secret_that_no_key_of_the_ring_opens_says_so(run: Run, running: Running) -> None:
    identifier = await running.api.credential()
    other = await run(encryption_keys="other:" + "A" * 43 + "=")
    refused = await other.api.refusal(TEST, id=identifier)
    assert refused.codes == ["INTERNAL"]
    assert "no key 'test' in the ring" in refused.errors[0]["message"]


async def test_no_log_line_holds_a_secret(running: Running) -> None:
    api, secrets = running.api, (KEY, SECOND_KEY, REFUSED_KEY)
    with structlog.testing.capture_logs() as logged:
        added = await add(api, validate=True)
        await api.refusal(ADD, input=given(apiKey=REFUSED_KEY, name="second", validate=True))
        await api.refusal(ADD, input=given(name=KEY))
        await api.refusal(ADD, input=given(provider=KEY))
        await api.refusal(ADD, input=given(validate=True, model=SECOND_KEY, name="third"))
        await api(ROTATE, input={"credentialId": added["id"], "apiKey": SECOND_KEY})
        await api(TEST, id=added["id"])
    assert len(logged) >= 7
    assert not [secret for secret in secrets if secret[3:] in str(logged)]
