"""The endpoint: what each request is answered with, and who may ask."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
from starlette.types import Message

from app.errors import DatabaseUnavailable, GatewayError, PermissionDenied, RateLimited, Unauthenticated
from app.web.message import GRAPHQL_JSON, JSON
from tests.app.web.support import LIMIT, Doorkeeper, code, error, exchange, gateway, post, post_raw
from tests.fakes.serving import serve
from tests.resolvers.operation.small import SECRET

ECHO = "query ($t: String) { echo(text: $t) }"
ITEM = "query ($d: JSONObject!) { item(document: $d) }"


@pytest.mark.parametrize(
    "query",
    [
        "{",
        "{ nothing }",
        "query A { echo } query B { echo }",
        "query ($t: String!) { echo(text: $t) }",
        "subscription { ticks }",
        "{ " + "__typename " * 21 + "}",
    ],
    ids=["parse", "validate", "operation", "variables", "subscription", "limit"],
)
async def test_what_is_not_run_is_400_under_the_new_media_type_and_200_under_the_old(
    client: httpx.AsyncClient, query: str
) -> None:
    new, old = await post(client, query, GRAPHQL_JSON), await post(client, query, JSON)
    assert (new.status_code, old.status_code) == (400, 200)
    assert new.json()["errors"][0]["message"] == old.json()["errors"][0]["message"]
    assert "data" not in new.json()


@pytest.mark.parametrize("accept", [JSON, GRAPHQL_JSON])
async def test_errors_of_fields_come_with_data_and_200(client: httpx.AsyncClient, accept: str) -> None:
    response = await post(client, '{ missing echo(text: "x") }', accept)
    assert response.status_code == 200
    assert response.json()["data"] == {"missing": None, "echo": "x"}
    assert error(response)["path"] == ["missing"]
    assert error(response)["extensions"] == {
        "code": "NOT_FOUND",
        "family": "REQUEST",
        "retryable": False,
        "database": "d1",
        "requestId": response.headers["x-request-id"],
    }


@pytest.mark.parametrize("accept", [JSON, GRAPHQL_JSON])
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b'{ "not a JSON',
        b"\xff\xfe",
        b"[]",
        b'[{"query": "{ echo }"}]',
        b'"{ echo }"',
        b"{}",
        b'{"query": null}',
        b'{"query": 5}',
        b'{"query": ["{ echo }"]}',
        b'{"query": "{ echo }", "variables": []}',
        b'{"query": "{ echo }", "variables": "{}"}',
        b'{"query": "{ echo }", "operationName": 5}',
        b'{"query": "{ echo }", "extensions": "x"}',
        b'{"query": "{ echo }", "variables": {"n": NaN}}',
        b'{"query": "{ echo }", "variables": {"n": -Infinity}}',
        b'{"query": "{ echo }", "variables": {"n": 1e999}}',
        b'{"query": "{ echo }", "variables": {"n": ' + b"9" * 5000 + b"}}",
        b'{"query": "{ echo }", "variables": {"n": ' + b"[" * 5000 + b"]" * 5000 + b"}}",
        b'{"query": "{ echo }", "variables": {"n": ' + b"[" * 5000,
    ],
)
async def test_malformed_requests_are_400_whatever_is_accepted(
    client: httpx.AsyncClient, body: bytes, accept: str
) -> None:
    headers = {"content-type": JSON, "accept": accept}
    response = await client.post("/graphql", content=body, headers=headers)
    assert response.status_code == 400
    assert code(response) == "BAD_INPUT"


async def test_batches_are_refused_in_words_that_help(client: httpx.AsyncClient) -> None:
    response = await post_raw(client, '[{"query": "{ echo }"}, {"query": "{ echo }"}]')
    assert "Batches are not accepted" in error(response)["message"]


async def test_null_parameters_count_as_left_out(client: httpx.AsyncClient) -> None:
    response = await post(client, '{ echo(text: "x") }', variables=None, operationName=None, extensions=None, id="1")
    assert response.json() == {"data": {"echo": "x"}}


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "HEAD"])
async def test_other_methods_are_not_allowed(client: httpx.AsyncClient, method: str) -> None:
    response = await client.request(method, "/graphql")
    assert response.status_code == 405
    assert response.headers["allow"] == "POST, GET"


async def test_queries_may_come_by_get(client: httpx.AsyncClient) -> None:
    parameters = {"query": f"query A {{ missing }} {ECHO.replace('query', 'query B')}", "operationName": "B"}
    response = await client.get("/graphql", params={**parameters, "variables": '{"t": "x"}', "extensions": "{}"})
    assert response.json() == {"data": {"echo": "x"}}


async def test_mutations_do_not_come_by_get(client: httpx.AsyncClient, doorkeeper: Doorkeeper) -> None:
    for accept in (JSON, GRAPHQL_JSON):
        response = await client.get("/graphql", params={"query": "mutation { slow }"}, headers={"accept": accept})
        assert response.status_code == 405
        assert response.headers["allow"] == "POST"
        assert code(response) == "BAD_INPUT"
    assert not doorkeeper.context.begun.is_set()


@pytest.mark.parametrize(
    "parameters", [{}, {"query": "{ echo }", "variables": "{"}, {"query": "{ echo }", "variables": "[]"}]
)
async def test_malformed_query_strings_are_400(client: httpx.AsyncClient, parameters: dict[str, str]) -> None:
    response = await client.get("/graphql", params=parameters)
    assert response.status_code == 400


async def test_a_get_that_any_page_could_send_is_refused(client: httpx.AsyncClient) -> None:
    del client.headers["authorization"]
    response = await client.get("/graphql", params={"query": "{ echo }"})
    assert response.status_code == 400
    assert "authorization" in error(response)["message"]
    prefetched = await client.get("/graphql", params={"query": "{ echo }"}, headers={"x-requested-with": "a"})
    assert prefetched.status_code == 200


@pytest.mark.parametrize(
    ("refusal", "status", "headers"),
    [
        (Unauthenticated("No token."), 401, {"www-authenticate": "Bearer"}),
        (PermissionDenied("Not here."), 403, {}),
        (RateLimited("Slow down.", retryAfterSeconds=2.1), 429, {"retry-after": "3"}),
        (RateLimited("Slow down."), 429, {"retry-after": "60"}),
        (DatabaseUnavailable("PostgreSQL is gone."), 503, {}),
    ],
)
async def test_a_refusal_at_the_door_has_its_status(
    client: httpx.AsyncClient, doorkeeper: Doorkeeper, refusal: GatewayError, status: int, headers: dict[str, str]
) -> None:
    doorkeeper.refusal = refusal
    for accept in (JSON, GRAPHQL_JSON):
        response = await post(client, "{ echo }", accept)
        assert response.status_code == status
        assert code(response) == refusal.code
        assert "data" not in response.json()
        assert {name: response.headers[name] for name in headers} == headers


async def test_a_limited_rate_is_told_by_its_code(client: httpx.AsyncClient, doorkeeper: Doorkeeper) -> None:
    doorkeeper.refusal = RateLimited("Slow down.")
    response = await post(client, "{ echo }")
    assert code(response) == "RATE_LIMITED"
    assert error(response)["extensions"]["retryable"] is True


async def test_the_doorkeeper_is_told_who_asks(client: httpx.AsyncClient, doorkeeper: Doorkeeper) -> None:
    response = await post(client, "query Q { who }")
    assert doorkeeper.seen == [("Bearer t", "127.0.0.1", response.headers["x-request-id"])]
    assert response.json()["data"]["who"].startswith("tester Q")


async def test_a_crash_at_the_door_is_answered_without_its_words(
    client: httpx.AsyncClient, doorkeeper: Doorkeeper
) -> None:
    doorkeeper.refusal = ValueError(SECRET)
    response = await post(client, "{ echo }")
    assert response.status_code == 500
    assert code(response) == "INTERNAL"
    assert SECRET not in response.text


async def test_a_body_that_declares_too_much_is_not_read(doorkeeper: Doorkeeper) -> None:
    sent = await exchange(doorkeeper, [], {"content-length": str(LIMIT + 1)})
    assert sent.status == 413
    assert sent.error["extensions"]["code"] == "LIMIT_EXCEEDED"
    assert (sent.error["extensions"]["limit"], sent.error["extensions"]["actual"]) == (LIMIT, LIMIT + 1)
    assert sent.received == 0


async def test_a_chunked_body_is_read_no_further_than_the_limit(doorkeeper: Doorkeeper) -> None:
    chunk: Message = {"type": "http.request", "body": b" " * (LIMIT // 4), "more_body": True}
    sent = await exchange(doorkeeper, [chunk] * 100, {})
    assert sent.status == 413
    assert sent.error["extensions"]["limit"] == LIMIT
    assert sent.received == 5


async def test_over_a_socket_the_refusal_of_a_large_body_reaches_its_sender(doorkeeper: Doorkeeper) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(200):
            yield b" " * LIMIT

    async with serve(gateway(doorkeeper)) as url, httpx.AsyncClient(headers={"content-type": JSON}) as client:
        for content in (chunks(), b" " * (200 * LIMIT)):
            response = await client.post(f"{url}/graphql", content=content)
            assert response.status_code == 413
        assert (await client.post(f"{url}/graphql", json={"query": "{ echo }"})).status_code == 200


async def test_a_body_of_just_the_limit_is_read(client: httpx.AsyncClient) -> None:
    body = b'{"query": "{ echo }"}'
    assert (await post_raw(client, body + b" " * (LIMIT - len(body)))).status_code == 200
    assert (await post_raw(client, body + b" " * (LIMIT - len(body) + 1))).status_code == 413


async def test_who_is_not_let_in_gets_no_body_read(doorkeeper: Doorkeeper) -> None:
    doorkeeper.refusal = Unauthenticated("No token.")
    sent = await exchange(doorkeeper, [{"type": "http.request", "body": b"{", "more_body": True}], {})
    assert (sent.status, sent.received) == (401, 0)


async def test_no_answer_quotes_a_secret_that_stands_in_the_wrong_place(client: httpx.AsyncClient) -> None:
    mutation = "mutation ($input: AddCredentialInput!) { addCredential(input: $input) }"
    responses = [
        await post(client, mutation, variables={"input": {"provider": "openai", "apiKey": SECRET}}),
        await post(
            client, mutation, variables={"input": {"provider": "openai", "name": [SECRET], "apiKey": 918273645546}}
        ),
        await post(client, f'mutation {{ addCredential(input: {{ provider: "openai", apiKey: "{SECRET}" }}) }}'),
        await post(
            client, f'mutation {{ addCredential(input: {{ provider: "openai", name: "n" apiKey: {SECRET} }}) }}'
        ),
        await post(client, f'mutation {{ addCredential(input: {{ apiKey: "{SECRET}" "{SECRET}" }}) }}'),
        await post(client, mutation, variables=SECRET),
        await post(client, "{ crash }"),
    ]
    for response in responses:
        assert response.json()["errors"]
        assert SECRET[8:16] not in response.text
        assert "918273645" not in response.text
