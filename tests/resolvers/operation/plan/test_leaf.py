"""Columns of scalars and enums: what stands in an answer as it is, and what a type refuses."""

from __future__ import annotations

from enum import Enum
from typing import Any

import pytest
import strawberry
from graphql import FieldNode, GraphQLEnumType, GraphQLField, GraphQLObjectType, GraphQLScalarType, NameNode
from graphql.type import GraphQLBoolean, GraphQLFloat, GraphQLID, GraphQLInt, GraphQLString

from resolvers.operation.execution import core_schema
from resolvers.operation.plan.failure import Failing
from resolvers.operation.plan.leaf import LeafPosition
from resolvers.operation.plan.place import Root
from resolvers.operation.plan.run import Origin, Run, Source
from tests.resolvers.operation.plan.planning import CORE, ready


@strawberry.enum
class Size(Enum):
    SMALL = "s"
    LARGE = "l"


@strawberry.type
class Query:
    size: Size


SIZES = core_schema(strawberry.Schema(Query)).get_type("Size")
PARENT = GraphQLObjectType("Query", {"field": GraphQLField(GraphQLString)})
TWICE = GraphQLScalarType("Twice", coerce_output_value=lambda value: None if value == "none" else value * 2)
READY = ready("{ __typename }")


def position(kind: Any, *, nullable: bool = False) -> LeafPosition:  # noqa: ANN401 - a leaf type
    origin = Origin(PARENT, PARENT.fields["field"], [FieldNode(name=NameNode(value="field"))])
    return LeafPosition(origin, kind, nullable=nullable)


@pytest.mark.parametrize(
    ("kind", "values", "cells"),
    [
        (GraphQLString, ["a", ""], ["a", ""]),
        (GraphQLString, [1, True], ["1", "true"]),
        (GraphQLID, ["a", "7"], ["a", "7"]),
        (GraphQLInt, [1, -(2**31)], [1, -(2**31)]),
        (GraphQLInt, [True, "7"], [1, 7]),
        (GraphQLFloat, [0.5], [0.5]),
        (GraphQLFloat, [1], [1.0]),
        (GraphQLBoolean, [True, False], [True, False]),
        (SIZES, [Size.LARGE, Size.SMALL], ["LARGE", "SMALL"]),
        (TWICE, ["a", 2], ["aa", 4]),
    ],
)
def test_a_column_that_fits_needs_no_second_look(kind: object, values: list[object], cells: list[object]) -> None:
    assert position(kind).quick(values) == cells
    assert position(kind, nullable=True).quick([*values, None]) == [*cells, None]


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (GraphQLString, []),
        (GraphQLInt, 2**31),
        (GraphQLFloat, float("nan")),
        (SIZES, "LARGE"),
        (TWICE, "none"),
        (GraphQLString, None),
        (GraphQLString, ValueError("no")),
    ],
)
async def test_a_cell_that_does_not_fit_fails_alone(kind: object, value: object) -> None:
    run = Run(Source(CORE, READY.operation.node, {}), None, READY.variables)
    fits = Size.SMALL if isinstance(kind, GraphQLEnumType) else 1
    strict, lenient = position(kind), position(kind, nullable=True)
    assert strict.quick([fits, value]) is None
    cells = await strict.complete(run, [value], Root())
    assert isinstance(cells, Failing)
    assert await lenient.complete(run, [value], Root()) == [None]
    assert len(run.failures.errors()) == (value is not None)
    assert (await strict.complete(run, [fits], Root()))[0] == strict.quick([fits])[0]  # type: ignore[index] # it fits
