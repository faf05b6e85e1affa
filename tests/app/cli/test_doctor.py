from __future__ import annotations

import json
import re

import asyncpg
import pytest

from providers import PROVIDERS
from providers.base import HttpProvider
from tests.app.cli.support import Call, Ended
from tests.factory import NewDatabase, Running
from tests.fakes.openai import OpenAIFake

AWAY = "postgresql://127.0.0.1:1/away"
NOWHERE = "http://127.0.0.1:1"


def report(ended: Ended) -> dict[str, tuple[str, str]]:
    """What was checked -> its state and the detail."""
    assert ended.err == ""
    rows = re.findall(r"(?m)^│ (.+?) +│ (ok|warning|failed) +│ (.*?) *│$", ended.out)
    return {what: (state, detail) for what, state, detail in rows}


def all_at(url: str) -> str:
    """No provider anywhere but here."""
    return json.dumps({provider.key: url for provider in PROVIDERS if isinstance(provider, HttpProvider)})


@pytest.fixture
def providers(openai: OpenAIFake) -> str:
    return all_at(openai.url)


async def test_a_healthy_deployment_is_all_ok_and_no_key_is_sent_anywhere(
    call: Call, running: Running, providers: str
) -> None:
    await running.api.credential()
    ended = await call("doctor", PROVIDER_URLS=providers)
    found = report(ended)
    assert ended.code == 0
    assert {state for state, _ in found.values()} == {"ok"}
    assert {"settings", "database of the catalogue", "database of region local", "stored secrets"} <= found.keys()
    assert re.fullmatch(r"PostgreSQL \d+\.\d+, pgvector \d+\.\d+\.\d+", found["database of the catalogue"][1])
    assert found["provider openai"][1] == f"{running.openai.url} answers (404)"
    assert {received.key for received in running.openai.received} == {None}


async def test_a_provider_that_cannot_be_reached_is_a_warning(call: Call) -> None:
    ended = await call("doctor", PROVIDER_URLS=all_at(NOWHERE))
    assert ended.code == 0
    state, detail = report(ended)["provider openai"]
    assert state == "warning"
    assert detail.startswith(f"{NOWHERE} cannot be reached (")
    assert "Connect call failed ('127.0.0.1', 1)" in detail


async def test_wrong_settings_are_rows_of_the_report(call: Call) -> None:
    ended = await call("doctor", PORT="hunter2", NONSENSE="hunter2")
    assert ended.code == 1
    assert "hunter2" not in ended.out + ended.err
    assert ended.out.count("failed") == 2
    assert "VECTORGATE_PORT" in ended.out
    assert "VECTORGATE_NONSENSE: is no setting of this version" in ended.out


async def test_a_database_that_is_away_fails_and_the_rest_is_looked_at(call: Call, providers: str) -> None:
    ended = await call("doctor", DATABASE_URL=AWAY, PROVIDER_URLS=providers)
    found = report(ended)
    assert ended.code == 1
    assert found["database of the catalogue"][0] == "failed"
    assert "Connect call failed ('127.0.0.1', 1)" in found["database of the catalogue"][1]
    assert found["stored secrets"] == ("warning", "cannot be looked at")
    assert found["provider openai"][0] == "ok"


async def test_a_database_without_migrations_is_a_warning_and_stays_as_it_is(
    call: Call, new_database: NewDatabase, providers: str
) -> None:
    url = await new_database(template="template0")
    ended = await call("doctor", DATABASE_URL=url, PROVIDER_URLS=providers)
    state, detail = report(ended)["database of the catalogue"]
    assert (ended.code, state) == (0, "warning")
    assert detail.endswith("(run `vectorgate migrate`)")
    assert "pgvector not installed" in detail
    connection = await asyncpg.connect(url)
    assert await connection.fetchval("select count(*) from pg_namespace where nspname like 'vectorgate%'") == 0
    await connection.close()


async def test_a_secret_that_no_key_opens_fails_and_is_named(call: Call, running: Running, providers: str) -> None:
    credential_id = await running.api.credential()
    lost = f"other:{'B' * 43}="
    ended = await call("doctor", PROVIDER_URLS=providers, ENCRYPTION_KEYS=lost)
    assert ended.code == 1
    state, detail = report(ended)["stored secrets"]
    assert state == "failed"
    assert detail == f"the key 'test' is not in the ring, and 1 credential(s) need it: {credential_id}"
