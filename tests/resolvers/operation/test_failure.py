"""Errors of an answer: what they carry, what they keep to themselves, and what is logged."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from typing import Any

import pytest
import strawberry
from graphql import ExecutionResult, GraphQLError, execute_sync, get_variable_values, located_error, parse, validate
from graphql.language import OperationDefinitionNode
from strawberry.exceptions import StrawberryInputCoercionError
from structlog.testing import capture_logs

from app.errors import EmbeddingProviderTimeout, Internal, NotFound
from resolvers.operation.execution import core_schema
from resolvers.operation.failure import INTERNAL, MISFIT, answer_errors, answer_failure
from tests.resolvers.operation.small import SCHEMA, SECRET

CORE = core_schema(SCHEMA)
Lines = list[MutableMapping[str, Any]]


@pytest.fixture
def lines() -> Iterator[Lines]:
    with capture_logs() as captured:
        yield captured


def executed(text: str, /, **variables: object) -> list[GraphQLError]:
    result = execute_sync(CORE, parse(text), variable_values=variables)
    assert isinstance(result, ExecutionResult)
    return list(result.errors or ())


def test_a_refusal_answers_its_code_family_facts_and_the_request_id(lines: Lines) -> None:
    (error,) = answer_errors(executed("{ a: missing }"), "r1")
    assert error == {
        "message": "There is no such thing.",
        "locations": [{"line": 1, "column": 3}],
        "path": ["a"],
        "extensions": {
            "code": "NOT_FOUND",
            "family": "REQUEST",
            "retryable": False,
            "database": "d1",
            "requestId": "r1",
        },
    }
    assert lines == [{"event": "refused", "code": "NOT_FOUND", "path": ["a"], "log_level": "info"}]


def test_retryable_comes_from_the_error_itself() -> None:
    errors = answer_errors([located_error(EmbeddingProviderTimeout("Too slow.", retryable=False), None, ["a"])], "r1")
    assert errors[0]["extensions"] == {
        "code": "EMBEDDING_PROVIDER_TIMEOUT",
        "family": "PROVIDER",
        "retryable": False,
        "requestId": "r1",
    }


def test_a_crash_answers_nothing_of_its_own_and_is_logged_with_its_exception(lines: Lines) -> None:
    (error,) = answer_errors(executed("{ crash }"), "r1")
    assert error["message"] == INTERNAL
    assert error["path"] == ["crash"]
    assert error["extensions"] == {"code": "INTERNAL", "family": "SERVER", "retryable": False, "requestId": "r1"}
    (line,) = lines
    assert line["log_level"] == "error"
    assert isinstance(line["exc_info"], ValueError)


def test_one_cause_of_many_errors_is_logged_once(lines: Lines) -> None:
    cause = RuntimeError("the database is upset")
    errors = answer_errors([located_error(cause, None, [name]) for name in "abc"], "r1")
    assert [error["path"] for error in errors] == [["a"], ["b"], ["c"]]
    assert len(lines) == 1


def test_refusals_of_one_code_are_logged_once_too(lines: Lines) -> None:
    assert len(answer_errors(executed("{ a: missing b: missing c: missing }"), "r1")) == 3
    assert len(lines) == 1


def test_an_internal_error_raised_as_such_is_logged_with_its_exception_too(lines: Lines) -> None:
    answer_errors([located_error(Internal("The key ring is empty."), None, ["a"])], "r1")
    assert lines[0]["log_level"] == "error"
    assert isinstance(lines[0]["exc_info"], Internal)


def test_a_value_that_a_field_cannot_answer_is_internal_and_not_quoted() -> None:
    (error,) = answer_errors(executed("{ overflow }"), "r1")
    assert error["message"] == INTERNAL


def test_null_where_none_may_be_is_internal() -> None:
    @strawberry.type
    class Query:
        @strawberry.field
        def never(self) -> str:
            return None  # type: ignore[return-value]  # the fault that is tested

    result = execute_sync(core_schema(strawberry.Schema(Query)), parse("{ never }"))
    assert isinstance(result, ExecutionResult)
    assert [error["message"] for error in answer_errors(result.errors or (), "r1")] == [INTERNAL]


def test_arguments_that_fail_while_executing_are_bad_input_and_not_quoted() -> None:
    errors = executed(f'query ($text: String) {{ item(document: {{ key: "{SECRET}" }}, at: [$text]) }}', text=SECRET)
    (error,) = answer_errors(errors, "r1")
    assert error["message"] == MISFIT
    assert error["path"] == ["item"]
    assert "BAD_INPUT" in str(error)


def test_strawberrys_own_coercion_errors_are_bad_input_and_not_quoted() -> None:
    error = located_error(StrawberryInputCoercionError(f'Value cannot represent a GlobalID: "{SECRET}".'), None, ["a"])
    (answered,) = answer_errors([error], "r1")
    assert answered["message"] == MISFIT
    assert "BAD_INPUT" in str(answered)


def test_a_scalars_own_refusal_is_shown_also_while_executing() -> None:
    (error,) = answer_errors(executed("query ($d: JSONObject!) { item(document: [$d]) }", d={}), "r1")
    assert error["message"] == "Expected a JSON object."


def test_bare_errors_of_graphql_core_are_bad_input() -> None:
    validation = validate(CORE, parse("{ nothing }"))
    (error,) = answer_errors(validation, "r1")
    assert error["message"] == validation[0].message
    assert error["locations"] == [{"line": 1, "column": 3}]
    assert error["extensions"] == {"code": "BAD_INPUT", "family": "REQUEST", "retryable": False, "requestId": "r1"}


def test_bare_syntax_and_variable_errors_are_not_quoted() -> None:
    with pytest.raises(GraphQLError) as syntax:
        parse(f'{{ echo "{SECRET}" }}')
    operation = parse("query ($n: Int!) { echo }").definitions[0]
    assert isinstance(operation, OperationDefinitionNode)
    variables = get_variable_values(CORE, operation.variable_definitions or (), {"n": SECRET})
    assert isinstance(variables, list)
    for error in answer_errors([syntax.value, *variables], "r1"):
        assert SECRET not in str(error)
        assert "BAD_INPUT" in str(error)


def test_a_failure_of_the_whole_request_has_neither_path_nor_place(lines: Lines) -> None:
    assert set(answer_failure(NotFound("Gone."), "r1")) == {"message", "extensions"}
    assert answer_failure(ValueError(SECRET), "r1")["message"] == INTERNAL
    assert [line["log_level"] for line in lines] == ["info", "error"]
