"""The application's routes: what needs no token, what does, and what all of them say while the database is away."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from app.main import announce
from tests.factory import TOKEN, Run, Running
from tests.fakes.proxy import Proxy, proxied

ROOT = Path(__file__).parents[2]
VIEWER = {"query": "{ organization { name } }"}


@pytest.fixture
async def client(running: Running) -> AsyncIterator[httpx.AsyncClient]:
    """Without a token."""
    async with httpx.AsyncClient(base_url=running.url) as opened:
        yield opened


# --- without a token ---
async def test_a_gateway_is_up_and_ready(client: httpx.AsyncClient) -> None:
    up, ready = await client.get("/healthz"), await client.get("/readyz")
    assert (up.status_code, up.json()) == (200, {"status": "up"})
    assert (ready.status_code, ready.json()) == (200, {"status": "ready"})


async def test_the_schema_is_there_for_code_generators_as_it_is_checked_in(client: httpx.AsyncClient) -> None:
    schema = await client.get("/schema.graphql")
    assert schema.status_code == 200
    assert schema.headers["content-type"] == "text/plain; charset=utf-8"
    assert schema.text == (ROOT / "schema.graphql").read_text()


async def test_a_token_changes_nothing_where_none_is_needed(running: Running) -> None:
    for path in ("/healthz", "/readyz", "/schema.graphql"):
        for token in (TOKEN, "vg_not-a-token"):
            response = await running.api.http.get(path, headers={"authorization": f"Bearer {token}"})
            assert response.status_code == 200


async def test_every_answer_has_a_request_id_and_unknown_paths_are_not_found(client: httpx.AsyncClient) -> None:
    missing = await client.get("/nothing-here", headers={"x-request-id": "mine-1"})
    assert (missing.status_code, missing.headers["x-request-id"]) == (404, "mine-1")
    assert (await client.get("/healthz")).headers["x-request-id"]
    assert (await client.post("/healthz")).status_code == 405


# --- with a token ---
@pytest.mark.parametrize("authorization", [None, "Bearer vg_wrong", f"Basic {TOKEN}", TOKEN, "Bearer", "Bearer é"])
async def test_graphql_needs_a_valid_token(client: httpx.AsyncClient, authorization: str | None) -> None:
    headers = {} if authorization is None else {b"authorization": authorization.encode("latin-1")}
    refused = await client.post("/graphql", json=VIEWER, headers=headers)
    assert refused.status_code == 401
    assert refused.headers["www-authenticate"] == "Bearer"
    (error,) = refused.json()["errors"]
    assert (error["extensions"]["code"], error["extensions"]["retryable"]) == ("UNAUTHENTICATED", False)
    assert error["extensions"]["requestId"] == refused.headers["x-request-id"]


@pytest.mark.parametrize("authorization", [f"Bearer {TOKEN}", f"bearer   {TOKEN}"])
async def test_graphql_answers_with_one(client: httpx.AsyncClient, authorization: str) -> None:
    answered = await client.post("/graphql", json=VIEWER, headers={"authorization": authorization})
    assert (answered.status_code, answered.json()) == (200, {"data": {"organization": {"name": "default"}}})


async def test_settings_reach_the_endpoint(run: Run) -> None:
    strict = await run(max_body_bytes=2000, max_root_fields=1, introspection=False)
    assert (await strict.api.http.post("/graphql", json=VIEWER | {"padding": "x" * 2000})).status_code == 413
    assert (await strict.api.refusal("{ viewer { __typename } organization { name } }")).facts["limit"] == 1
    assert set((await strict.api.refusal("{ __schema { queryType { name } } }")).codes) == {"BAD_INPUT"}


# --- the database ---
@pytest.fixture
async def proxy(database_url: str) -> AsyncIterator[Proxy]:
    async with proxied(database_url) as opened:
        yield opened


async def test_while_the_database_is_away_it_is_told_and_then_all_goes_on(
    run: Run, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.web.health.KEPT_SECONDS", 0)
    running = await run(database_url=proxy.url)
    http = running.api.http
    assert (await running.api("{ organization { name } }"))["organization"]["name"] == "default"
    await proxy.cut()
    assert (await http.get("/healthz")).status_code == 200
    ready = await http.get("/readyz")
    assert (ready.status_code, ready.json()["status"]) == (503, "unavailable")
    assert "cannot be reached" in ready.json()["reason"]
    refused = await http.post("/graphql", json=VIEWER)
    assert refused.status_code == 503
    extensions = refused.json()["errors"][0]["extensions"]
    assert (extensions["code"], extensions["family"], extensions["retryable"]) == (
        "DATABASE_UNAVAILABLE",
        "SERVER",
        True,
    )
    await proxy.mend()
    assert (await http.get("/readyz")).json() == {"status": "ready"}
    assert (await running.api("{ organization { name } }"))["organization"]["name"] == "default"


async def test_a_database_that_lacks_migrations_is_not_ready(running: Running) -> None:
    await running.as_login("delete from vectorgate.migration where name = 'catalogue/0001_catalogue.sql'")
    ready = await running.api.http.get("/readyz")
    assert ready.status_code == 503
    assert ready.json() == {"status": "migrating", "missing": ["catalogue/0001_catalogue.sql"]}
    await running.as_login("drop table vectorgate.migration")
    assert (await running.api.http.get("/readyz")).status_code == 503


async def test_a_statement_that_takes_too_long_is_a_limit_in_seconds(run: Run) -> None:
    running = await run(statement_timeout_seconds=1)
    await running.as_login(
        "create function slow() returns trigger language plpgsql as 'begin perform pg_sleep(10); return new; end'"
    )
    await running.as_login(
        "create trigger slow before insert on vectorgate.database for each row execute function slow()"
    )
    refused = await running.api.refusal('mutation { createDatabase(input: {name: "slow"}) { database { id } } }')
    assert (refused.codes, refused.facts["retryable"], refused.facts["limit"]) == (["LIMIT_EXCEEDED"], True, 1)


# --- the first token ---
async def test_a_changed_bootstrap_token_replaces_the_old_one(run: Run) -> None:
    before = await run()
    after = await run(bootstrap_token="vg_another-token-altogether")
    assert (await before.api.http.post("/graphql", json=VIEWER)).status_code == 401
    headers = {"authorization": "Bearer vg_another-token-altogether"}
    assert (await after.api.http.post("/graphql", json=VIEWER, headers=headers)).status_code == 200


def test_a_generated_token_is_announced_on_stderr_alone(capsys: pytest.CaptureFixture[str]) -> None:
    announce("vg_generated")
    announce(None)
    printed = capsys.readouterr()
    assert (printed.out, printed.err.count("\n"), printed.err.split()[-1]) == ("", 1, "vg_generated")
