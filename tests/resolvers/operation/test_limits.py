"""Limits: what is counted, through what, and how a refusal says so."""

from __future__ import annotations

import pytest
from graphql import get_introspection_query

from app.errors import LimitExceeded
from resolvers.operation.document import DocumentCache, PreparedDocument, PreparedOperation
from resolvers.operation.execution import core_schema
from resolvers.operation.limits import LARGEST_EXACT, LIST_SIZE, OperationSize, RequestLimits
from tests.resolvers.operation.small import SCHEMA

LIMITS = RequestLimits()
COUNTED = DocumentCache(core_schema(SCHEMA), RequestLimits(max_aliases=2**200, max_root_fields=2**200))


def operation(text: str) -> PreparedOperation:
    document = COUNTED.prepare(text)
    assert isinstance(document, PreparedDocument), document.errors
    return document.operation(None)


def size(text: str) -> OperationSize:
    return operation(text).size


def refused(text: str) -> LimitExceeded:
    with pytest.raises(LimitExceeded) as caught:
        LIMITS.check(size(text))
    return caught.value


def spreading(levels: int, leaf: str) -> str:
    """A document in which each fragment spreads the next one twice: 2^levels leaves in linear text."""
    links = [f"fragment F{n} on Query {{ ...F{n + 1} ...F{n + 1} }}" for n in range(levels)]
    return " ".join(["{ ...F0 }", *links, f"fragment F{levels} on Query {{ {leaf} }}"])


def nested(pairs: int) -> str:
    """`organization` with `databases { nodes { owner` below it again and again: 3 levels a pair, and two more."""
    return "{ organization " + "{ databases(first: 1) { nodes { owner " * pairs + "{ name }" + " } } }" * pairs + " }"


def test_depth_counts_fields_and_neither_fragments_nor_inline_fragments() -> None:
    assert size("{ organization { databases { nodes { name } } } }").depth == 4
    assert size("{ ... { ... on Query { organization { ... { name } } } } }").depth == 2
    assert size("{ ...A } fragment A on Query { organization { ...B } } fragment B on Organization { name }").depth == 2


def test_twelve_levels_pass_and_more_are_refused_with_limit_and_actual() -> None:
    LIMITS.check(size(nested(3)))
    refusal = refused(nested(4))
    assert refusal.facts == {"limit": 12, "actual": 14}
    assert "MAX_DEPTH" in refusal.message


def test_aliases_are_counted_through_every_spread() -> None:
    document = "{ ...A ...A x: echo } fragment A on Query { a: echo b: echo }"
    assert size(document).aliases == 5
    assert size("{ ... { a: echo } organization { n: name } }").aliases == 2


def test_thirty_aliases_pass_and_thirty_one_are_refused() -> None:
    def aliased(count: int) -> str:
        return "{ organization { " + " ".join(f"a{n}: name" for n in range(count)) + " } }"

    LIMITS.check(size(aliased(30)))
    refusal = refused(aliased(31))
    assert refusal.facts == {"limit": 30, "actual": 31}
    assert "MAX_ALIASES" in refusal.message


def test_root_fields_are_counted_through_fragments() -> None:
    assert size("{ echo ...A ... { missing } } fragment A on Query { who crash }").root_fields == 4
    refusal = refused("{ " + "__typename " * 21 + "}")
    assert refusal.facts == {"limit": 20, "actual": 21}
    assert "MAX_ROOT_FIELDS" in refusal.message


def test_lists_multiply_by_first_where_it_is_a_literal() -> None:
    # organization, databases, and 7 times a node with its name
    assert size("{ organization { databases(first: 7) { nodes { name } } } }").cost == 2 + 7 * 2


def test_lists_multiply_by_the_default_of_first() -> None:
    assert size("{ organization { databases { nodes { name } } } }").cost == 2 + 50 * 2


def test_connections_multiply_by_each_other() -> None:
    inner = "collections(first: 3) { nodes { count } }"
    assert size(f"{{ organization {{ databases(first: 2) {{ edges {{ node {{ {inner} }} }} }} }} }}").cost == (
        2 + 2 * (1 + 1 + 1 + 3 * 2)
    )


def test_lists_of_unknown_size_and_asked_ids_have_their_own() -> None:
    assert size("{ organization { tags { count } } }").cost == 1 + LIST_SIZE * 2
    assert size('{ nodes(ids: ["a", "b", "c"]) { name } }').cost == 3 * 2


def test_a_variable_counts_with_the_value_that_came() -> None:
    found = operation(
        "query ($n: Int = 4, $ids: [ID!]!) { organization { ...A } nodes(ids: $ids) { name } } "
        "fragment A on Organization { databases(first: $n) { nodes { name } } }"
    )
    assert found.size.sized_by == ("ids", "n")
    assert found.size_with({"n": 4, "ids": ["a"] * 3}).cost == (2 + 4 * 2) + 3 * 2
    assert found.size_with({"n": 400, "ids": []}).cost == 2 + 400 * 2


def test_a_page_beyond_the_largest_counts_as_the_largest_for_the_field_refuses_it_itself() -> None:
    assert size("{ organization { databases(first: 2000000000) { nodes { name } } } }").cost == 2 + 500 * 2
    assert size("{ organization { databases(first: -5) { nodes { name } } } }").cost == 2


def test_a_costly_operation_is_refused_by_what_its_variables_say() -> None:
    found = operation(
        "query ($n: Int!) { organization { databases(first: $n) { nodes { "
        "collections(first: $n) { nodes { name } } } } } }"
    )
    LIMITS.check(found.size_with({"n": 50}))
    with pytest.raises(LimitExceeded, match="MAX_COST") as caught:
        LIMITS.check(found.size_with({"n": 500}))
    assert caught.value.facts == {"limit": 50_000, "actual": 2 + 500 * (1 + 1 + 500 * 2)}


def test_a_fragment_bomb_is_counted_whole_without_being_unfolded() -> None:
    # Unfolded, it would not end.
    found = size(spreading(90, "a: echo"))
    assert found.aliases == found.root_fields == 2**90


def test_a_fragment_bomb_is_refused_with_a_number_that_json_can_hold() -> None:
    assert refused(spreading(90, "a: echo")).facts == {"limit": 30, "actual": LARGEST_EXACT}


def test_directives_count_as_tokens_only() -> None:
    plain, directed = size("{ echo }"), size("{ echo @include(if: true) @skip(if: false) }")
    assert plain == directed


def test_the_standard_introspection_query_passes_the_default_limits() -> None:
    document = get_introspection_query(
        descriptions=True,
        specified_by_url=True,
        directive_is_repeatable=True,
        schema_description=True,
        input_value_deprecation=True,
    )
    LIMITS.check(size(document))
    assert size(document).introspection_depth == 15
    assert size(document).depth == 0


def test_introspection_has_a_depth_limit_of_its_own() -> None:
    document = "{ __schema { types { ofType " + "{ ofType " * 23 + "{ name }" + " }" * 25 + " }"
    refusal = refused(document)
    assert refusal.facts == {"limit": 25, "actual": 27}
    assert "introspection" in refusal.message


@pytest.mark.parametrize(
    "document",
    [
        nested(4).replace("{ organization", "{ __schema: organization", 1),
        nested(4).replace("{ organization", "{ __type: organization", 1),
        "{ ...__schema } fragment __schema on Query " + nested(4),
    ],
    ids=["alias __schema", "alias __type", "fragment __schema"],
)
def test_an_alias_or_a_fragment_called_like_introspection_is_no_introspection(document: str) -> None:
    assert refused(document).facts == {"limit": 12, "actual": 14}
