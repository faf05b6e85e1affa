"""From request to answer, without a transport."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest
from graphql import ExecutionResult, GraphQLSchema, OperationType
from structlog.contextvars import clear_contextvars, get_contextvars

from resolvers.operation.execution import Answer, Executor, GraphQLRequest, Ready
from resolvers.operation.limits import RequestLimits
from tests.resolvers.operation.small import SCHEMA, SECRET, Context

EXECUTOR = Executor(SCHEMA, RequestLimits())
QUERIES = frozenset((OperationType.QUERY,))


async def answer(
    text: str, variables: Mapping[str, object] | None = None, name: str | None = None, executor: Executor = EXECUTOR
) -> Answer:
    return await executor.execute(GraphQLRequest(text, name, variables or {}), Context(), "r1")


def codes(found: Answer) -> list[object]:
    return [error["extensions"]["code"] for error in found.errors]


async def test_fields_connections_and_fragments_are_answered() -> None:
    found = await answer(
        """
        query Tree($n: Int!) { organization { name databases(first: $n) { nodes { ...D } edges { cursor } } } }
        fragment D on Database { name collections(first: 1) { nodes { count } } }
    """,
        {"n": 2},
    )
    assert found.errors == []
    assert found.status == 200
    assert found.body == {
        "data": {
            "organization": {
                "name": "acme",
                "databases": {
                    "nodes": [{"name": f"d{n}", "collections": {"nodes": [{"count": 0}]}} for n in range(2)],
                    "edges": [{"cursor": "d0"}, {"cursor": "d1"}],
                },
            }
        }
    }


async def test_resolvers_get_strawberrys_info() -> None:
    found = await answer(
        "query Who($a: Int, $b: Int = 2) { who @include(if: true) x: organization { ...F } } "
        "fragment F on Organization { tags { count } databases(first: $a) { nodes { "
        "collections(first: $b) { nodes { count } } } } }",
        {"a": 0},
    )
    assert found.data is not None
    assert found.data["who"] == "tester Who {'a': 0, 'b': 2} who ['SelectedField']"


async def test_a_refused_field_is_null_beside_its_siblings() -> None:
    found = await answer('{ missing echo(text: "x") }')
    assert found.executed
    assert found.status == 200
    assert found.data == {"missing": None, "echo": "x"}
    assert codes(found) == ["NOT_FOUND"]
    assert list(found.body) == ["errors", "data"]


async def test_a_refused_field_that_cannot_be_null_nulls_the_data() -> None:
    found = await answer("{ fatal }")
    assert found.executed
    assert found.body["data"] is None
    assert found.status == 200


@pytest.mark.parametrize(
    ("text", "variables", "name", "code"),
    [
        ("{ echo", {}, None, "BAD_INPUT"),
        ("{ nothing }", {}, None, "BAD_INPUT"),
        ("query A { echo } query B { echo }", {}, None, "BAD_INPUT"),
        ("query A { echo }", {}, "B", "BAD_INPUT"),
        ("query ($n: Int!) { echo }", {"n": 1}, None, "BAD_INPUT"),
        ("query ($t: String) { echo(text: $t) }", {"t": 5}, None, "BAD_INPUT"),
        ("subscription { ticks }", {}, None, "BAD_INPUT"),
        ("{ " + "__typename " * 21 + "}", {}, None, "LIMIT_EXCEEDED"),
        (
            "query ($n:Int!) {organization{databases(first: $n) { nodes { collections(first: $n){nodes{name}}}}}}",
            {"n": 500},
            None,
            "LIMIT_EXCEEDED",
        ),
        ("{ " + "echo " * 5000 + "}", {}, None, "LIMIT_EXCEEDED"),
    ],
)
async def test_what_cannot_be_run_is_refused_without_data(
    text: str, variables: dict[str, object], name: str | None, code: str
) -> None:
    found = await answer(text, variables, name)
    assert codes(found) == [code]
    assert "data" not in found.body
    assert (found.status, found.json_status) == (400, 200)


async def test_limits_count_only_what_is_run() -> None:
    text = "query Small { echo } query Large { " + "__typename " * 21 + "}"
    assert not (await answer(text, name="Small")).errors
    assert codes(await answer(text, name="Large")) == ["LIMIT_EXCEEDED"]


async def test_mutations_run_serially_and_only_where_they_may() -> None:
    context = Context()
    text = """mutation ($a: AddCredentialInput!, $b: AddCredentialInput!) {
        a: addCredential(input: $a) b: addCredential(input: $b)
    }"""
    given = {name: {"provider": "p", "name": name, "apiKey": SECRET} for name in "ab"}
    found = await EXECUTOR.execute(GraphQLRequest(text, None, given), context, "r1")
    assert found.data == {"a": "a", "b": "b"}
    assert context.calls == ["a", "b"]
    refused = EXECUTOR.prepare(GraphQLRequest(text, None, given), "r1", QUERIES)
    assert isinstance(refused, Answer)
    assert (refused.status, refused.json_status) == (405, 405)


async def test_subscriptions_are_for_transports_of_events() -> None:
    ready = EXECUTOR.prepare(GraphQLRequest("subscription { ticks }"), "r1", frozenset((OperationType.SUBSCRIPTION,)))
    assert isinstance(ready, Ready)
    found = await answer("subscription { ticks }")
    assert "WebSocket" in str(found.errors[0]["message"])


async def test_the_log_context_has_operation_and_hash_and_nothing_else_of_the_request() -> None:
    clear_contextvars()
    text = f'query Find($t: String) {{ a: echo(text: $t) b: echo(text: "{SECRET}") }}'
    await answer(text, {"t": SECRET})
    document = EXECUTOR.documents.prepare(text)
    assert get_contextvars() == {"operation": "Find", "document": document.hash}
    clear_contextvars()


async def test_another_runner_can_take_over() -> None:
    seen: list[object] = []

    async def runner(schema: GraphQLSchema, ready: Ready, context: object) -> ExecutionResult:
        seen.extend((schema is EXECUTOR.schema, ready.operation.name, ready.variables.coerced))
        assert isinstance(context, Context)
        return ExecutionResult({"planned": True})

    found = await answer(
        'query Q($t: String = "x") { echo(text: $t) }', executor=Executor(SCHEMA, RequestLimits(), runner=runner)
    )
    assert found.data == {"planned": True}
    assert seen[1:] == ["Q", {"t": "x"}]


async def test_cancelling_the_caller_cancels_the_resolvers() -> None:
    context = Context()
    task = asyncio.create_task(EXECUTOR.execute(GraphQLRequest("{ slow }"), context, "r1"))
    await context.begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert context.calls == ["query cancelled"]


def test_a_request_prints_neither_document_nor_variables() -> None:
    request: Any = GraphQLRequest(SECRET, "Q", {"key": SECRET})
    assert SECRET not in repr(request)
