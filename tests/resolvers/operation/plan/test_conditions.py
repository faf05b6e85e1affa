"""The variables that decide which fields there are."""

from __future__ import annotations

import pytest
from graphql import FragmentDefinitionNode, OperationDefinitionNode, parse

from resolvers.operation.plan.conditions import conditions


def found(text: str) -> list[str] | None:
    first, *fragments = parse(text, experimental_fragment_arguments="($" in text and "fragment F(" in text).definitions
    assert isinstance(first, OperationDefinitionNode)
    return conditions(first, [each for each in fragments if isinstance(each, FragmentDefinitionNode)])


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("{ a @skip(if: true) }", []),
        (
            "query ($b: Boolean!, $a: Boolean!, $n: Int) { a(n: $n) @skip(if: $b) ... @include(if: $a) { c } }",
            ["a", "b"],
        ),
        ("{ ...F } fragment F on T { a @include(if: $deep) }", ["deep"]),
        ("query @live { a }", None),
        ("{ ... @defer { a } }", None),
        ("{ ...F(x: 1) } fragment F($x: Int) on T { a }", None),
    ],
)
def test_conditions_are_those_of_skip_and_include_and_nothing_else_is_known(text: str, names: list[str] | None) -> None:
    assert found(text) == names
