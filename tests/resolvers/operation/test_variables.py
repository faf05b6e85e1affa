"""Variables whose types were looked up before are coerced as all are."""

from __future__ import annotations

from typing import Any

import pytest
from graphql import GraphQLError, OperationDefinitionNode, VariableValues, build_schema, parse

from resolvers.operation.coercion import coerce_variables
from resolvers.operation.variables import Variables

SCHEMA = build_schema("type Query { a(i: ID, s: String, n: Int, l: [ID]): Int }")
TEXTS = "query ($i: ID!, $s: String) { a(i: $i, s: $s) }"
GIVEN: list[tuple[str, dict[str, object]]] = [
    (TEXTS, {"i": "one", "s": "zwei"}),
    (TEXTS, {"s": "ü€\U0001f600", "i": ""}),
    (TEXTS, {"i": "one", "s": None}),
    (TEXTS, {"i": "one"}),
    (TEXTS, {"i": 7, "s": "two"}),
    (TEXTS, {"i": True, "s": "two"}),
    (TEXTS, {"i": "one", "s": "two", "undeclared": "three"}),
    (TEXTS, {"i": "one", "s": "\0"}),
    (TEXTS, {"i": "ü\ud800", "s": "two"}),
    (TEXTS, {"s": "two"}),
    (TEXTS, {"i": ["one"], "s": "two"}),
    ('query ($s: String = "default") { a(s: $s) }', {}),
    ('query ($s: String = "default") { a(s: $s) }', {"s": "given"}),
    ("query ($i: ID, $n: Int) { a(i: $i, n: $n) }", {"i": "one", "n": 1}),
    ("query ($l: [ID]) { a(l: $l) }", {"l": "one"}),
    ("{ a }", {}),
    ("{ a }", {"undeclared": "one"}),
]


def told(outcome: VariableValues | list[GraphQLError]) -> Any:  # noqa: ANN401 - of two forms
    if isinstance(outcome, list):
        return [each.message for each in outcome]
    sources = {name: (str(each.signature.type), each.value) for name, each in outcome.sources.items()}
    return list(outcome.coerced.items()), sources


@pytest.mark.parametrize(("document", "raw"), GIVEN)
def test_they_are_coerced_as_all_are(document: str, raw: dict[str, object]) -> None:
    (operation,) = parse(document).definitions
    assert isinstance(operation, OperationDefinitionNode)
    variables = Variables(SCHEMA, operation)
    for _ in range(2):
        assert told(variables.coerced(raw)) == told(coerce_variables(SCHEMA, operation, raw))
