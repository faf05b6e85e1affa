"""Input values: what is wrong with them is told by path and type, and no value is ever quoted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import pytest
from graphql import GraphQLError, GraphQLSyntaxError, OperationDefinitionNode, VariableValues, parse
from hypothesis import given
from hypothesis import strategies as st

from app.errors import BadInput, LimitExceeded
from app.web.message import MAX_NESTING as MAX_JSON_NESTING
from resolvers.operation.budget import MOST_VALUES
from resolvers.operation.coercion import MAX_FAULTS, coerce_variables, quiet_syntax_message
from resolvers.operation.document import DocumentCache, PreparedDocument, RefusedDocument
from resolvers.operation.execution import core_schema
from resolvers.operation.limits import RequestLimits
from tests.resolvers.operation.small import SCHEMA, SECRET

CORE = core_schema(SCHEMA)
CACHE = DocumentCache(CORE, RequestLimits())
ADD = "mutation ($input: AddCredentialInput!) { addCredential(input: $input) }"
GOOD = {"provider": "openai", "name": "main", "apiKey": SECRET}


def coerced(text: str, variables: Mapping[str, object]) -> VariableValues | list[GraphQLError]:
    document = CACHE.prepare(text)
    assert isinstance(document, PreparedDocument), document.errors
    return coerce_variables(CORE, document.operation(None).node, variables)


def _operation(text: str) -> OperationDefinitionNode:
    (operation,) = parse(text).definitions
    assert isinstance(operation, OperationDefinitionNode)
    return operation


def accepted(text: str, variables: Mapping[str, object]) -> dict[str, Any]:
    values = coerced(text, variables)
    assert isinstance(values, VariableValues), values
    return values.coerced


def faults(text: str, variables: Mapping[str, object]) -> list[str]:
    errors = coerced(text, variables)
    assert isinstance(errors, list)
    assert all(isinstance(error.original_error, BadInput) and error.locations for error in errors)
    return [error.message for error in errors]


def literal_faults(text: str) -> list[str]:
    document = CACHE.prepare(text)
    assert isinstance(document, RefusedDocument)
    assert all(isinstance(error.original_error, BadInput) for error in document.errors)
    return [error.message for error in document.errors]


def test_good_variables_are_coerced_with_their_defaults() -> None:
    values = accepted(ADD, {"input": GOOD})
    assert values["input"]["apiKey"] == SECRET
    assert values["input"]["labels"] == []
    assert accepted('query ($text: String = "x") { echo(text: $text) }', {}) == {"text": "x"}


def test_a_number_for_a_key_is_told_by_path_and_type() -> None:
    assert faults(ADD, {"input": GOOD | {"apiKey": 123456789012}}) == [
        'Variable $input: "input.apiKey" must be String!, and is a number.'
    ]


def test_a_missing_field_does_not_quote_the_fields_beside_it() -> None:
    assert faults(ADD, {"input": {"provider": "openai", "apiKey": SECRET}}) == [
        'Variable $input: "input.name" (String!) is missing.'
    ]


def test_a_missing_variable_and_a_null_one_are_told_apart() -> None:
    assert faults(ADD, {}) == ['Variable $input: "input" (AddCredentialInput!) is missing.']
    assert faults(ADD, {"input": None}) == ['Variable $input: "input" must be AddCredentialInput!, and is null.']
    assert faults(ADD, {"input": SECRET}) == ['Variable $input: "input" must be AddCredentialInput!, and is a string.']


def test_unknown_fields_are_named_only_when_they_cannot_be_a_key() -> None:
    assert faults(ADD, {"input": GOOD | {"apikey": "x"}}) == ['Variable $input: "input" has no field apikey.']
    for name in (SECRET, "a" * 31, "8f31403dfe404bcc", ""):
        assert faults(ADD, {"input": GOOD | {name: "x"}}) == [
            'Variable $input: "input" has a field that AddCredentialInput does not have.'
        ]


def test_places_in_lists_and_in_objects_are_shown() -> None:
    assert faults(ADD, {"input": GOOD | {"labels": ["a", 7], "parent": {"provider": "p", "name": "n"}}}) == [
        'Variable $input: "input.labels[1]" must be String!, and is a number.',
        'Variable $input: "input.parent.apiKey" (String!) is missing.',
    ]


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("metric", SECRET, "must be Metric! (COSINE, EUCLIDEAN), and is none of these"),
        ("metric", 1, "must be Metric! (COSINE, EUCLIDEAN), and is a number"),
        ("metric", None, "must be Metric!, and is null"),
        ("size", 2**40, "must be Int (a whole number of 32 bits), and is a number of another form"),
        ("size", 10**30, "must be Int (a whole number of 32 bits), and is a number of another form"),
        ("size", 1.5, "must be Int (a whole number of 32 bits), and is a number of another form"),
        ("size", SECRET, "must be Int (a whole number of 32 bits), and is a string"),
        ("size", True, "must be Int (a whole number of 32 bits), and is a boolean"),
        ("name", {"text": SECRET}, "must be String!, and is an object"),
        ("name", [SECRET], "must be String!, and is a list"),
        ("expiresAt", SECRET, "must be Moment, and is a string of another form"),
        ("parameters", [SECRET], "is refused: Expected a JSON object"),
    ],
)
def test_each_kind_of_misfit_has_its_words(field: str, value: object, words: str) -> None:
    assert faults(ADD, {"input": GOOD | {field: value}}) == [f'Variable $input: "input.{field}" {words}.']


def test_the_facts_of_a_scalars_own_refusal_are_kept() -> None:
    errors = coerced(ADD, {"input": GOOD | {"parameters": 1}})
    assert isinstance(errors, list)
    assert cast("BadInput", errors[0].original_error).facts == {"limit": 1}


def test_one_of_inputs_want_exactly_one_field() -> None:
    text = "query ($choice: Choice!) { echo(choice: $choice) }"
    accepted(text, {"choice": {"text": "a"}})
    for choice in ({"text": SECRET, "number": 1}, {}, {"text": None}):
        assert faults(text, {"choice": choice}) == [
            'Variable $choice: "choice" must have exactly one field, and that one not null.'
        ]


def test_faults_without_end_are_cut_off() -> None:
    assert len(faults(ADD, {"input": GOOD | {"labels": [1] * 1000}})) == MAX_FAULTS


def test_faults_of_many_variables_are_cut_off_as_one() -> None:
    declared = ", ".join(f"$t{number}: String!" for number in range(30))
    used = " ".join(f"...@include(if: true) {{ echo(text: $t{number}) }}" for number in range(30))
    text = f"query ({declared}) {{ who {used} }}"
    many = coerce_variables(CORE, _operation(text), {})
    assert isinstance(many, list)
    assert len(many) == MAX_FAULTS


def test_more_values_than_the_budget_are_refused_before_they_are_coerced() -> None:
    text = "query ($ids: [ID!]!) { nodes(ids: $ids) { name } }"
    assert len(accepted(text, {"ids": ["x"] * (MOST_VALUES - 1)})["ids"]) == MOST_VALUES - 1
    with pytest.raises(LimitExceeded) as caught:
        coerced(text, {"ids": [[]] * MOST_VALUES})
    assert caught.value.facts == {"limit": MOST_VALUES, "actual": MOST_VALUES + 1}


def test_typed_input_nested_without_end_is_refused() -> None:
    value: dict[str, object] = dict(GOOD)
    for _ in range(400):
        value = GOOD | {"parent": value}
    assert "nested too deeply" in faults(ADD, {"input": value})[0]


@pytest.mark.parametrize("field", ["name", "size", "metric", "expiresAt", "labels"])
def test_a_value_as_deep_as_json_may_be_is_a_misfit_like_any_other(field: str) -> None:
    value: object = 1
    for _ in range(MAX_JSON_NESTING):
        value = {"a": value}
    [fault] = faults(ADD, {"input": GOOD | {field: value}})
    assert f'"input.{field}" must be ' in fault
    assert "and is an object" in fault


@pytest.mark.parametrize(
    ("text", "words"), [("a\x00b", "holds a NUL character"), ("a\ud800b", "holds half of a surrogate pair")]
)
def test_text_that_postgresql_cannot_store_is_refused_by_path(text: str, words: str) -> None:
    assert faults(ADD, {"input": GOOD | {"name": text}}) == [f'Variable $input: "input.name" {words}.']
    assert faults(ADD, {"input": GOOD | {"labels": ["fine", text]}}) == [f'Variable $input: "input.labels[1]" {words}.']
    assert faults("query ($id: ID) { echo(id: $id) }", {"id": text}) == [f'Variable $id: "id" {words}.']


def test_json_scalars_pass_untouched_whatever_characters_they_hold() -> None:
    document = {"a\x00": ["\ud800", {"deep": "\x00"}]}
    assert accepted("query ($d: JSONObject!) { item(document: $d) }", {"d": document}) == {"d": document}
    assert accepted(ADD, {"input": GOOD | {"name": "grüße 🏊"}})["input"]["name"] == "grüße 🏊"


@pytest.mark.parametrize(
    ("argument", "words"),
    [
        (f'provider: "p", apiKey: "{SECRET}"', '"input.name" (String!) is missing'),
        ('provider: "p", name: "n", apiKey: 918273645', '"input.apiKey" must be String!, and is a number'),
        (
            f'provider: "p", name: "n", apiKey: {SECRET.replace("-", "_")}',
            '"input.apiKey" must be String!, and is a bare word',
        ),
        (f'provider: "p", name: null, apiKey: "{SECRET}"', '"input.name" must be String!, and is null'),
        (f'provider: "p", name: "n", apiKey: ["{SECRET}"]', '"input.apiKey" must be String!, and is a list'),
        (f'provider: "p", name: "n", apiKey: {{ k: "{SECRET}" }}', '"input.apiKey" must be String!, and is an object'),
        (
            f'provider: "p", name: "n", apiKey: "k", metric: "{SECRET}"',
            '"input.metric" must be Metric! (COSINE, EUCLIDEAN), and is a string',
        ),
        (
            f'provider: "p", name: "n", apiKey: "k", expiresAt: "{SECRET}"',
            '"input.expiresAt" must be Moment, and is a string of another form',
        ),
        (
            f'provider: "p", name: "n", apiKey: "k", parameters: "{SECRET}"',
            '"input.parameters" is refused: Expected a JSON object',
        ),
        (f'provider: "p", name: "n", key: "{SECRET}", apiKey: "k"', '"input" has no field key'),
        ('provider: "p", name: "n\\u0000", apiKey: "k"', '"input.name" holds a NUL character'),
    ],
)
def test_literals_are_told_by_path_and_type(argument: str, words: str) -> None:
    assert literal_faults(f"mutation {{ addCredential(input: {{ {argument} }}) }}") == [f"Argument input: {words}."]


def test_a_whole_input_of_the_wrong_type_is_not_quoted() -> None:
    assert literal_faults(f'mutation {{ addCredential(input: "{SECRET}") }}') == [
        'Argument input: "input" must be AddCredentialInput!, and is a string.'
    ]


def test_defaults_of_variables_and_arguments_of_directives_are_not_quoted() -> None:
    assert literal_faults(
        f'query ($n: Int = "{SECRET}") {{ organization {{ databases(first: $n) {{ nodes {{ name }} }} }} }}'
    ) == ['Default of variable $n: "n" must be Int (a whole number of 32 bits), and is a string.']
    assert literal_faults(f'{{ echo @skip(if: "{SECRET}") }}') == [
        'Argument if: "if" must be Boolean!, and is a string.'
    ]


def test_variables_inside_literals_are_left_to_their_own_check() -> None:
    text = 'mutation ($key: String!) { addCredential(input: { provider: "p", name: "n", apiKey: $key }) }'
    assert faults(text, {"key": 5}) == ['Variable $key: "key" must be String!, and is a number.']
    assert accepted(text, {"key": SECRET}) == {"key": SECRET}


def test_a_json_literal_is_passed_on() -> None:
    assert isinstance(CACHE.prepare('{ item(document: { a: "\\u0000", b: [1] }) }'), PreparedDocument)


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.just(SECRET),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*GOOD, "labels", "parent", SECRET]), inner)
    ),
    max_leaves=8,
)


@given(JUNK)
def test_no_input_whatever_gets_its_secret_quoted(value: object) -> None:
    found = coerced(ADD, {"input": value})
    if isinstance(found, list):
        assert found
        assert all(SECRET not in error.message for error in found)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "Unexpected <EOF>"),
        ("{ echo", "Expected Name, found <EOF>"),
        ("{ echo(text: }", "Unexpected '}'"),
        (f'{{ echo "{SECRET}" }}', "Expected Name, found String"),
        (f'{{ echo """{SECRET}""" }}', "Expected Name, found BlockString"),
        (f"{{ echo }} {SECRET}", "Unexpected Name"),
        ("{ echo 81726354 }", "Expected Name, found Int"),
        (f"{{ echo(text: {SECRET}) }}", "Invalid number"),
        (f'{{ echo(text: "{SECRET}', "Unterminated string"),
        (f"{{ echo(text: '{SECRET}') }}", "Unexpected single quote character"),
        ('{ echo(text: "\\ud83d") }', "Invalid Unicode escape sequence"),
        ('{ echo(text: "\\q") }', "Invalid character escape sequence"),
        ("{ echo(text: §) }", "Unexpected character"),
        ("query ($a: String = $b) { echo }", "Unexpected variable"),
        ("{ echo .5 }", "Invalid number"),
        ("{ .. }", "Unexpected '..'"),
        ("{ a" * 250, "Document is nested too deeply"),
    ],
)
def test_syntax_errors_say_what_was_expected_and_quote_nothing(text: str, words: str) -> None:
    with pytest.raises(GraphQLSyntaxError) as caught:
        parse(text)
    assert quiet_syntax_message(caught.value) == f"Syntax error: {words}."


PIECES = [*"{}()[]:$!@|&=.'\\ \n-0159ens_", '"', '"""', "query", "fragment", SECRET, f'"{SECRET}']


@given(st.lists(st.sampled_from(PIECES), max_size=12))
def test_no_syntax_error_quotes_a_secret(pieces: list[str]) -> None:
    document = DocumentCache(CORE, RequestLimits()).prepare("".join(pieces))
    errors = document.errors if isinstance(document, RefusedDocument) else ()
    assert all(SECRET[8:16] not in error.message for error in errors)
