"""Validation in one pass: the same verdicts as graphql-core's own, and no more of them than are asked for."""

from __future__ import annotations

import pytest
from graphql import DocumentNode, GraphQLError, NoUnusedFragmentsRule, get_introspection_query, parse, validate
from graphql.validation.validate import ValidationAbortedError

from resolvers.operation.document import validation_rules
from resolvers.operation.execution import core_schema
from resolvers.operation.validation import validated
from tests.resolvers.operation.small import SCHEMA
from tests.resolvers.operation.test_limits import spreading

CORE = core_schema(SCHEMA)
RULES = validation_rules(introspection=True)
DOCUMENTS = [
    "{ echo }",
    "{ nothing echo(text: 1) echo(txt: 2) }",
    '{ echo(text: "a", text: "b") }',
    "query A { echo } query A { echo } query ($n: Int, $n: Int) { echo }",
    "query ($unused: Int, $text: Int) { echo(text: $text) who }",
    "query ($text: String) { ...A } fragment A on Query { echo(text: $text) b: echo(text: $other) }",
    "{ ...A } fragment A on Query { ...B } fragment B on Query { ...A } fragment C on Nothing { x }",
    "{ ...A ...Missing } fragment A on Organization { name } fragment A on Query { echo }",
    "{ organization { name @include(if: true) @include(if: false) @boom id: databases { nodes { name } } } }",
    "{ organization { databases(first: 1) { nodes { name } } databases(first: 2) { nodes { name } } } }",
    "{ organization echo { x } }",
    '{ echo(choice: {text: "a", number: 1}) }',
    'mutation { addCredential(input: {provider: "a", provider: "b", nothing: 1, metric: BOO, labels: [1, "x"]}) }',
    "mutation ($input: AddCredentialInput) { addCredential(input: $input) }",
    (
        "mutation ($key: String, $labels: [String]) "
        '{ addCredential(input: {provider: "a", name: "b", apiKey: $key, labels: $labels}) }'
    ),
    "subscription { one two }",
    "query ($n: Int = {a: 1}, $o: Organization) @skip(if: true) { echo }",
    "type T { a: Int } { echo }",
    get_introspection_query(),
    "{ __schema { types { fields { type { fields { type { fields { type { fields { name } } } } } } } } } }",
    spreading(20, "echo"),
]


def told(errors: list[GraphQLError]) -> list[tuple[str, object]]:
    return [(error.message, error.locations) for error in errors]


def ours(document: DocumentNode, *, most: int = 100, hide_suggestions: bool = False) -> list[GraphQLError]:
    return validated(CORE, document, RULES, most=most, hide_suggestions=hide_suggestions)


@pytest.mark.parametrize("text", DOCUMENTS)
@pytest.mark.parametrize("hidden", [False, True])
def test_it_finds_what_graphql_core_finds_in_the_same_order(text: str, *, hidden: bool) -> None:
    document = parse(text)
    expected = validate(CORE, document, RULES, hide_suggestions=hidden)
    assert told(ours(document, hide_suggestions=hidden)) == told(expected)


def test_it_stops_where_enough_is_wrong() -> None:
    document = parse("{ " + " ".join(f"nothing{number}" for number in range(50)) + " }")
    errors = ours(document, most=3)
    assert [isinstance(error, ValidationAbortedError) for error in errors] == [False, False, False, True]
    assert [error.message for error in errors[:3]] == [
        f"Cannot query field 'nothing{number}' on type 'Query'." for number in range(3)
    ]


def test_fragments_that_nest_deeper_than_rules_recurse_end_it() -> None:
    (error,) = ours(parse(spreading(600, "echo")))
    assert isinstance(error, ValidationAbortedError)
    assert error.__context__ is None
    assert error.__traceback__ is None


def test_only_the_given_rules_are_asked() -> None:
    document = parse("{ nothing } fragment A on Query { echo }")
    (error,) = validated(CORE, document, [NoUnusedFragmentsRule], most=5, hide_suggestions=True)
    assert error.message == "Fragment 'A' is never used."
