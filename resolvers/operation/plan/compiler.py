"""From a valid operation to its plan."""

from __future__ import annotations

import strawberry
from graphql import (
    GraphQLAbstractType,
    GraphQLEnumType,
    GraphQLError,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLScalarType,
    GraphQLUnionType,
    VariableValues,
    get_nullable_type,
    is_non_null_type,
)
from graphql.execution.collect_fields import (
    FieldDetailsList,
    FragmentDetails,
    GroupedFieldSet,
    collect_fields,
    collect_subfields,
)

from resolvers.operation.plan import declaration, written
from resolvers.operation.plan.call import Call
from resolvers.operation.plan.composite import AbstractPosition, ObjectPosition
from resolvers.operation.plan.field import Attribute, Constant, PlannedField, Resolved
from resolvers.operation.plan.leaf import LeafPosition
from resolvers.operation.plan.listed import ListPosition
from resolvers.operation.plan.place import Step
from resolvers.operation.plan.plan import Plan
from resolvers.operation.plan.position import Position
from resolvers.operation.plan.run import Origin, Source
from resolvers.operation.plan.selection import Selection

MOST_FIELDS = 2_000
"""Fields of a plan. What is in the same nodes of a document for the same type is planned once; this bounds the rest."""

TYPENAME = "__typename"


def compiled(source: Source, variables: VariableValues) -> Plan | None:
    """The plan for requests whose variables decide as these do which fields are there; None: graphql-core must run it."""
    schema = declaration.schema_behind(source.schema)
    if schema is None:
        return None
    try:
        return _Compiler(source, schema, variables).plan()
    except (
        _UnplannableError,
        GraphQLError,
    ):  # graphql-core's is about the condition of a directive: it tells it in its place
        return None


class _UnplannableError(Exception):
    """There is something in the operation that plans do not know."""


class _Compiler:
    """Makes one plan."""

    def __init__(self, source: Source, schema: strawberry.Schema, variables: VariableValues) -> None:
        self._source = source
        self._schema = schema
        self._variables = variables
        self._fragments = {name: FragmentDetails(node) for name, node in source.fragments.items()}
        self._selections: dict[tuple[object, ...], Selection] = {}
        self._fields = 0

    def plan(self) -> Plan:
        schema, operation = self._source.schema, self._source.operation
        kind = schema.get_root_type(operation.operation)
        if kind is None:
            raise _UnplannableError
        found = collect_fields(schema, self._fragments, self._variables, kind, operation, hide_suggestions=True)
        return Plan(self._source, self._selection(kind, found.grouped_field_set), self._fields)

    def _selection(self, kind: GraphQLObjectType, grouped: GroupedFieldSet) -> Selection:
        self._fields += len(grouped)
        if self._fields > MOST_FIELDS:
            raise _UnplannableError
        return Selection(kind, [self._field(kind, step, grouped[step[1]]) for step in enumerate(grouped)])

    def _below(self, kind: GraphQLObjectType, details: FieldDetailsList) -> Selection:
        """The selection of a field's objects, which other fields may share."""
        key = (kind.name, *(id(each.node) for each in details))
        if key not in self._selections:
            source = self._source
            found = collect_subfields(
                source.schema, self._fragments, self._variables, source.operation, kind, details, hide_suggestions=True
            )
            self._selections[key] = self._selection(kind, found.grouped_field_set)
        return self._selections[key]

    def _field(self, kind: GraphQLObjectType, step: Step, details: FieldDetailsList) -> PlannedField:
        nodes = [each.node for each in details]
        definition = self._source.schema.get_field(kind, nodes[0].name.value)
        if definition is None:
            raise _UnplannableError
        origin = Origin(kind, definition, nodes)
        position = self._position(origin, definition.type, details)
        if origin.name == TYPENAME:
            return Constant(step, position, kind.name)
        attribute, resolver = declaration.attribute(definition), declaration.resolver(self._schema, definition)
        if attribute is not None:
            return Attribute(step, position, attribute)
        if resolver is not None:
            return written.field(step, position, resolver) or Resolved(step, position, Call(origin, resolver))
        raise _UnplannableError

    def _position(self, origin: Origin, kind: GraphQLOutputType, details: FieldDetailsList) -> Position:
        nullable = not is_non_null_type(kind)
        match get_nullable_type(kind):
            case GraphQLList(of_type=item):
                return ListPosition(origin, self._position(origin, item, details), nullable=nullable)
            case GraphQLObjectType() as found:
                return ObjectPosition(origin, self._below(found, details), nullable=nullable)
            case GraphQLScalarType() | GraphQLEnumType() as found:
                return LeafPosition(origin, found, nullable=nullable)
            case GraphQLInterfaceType() | GraphQLUnionType() as found:
                return self._abstract(origin, found, details, nullable=nullable)
        raise _UnplannableError

    def _abstract(
        self, origin: Origin, kind: GraphQLAbstractType, details: FieldDetailsList, *, nullable: bool
    ) -> Position:
        objects = {
            each.name: ObjectPosition(origin, self._below(each, details), nullable=nullable)
            for each in self._source.schema.get_possible_types(kind)
        }
        return AbstractPosition(origin, kind, objects, nullable=nullable)
