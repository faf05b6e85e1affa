"""What stands around every request: its id, headers, and the one line in the log."""

from __future__ import annotations

from hashlib import sha256

import httpx
import pytest
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs

from app.web.middleware import RequestMiddleware, Shortcut
from tests.app.web.support import error, post
from tests.resolvers.operation.small import SECRET


@pytest.mark.parametrize("given", ["abc", "A-b_9" * 12, "x" * 64])
async def test_a_plain_request_id_is_taken_over(client: httpx.AsyncClient, given: str) -> None:
    client.headers["x-request-id"] = given
    response = await post(client, "{ missing }")
    assert response.headers["x-request-id"] == given
    assert error(response)["extensions"]["requestId"] == given


@pytest.mark.parametrize("given", ["", "x" * 65, "a b", "a\tb", "a.b", "{}", "a\n"])
async def test_any_other_request_id_is_replaced(client: httpx.AsyncClient, given: str) -> None:
    client.headers["x-request-id"] = given
    response = await post(client, "{ missing }")
    made = response.headers["x-request-id"]
    assert len(made) == 36
    assert made[14] == "7"
    assert error(response)["extensions"]["requestId"] == made


async def test_answers_are_neither_stored_nor_sniffed(client: httpx.AsyncClient) -> None:
    headers = (await post(client, "{ echo }")).headers
    assert headers["cache-control"] == "no-store"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"


async def test_other_paths_may_be_stored_and_have_an_id_too(client: httpx.AsyncClient) -> None:
    response = await client.get("/healthz")
    assert response.status_code == 404
    assert "cache-control" not in response.headers
    assert response.headers["x-request-id"]


async def test_a_request_has_one_line_with_operation_and_hash_and_nothing_that_was_sent(
    client: httpx.AsyncClient,
) -> None:
    query = f'query Find($t: String) {{ a: echo(text: $t) b: echo(text: "{SECRET}") }}'
    with capture_logs(processors=[merge_contextvars]) as lines:
        await client.get("/graphql", params={"query": query, "variables": f'{{"t": "{SECRET}"}}'})
    (line,) = lines
    assert SECRET not in str(line)
    assert line.pop("milliseconds") > 0
    assert len(line.pop("request_id")) == 36
    assert line == {
        "event": "request",
        "log_level": "info",
        "method": "GET",
        "path": "/graphql",
        "status": 200,
        "operation": "Find",
        "document": sha256(query.encode()).hexdigest(),
    }


async def test_the_context_of_one_request_is_not_left_to_the_next(client: httpx.AsyncClient) -> None:
    with capture_logs(processors=[merge_contextvars]) as lines:
        await post(client, "query Find { echo }")
        await client.get("/healthz")
    assert [line.get("operation") for line in lines] == ["Find", None]


async def nothing() -> Message:
    raise AssertionError


async def nowhere(_message: Message) -> None:
    raise AssertionError


async def test_a_crash_is_counted_and_passed_on() -> None:
    async def crash(_scope: Scope, _receive: Receive, _send: Send) -> None:
        raise RuntimeError

    scope: Scope = {"type": "http", "method": "GET", "path": "/", "headers": []}
    with capture_logs() as lines, pytest.raises(RuntimeError):
        await RequestMiddleware(crash)(scope, nothing, nowhere)
    assert [(line["event"], line["status"]) for line in lines] == [("request", None)]


@pytest.mark.parametrize(
    ("scope", "taken"),
    [
        ({"type": "http", "path": "/graphql"}, "endpoint"),
        ({"type": "http", "path": "/graphql/stream"}, "routes"),
        ({"type": "http", "path": "/graphql/"}, "routes"),
        ({"type": "websocket", "path": "/graphql"}, "routes"),
        ({"type": "lifespan"}, "routes"),
    ],
)
async def test_one_path_of_http_is_taken_past_the_routes(scope: Scope, taken: str) -> None:
    reached: list[str] = []

    def noting(name: str) -> ASGIApp:
        async def application(_scope: Scope, _receive: Receive, _send: Send) -> None:
            reached.append(name)

        return application

    endpoint = noting("endpoint")
    given = {**scope}
    await Shortcut(noting("routes"), "/graphql", endpoint)(given, nothing, nowhere)
    assert reached == [taken]
    assert given.get("endpoint") == (endpoint if taken == "endpoint" else None)
