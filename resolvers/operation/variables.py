"""An operation's variables, whose types are looked up once: most operations have texts for variables, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from graphql import (
    GraphQLError,
    GraphQLID,
    GraphQLSchema,
    GraphQLString,
    OperationDefinitionNode,
    VariableValues,
    get_nullable_type,
)
from graphql.execution.get_variable_signature import GraphQLVariableSignature, get_variable_signature
from graphql.execution.values import VariableValueSource

from resolvers.operation.coercion import coerce_variables, is_storable

TEXTS: Final = (GraphQLString, GraphQLID)
"""Scalars whose texts are coerced to what they are."""


class Variables:
    """As a valid operation declares them."""

    def __init__(self, schema: GraphQLSchema, operation: OperationDefinitionNode) -> None:
        self._schema = schema
        self._operation = operation
        self._texts = _texts(schema, operation)

    def coerced(self, raw: Mapping[str, object]) -> VariableValues | list[GraphQLError]:
        """As `coerce_variables`."""
        texts = self._texts
        if texts is None or raw.keys() != texts.keys() or not all(map(_is_fit, raw.values())):
            return coerce_variables(self._schema, self._operation, raw)
        sources = {name: VariableValueSource(signature, raw[name]) for name, signature in texts.items()}
        return VariableValues(sources, {name: raw[name] for name in texts})


def _texts(schema: GraphQLSchema, operation: OperationDefinitionNode) -> dict[str, GraphQLVariableSignature] | None:
    """The variables, if all of them are texts."""
    found = [get_variable_signature(schema, each) for each in operation.variable_definitions or ()]
    texts = {
        each.name: each
        for each in found
        if isinstance(each, GraphQLVariableSignature) and get_nullable_type(each.type) in TEXTS
    }
    return texts if len(texts) == len(found) else None


def _is_fit(value: object) -> bool:
    return type(value) is str and is_storable(value)
