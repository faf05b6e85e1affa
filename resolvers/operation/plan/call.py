"""Calls of a resolver: its arguments are worked out once for all objects, and once for all requests where they cannot change."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final, TypeAlias

from graphql import (
    FieldNode,
    GraphQLError,
    ListValueNode,
    ObjectValueNode,
    ValueNode,
    VariableNode,
    get_argument_values,
)

from resolvers.operation.plan.declaration import Resolver
from resolvers.operation.plan.run import Origin, Run

UNCHANGEABLE: Final = frozenset((str, int, float, bool, type(None)))
"""Arguments of these types may be handed to any number of resolvers: none can change them for the next."""

Bound: TypeAlias = Callable[[Any], object]


class Call:
    """The calls that one field of a document makes."""

    def __init__(self, origin: Origin, resolver: Resolver) -> None:
        self._origin = origin
        self._resolver = resolver
        self._constant = _constant(origin, resolver)
        self.is_async = resolver.is_async
        self.is_light = resolver.is_light

    def bound(self, run: Run) -> Bound:
        """What takes an object and says what its field is. Raises what is wrong with the arguments."""
        bound: Bound | None = run.bound.get(self)
        if bound is None:
            bound = run.bound[self] = self._bound(run)
        return bound

    def _bound(self, run: Run) -> Bound:
        info = self._resolver.info(run.info(self._origin))
        if self._constant is not None:
            return self._resolver.bound(self._constant, info)
        coerced = get_argument_values(
            self._origin.definition, self._origin.nodes[0], run.variables, hide_suggestions=True
        )
        return self._resolver.bound(self._resolver.arguments(coerced, info), info)


def _constant(origin: Origin, resolver: Resolver) -> dict[str, Any] | None:
    """The arguments, if they are the same for all requests."""
    if any(_variables(origin.nodes[0])):
        return None
    try:
        coerced = get_argument_values(origin.definition, origin.nodes[0], hide_suggestions=True)
    except GraphQLError:
        return None  # it is raised again where it can be told
    unchangeable = UNCHANGEABLE.issuperset(map(type, coerced.values()))
    return resolver.arguments(coerced, None) if unchangeable else None


def _variables(node: FieldNode) -> Iterator[VariableNode]:
    values: list[ValueNode] = [each.value for each in node.arguments or ()]
    while values:
        match values.pop():
            case VariableNode() as found:
                yield found
            case ListValueNode(values=items):
                values.extend(items)
            case ObjectValueNode(fields=fields):
                values.extend(each.value for each in fields)
