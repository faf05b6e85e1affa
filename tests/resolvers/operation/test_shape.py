"""The first look at a document: what it counts, and that it looks at each selection once."""

from __future__ import annotations

import pytest
from graphql import FragmentDefinitionNode, OperationDefinitionNode, parse

from app.errors import LimitExceeded
from resolvers.operation.document import DocumentCache, RefusedDocument
from resolvers.operation.execution import core_schema
from resolvers.operation.limits import RequestLimits
from resolvers.operation.shape import Bulk, Look, Shape, bulk, shapes
from tests.resolvers.operation.small import SCHEMA


def looked(document: str) -> tuple[Shape, int]:
    """The shape of the only operation, and how many selections were looked at for it."""
    definitions = parse(document).definitions
    look = Look({each.name.value: each for each in definitions if isinstance(each, FragmentDefinitionNode)})
    (operation,) = (each for each in definitions if isinstance(each, OperationDefinitionNode))
    return look.selection_set(operation.selection_set), look.selections


def doubling(levels: int) -> str:
    links = [f"fragment F{n} on Query {{ ...F{n + 1} ... {{ ...F{n + 1} }} }}" for n in range(levels)]
    return " ".join(["{ ...F0 }", *links, f"fragment F{levels} on Query {{ a: echo }}"])


def test_aliases_count_at_every_depth_and_fields_at_the_root() -> None:
    assert looked("{ a: x { b: y { c } } ... { d: z } }") == (Shape(aliases=3, fields=2), 5)
    assert looked("{ ...A ...A } fragment A on Q { a: x { b: y } z }")[0] == Shape(aliases=4, fields=4)


@pytest.mark.parametrize("levels", [10, 20, 40, 80])
def test_what_doubles_at_every_level_is_looked_at_in_linear_time(levels: int) -> None:
    shape, looks = looked(doubling(levels))
    assert shape == Shape(2**levels, 2**levels)
    assert looks == 3 * levels + 2


def test_what_is_no_valid_document_counts_for_nothing() -> None:
    assert looked("{ ...Missing }")[0] == Shape()
    assert looked("{ ...A } fragment A on Q { a: x ...A ...B } fragment B on Q { b: y ...A }")[0] == Shape(2, 2)
    chain = " ".join(f"fragment F{n} on Q {{ ...F{n + 1} }}" for n in range(5_000))
    assert looked(f"{{ ...F0 }} {chain}")[0] == Shape()


def test_a_document_is_refused_before_validation_when_all_of_its_operations_are_too_large() -> None:
    cache = DocumentCache(core_schema(SCHEMA), RequestLimits(max_aliases=1))
    large = "{ a: nothing b: nothing c: nothing }"
    refused = cache.prepare(f"query A {large} query B {large}")
    assert isinstance(refused, RefusedDocument)
    (error,) = refused.errors
    assert isinstance(error.original_error, LimitExceeded)
    assert error.original_error.facts == {"limit": 1, "actual": 3}
    other = cache.prepare(f"query A {large} query B {{ nothing }}")
    assert isinstance(other, RefusedDocument)
    assert "Cannot query field" in other.errors[0].message


def test_every_operation_has_a_shape() -> None:
    assert shapes(parse("query A { a } query B { b: a c }")) == [Shape(0, 1), Shape(1, 2)]


def test_bulk_counts_what_stands_in_the_document_once() -> None:
    document = "{ a: x { b ... { c } } ...A ...A } query Q { x } fragment A on Q { y { z } }"
    assert bulk(parse(document)) == Bulk(definitions=3, selections=6 + 1 + 2, longest_alias=1)
    assert bulk(parse(doubling(50))) == Bulk(52, 1 + 3 * 50 + 1, 1)


def test_bulk_leaves_alone_what_is_no_operation() -> None:
    assert bulk(parse("type A { a: Int } { x }")) == Bulk(2, 1)
    assert bulk(parse("{ ab: x { abcd: y } ...F } fragment F on T { abc: z }")).longest_alias == 4
