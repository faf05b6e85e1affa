"""The defence at the edge, as clients meet it: rates, origins and headers of a gateway that is being served."""

from __future__ import annotations

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.typing import Origin

from tests.factory import TOKEN, Api, Run, Running
from tests.socket_client import socket

VIEWER = {"query": "{ viewer { permissions } }"}
APP = "https://app.example"
PREFLIGHT = {"access-control-request-method": "POST", "access-control-request-headers": "authorization,content-type"}


async def post(api: Api, **headers: str) -> httpx.Response:
    return await api.http.post("/graphql", json=VIEWER, headers=headers)


# --- rates ---
async def test_one_request_too_many_of_a_token_is_429_and_other_tokens_go_on(run: Run) -> None:
    running = await run(rate_limit_per_token=3)
    other = await running.api.with_token("Read-Only User")
    assert [(await post(running.api)).status_code for _ in range(2)] == [200, 200]
    running.statements.clear()
    refused = await post(running.api)
    error = refused.json()["errors"][0]["extensions"]
    assert (refused.status_code, error["code"], error["retryable"], error["limit"]) == (429, "RATE_LIMITED", True, 3)
    assert refused.headers["retry-after"] == str(error["retryAfterSeconds"])
    assert 0 < error["retryAfterSeconds"] <= 120
    assert not any("secret_hash" in each for each in running.statements.seen)
    async with other:
        assert (await post(other)).status_code == 200


async def test_failed_attempts_use_up_an_address_before_any_statement(run: Run) -> None:
    running = await run(rate_limit_per_address=4)
    guesses = [await post(running.api, authorization=f"Bearer vg_guess-{number}") for number in range(4)]
    assert {each.status_code for each in guesses} == {401}
    running.statements.clear()
    refused = [await post(running.api), await post(running.api, authorization="Bearer vg_guess-5")]
    assert [each.status_code for each in refused] == [429, 429]
    assert not any("secret_hash" in each for each in running.statements.seen)
    assert (await running.api.http.get("/healthz")).status_code == 200


async def test_behind_a_proxy_on_this_machine_the_address_is_the_client_s(run: Run) -> None:
    running = await run(rate_limit_per_address=1)
    for client, status in (("192.0.2.1", 200), ("192.0.2.1", 429), ("192.0.2.2", 200)):
        assert (await post(running.api, **{"x-forwarded-for": client})).status_code == status


async def test_operations_on_a_socket_count_and_the_socket_stays(run: Run) -> None:
    running = await run(rate_limit_per_token=2)
    async with socket(running.url) as client:
        await client.init()
        assert await client.answered("1", VIEWER["query"])
        await client.ask("2", VIEWER["query"])
        error = (await client.refused("2"))["extensions"]
        assert (error["code"], error["limit"]) == ("RATE_LIMITED", 2)
        await client.say("ping")
        assert await client.heard() == {"type": "pong"}
    stream = await running.api.http.post("/graphql/stream", json=VIEWER)
    assert (stream.status_code, stream.headers["retry-after"] > "0") == (429, True)
    async with socket(running.url) as client:
        await client.say("connection_init", payload={"token": TOKEN})
        code, reason = await client.closed()
        assert (code, reason.startswith("RATE_LIMIT_PER_TOKEN")) == (1013, True)


# --- other origins ---
async def test_without_configuration_no_origin_is_answered_with_a_header_of_cors(running: Running) -> None:
    http = running.api.http
    for origin in (APP, "null"):
        preflight = await http.options("/graphql", headers={"origin": origin, **PREFLIGHT})
        assert preflight.status_code == 405
        answers = [preflight, await post(running.api, origin=origin)]
        assert not [name for each in answers for name in each.headers if name.startswith("access-control")]
    assert (await post(running.api, origin=APP)).status_code == 200


async def test_pages_of_configured_origins_may_ask_and_read(run: Run) -> None:
    running = await run(cors_origins=f"{APP}, http://localhost:3000")
    http = running.api.http
    for path in ("/graphql", "/graphql/stream"):
        preflight = await http.options(path, headers={"origin": APP, **PREFLIGHT, "authorization": ""})
        assert preflight.status_code == 200
        assert preflight.headers["access-control-allow-origin"] == APP
        assert "authorization" in preflight.headers["access-control-allow-headers"].lower()
    for answer in (await post(running.api, origin=APP), await post(running.api, origin=APP, authorization="Bearer no")):
        assert answer.headers["access-control-allow-origin"] == APP
        assert answer.headers["vary"].lower() == "origin"
        assert "retry-after" in answer.headers["access-control-expose-headers"]
        assert "access-control-allow-credentials" not in answer.headers
    stranger = await http.options("/graphql", headers={"origin": "https://evil.example", **PREFLIGHT})
    assert stranger.status_code == 400
    assert "access-control-allow-origin" not in stranger.headers
    assert "access-control-allow-origin" not in (await post(running.api, origin="https://evil.example")).headers


async def test_what_clients_and_tracers_add_by_themselves_passes_the_preflight(run: Run) -> None:
    running = await run(cors_origins=APP)
    added = "authorization, content-type, apollographql-client-name, traceparent, baggage, sentry-trace"
    asking = {"access-control-request-method": "POST", "access-control-request-headers": added}
    assert (await running.api.http.options("/graphql", headers={"origin": APP, **asking})).status_code == 200
    link = await running.api.http.get(
        "/graphql", params={"query": "{ viewer { roles } }"}, headers={"traceparent": "00"}
    )
    assert link.status_code == 200  # by its authorization, which only a page that may ask can add
    asking["access-control-request-headers"] = "x-of-its-own"
    assert (await running.api.http.options("/graphql", headers={"origin": APP, **asking})).status_code == 400


async def test_any_origin_never_comes_with_credentials(run: Run) -> None:
    running = await run(cors_origins="*")
    preflight = await running.api.http.options("/graphql", headers={"origin": APP, **PREFLIGHT})
    for answer in (preflight, await post(running.api, origin=APP, cookie="a=b")):
        assert answer.headers["access-control-allow-origin"] == "*"
        assert "access-control-allow-credentials" not in answer.headers


async def test_sockets_of_strangers_pages_are_refused_at_the_handshake(run: Run) -> None:
    running = await run(cors_origins=APP)
    for origin in (None, Origin(APP), Origin(running.url)):
        async with socket(running.url, origin=origin) as client:
            await client.init()
    for stranger in ("https://evil.example", "null", f"{APP}.evil.example"):
        with pytest.raises(InvalidStatus) as refused:
            async with socket(running.url, origin=Origin(stranger)):
                pass
        assert refused.value.response.status_code == 403


@pytest.mark.parametrize("media", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
async def test_what_a_form_of_another_site_can_send_is_not_taken(running: Running, media: str) -> None:
    for path in ("/graphql", "/graphql/stream"):
        body = b'{"query": "{ viewer { permissions } }"}'
        refused = await running.api.http.post(path, content=body, headers={"content-type": media})
        assert refused.status_code == 415
        assert refused.json()["errors"][0]["extensions"]["code"] == "BAD_INPUT"
    async with httpx.AsyncClient(base_url=running.url) as browser:
        link = await browser.get("/graphql", params={"query": "{ viewer { permissions } }"})
    assert link.status_code == 401


# --- headers ---
async def test_every_answer_hardens_browsers_also_when_it_is_a_refusal_or_a_fault(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    http = running.api.http
    answers = [await http.get(path) for path in ("/healthz", "/readyz", "/schema.graphql", "/nothing-here")]
    answers += [await post(running.api), await post(running.api, authorization="Bearer no")]
    answers += [
        await http.delete("/graphql"),
        await http.post("/healthz"),
        await http.post("/graphql/stream", json=VIEWER),
    ]

    async def fault(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr("app.web.health.KEPT_SECONDS", 0)
    monkeypatch.setattr("app.web.health.migration.pending", fault)
    answers.append(await http.get("/readyz"))
    assert {each.status_code for each in answers} == {200, 401, 404, 405, 500}
    for answer in answers:
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["x-request-id"]
        stored = not answer.request.url.path.startswith("/graphql")
        assert answer.headers.get("cache-control") == (None if stored else "no-store")
