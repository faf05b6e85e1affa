"""The budget of variables: what counts as a value, what counts by its size, and that a refusal is not paid for by its length."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import pytest
from graphql import GraphQLInputType, parse_type, type_from_ast

from app.errors import LimitExceeded
from resolvers.operation.budget import LARGEST_SMALL, MOST_VALUES, check_values
from resolvers.operation.execution import core_schema
from tests.resolvers.operation.small import SCHEMA

CORE = core_schema(SCHEMA)
FIELDS = 9
"""Of AddCredentialInput."""


def typed(name: str) -> GraphQLInputType:
    return cast("GraphQLInputType", type_from_ast(CORE, parse_type(name)))


def check(type_: str, value: object, given: int = 1) -> None:
    check_values([(value, typed(type_))], given)


def passes_and_no_more(type_: str, most: object, more: object) -> None:
    check(type_, most)
    with pytest.raises(LimitExceeded) as caught:
        check(type_, more)
    assert caught.value.facts == {"limit": MOST_VALUES, "actual": MOST_VALUES + 1}


def test_a_list_counts_its_items() -> None:
    passes_and_no_more("[ID!]!", ["x"] * (MOST_VALUES - 1), ["x"] * MOST_VALUES)


def test_lists_in_lists_count_both() -> None:
    passes_and_no_more("[[Int]]", [[1] * (MOST_VALUES - 2)], [[1] * (MOST_VALUES - 1)])
    passes_and_no_more("[[Int]]", [[]] * (MOST_VALUES - 1), [[]] * MOST_VALUES)


def test_an_input_object_counts_the_fields_of_its_type_and_the_lists_in_them() -> None:
    most = MOST_VALUES - 1 - FIELDS
    passes_and_no_more("AddCredentialInput!", {"labels": ["x"] * most}, {"labels": ["x"] * (most + 1)})
    check("[AddCredentialInput!]", [{}] * (MOST_VALUES // (FIELDS + 1) - 1))
    with pytest.raises(LimitExceeded):
        check("[AddCredentialInput!]", [{}] * (MOST_VALUES // (FIELDS + 1) + 1))


def test_fields_that_the_type_does_not_have_count_too() -> None:
    passes_and_no_more(
        "AddCredentialInput!",
        dict.fromkeys(map(str, range(MOST_VALUES - 1)), 1),
        dict.fromkeys(map(str, range(MOST_VALUES)), 1),
    )


def test_json_is_one_value_however_large() -> None:
    check("AddCredentialInput!", {"parameters": {"vector": [0.5] * 100_000}})
    check("String!", "x" * 1_000_000)


@pytest.mark.parametrize(
    ("type_", "item"), [("Metric", "x"), ("Int", "1"), ("Metric", [0]), ("ID", [0]), ("String", [0])]
)
def test_what_is_too_large_for_its_type_counts_by_its_size(type_: str, item: Any) -> None:  # noqa: ANN401 - str or list
    passes_and_no_more(type_, item * (MOST_VALUES - 1), item * MOST_VALUES)
    small = [item * LARGEST_SMALL] * (MOST_VALUES - 1)
    check(f"[{type_}]", small)


def test_variables_that_the_operation_does_not_declare_count() -> None:
    check_values([], MOST_VALUES)
    with pytest.raises(LimitExceeded):
        check_values([], MOST_VALUES + 1)


def test_what_fits_no_type_is_left_to_coercion() -> None:
    check("AddCredentialInput!", "text")
    check("AddCredentialInput!", None)
    check("[[Int]]", 1)


class Unread(list[object]):
    """A list that tells how long it is, and fails whoever looks at its items."""

    def __len__(self) -> int:
        return 5_000_000

    def __iter__(self) -> Iterator[object]:
        raise AssertionError("the items were looked at")


@pytest.mark.parametrize("type_", ["[ID!]", "[[Int]]", "[AddCredentialInput]"])
def test_a_list_beyond_the_budget_is_refused_by_its_length_alone(type_: str) -> None:
    with pytest.raises(LimitExceeded) as caught:
        check(type_, Unread())
    assert caught.value.facts["actual"] == 5_000_001


def test_a_value_as_deep_as_json_may_be_is_counted_without_recursion() -> None:
    value: dict[str, object] = {}
    for _ in range(1_000):
        value = {"parent": value}
    check("AddCredentialInput", value)
