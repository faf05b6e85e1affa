"""What there is of a plan for the time of one request: who asks, the variables, and what failed."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NoReturn, cast

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    GraphQLField,
    GraphQLObjectType,
    GraphQLResolveInfo,
    GraphQLResolveInfoHelpers,
    GraphQLSchema,
    OperationDefinitionNode,
    VariableValues,
)
from graphql.pyutils import Path, gather_with_cancel, is_awaitable

from resolvers.operation.plan.failure import Failures


class _NoPath:
    """Stands for `info.path`: one `info` serves all objects of a level, each of which has its own."""

    def __getattr__(self, name: str) -> NoReturn:
        raise RuntimeError("info.path is not there where an operation runs by a plan")


def _not_tracked(_values: Sequence[object]) -> None:
    """Nothing outlives a run, so there is nobody who would wait."""


async def _gathered(awaitables: Sequence[Awaitable[Any]]) -> list[Any]:
    return await gather_with_cancel(*awaitables)


_NO_PATH: Final = cast("Path", _NoPath())
_HELPERS: Final = GraphQLResolveInfoHelpers(_gathered, _not_tracked)


@dataclass(frozen=True, slots=True, eq=False)
class Origin:
    """A field as the document asks for it: its definition, and all of its nodes under one response key."""

    parent: GraphQLObjectType
    definition: GraphQLField
    nodes: list[FieldNode]

    @property
    def name(self) -> str:
        return self.nodes[0].name.value


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """What a plan was made of."""

    schema: GraphQLSchema
    operation: OperationDefinitionNode
    fragments: Mapping[str, FragmentDefinitionNode]


@dataclass(slots=True, eq=False)
class Run:
    """One run of a plan."""

    source: Source
    context: object
    variables: VariableValues
    failures: Failures = field(default_factory=Failures)
    bound: dict[object, Any] = field(default_factory=dict)

    def info(self, origin: Origin) -> GraphQLResolveInfo[Any]:
        """What graphql-core would hand to a resolver, but for the path."""
        return GraphQLResolveInfo(
            field_name=origin.name,
            field_nodes=origin.nodes,
            return_type=origin.definition.type,
            parent_type=origin.parent,
            path=_NO_PATH,
            schema=self.source.schema,
            fragments=cast("dict[str, FragmentDefinitionNode]", self.source.fragments),
            root_value=None,
            operation=self.source.operation,
            variable_values=self.variables,
            context=self.context,
            is_awaitable=is_awaitable,
            abort_signal=None,
            async_helpers=_HELPERS,
        )
