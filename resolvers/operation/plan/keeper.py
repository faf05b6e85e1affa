"""The plans of one operation, kept as long as it is: one for each set of fields that its conditions leave."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from functools import cached_property

from graphql import FragmentDefinitionNode, GraphQLSchema, OperationDefinitionNode, VariableValues

from resolvers.operation.plan.compiler import compiled
from resolvers.operation.plan.conditions import conditions
from resolvers.operation.plan.plan import Plan
from resolvers.operation.plan.run import Source

KEPT_PLANS = 16

FIELD_BYTES = 1200
"""What a field of a plan takes (tracemalloc says 970 to 1,500)."""

Grown = Callable[[int], None]
"""Is told by how many bytes more, or fewer, plans take."""


class Plans:
    """Compiles when a plan is first asked for."""

    def __init__(
        self,
        schema: GraphQLSchema,
        operation: OperationDefinitionNode,
        fragments: Mapping[str, FragmentDefinitionNode],
        grown: Grown,
    ) -> None:
        self._source = Source(schema, operation, fragments)
        self._grown = grown
        self._kept: OrderedDict[tuple[object, ...], Plan | None] = OrderedDict()

    def plan(self, variables: VariableValues) -> Plan | None:
        """The plan for a request with these variables; None: graphql-core must run it."""
        if self._conditions is None:
            return None
        key = tuple(variables.coerced.get(name) for name in self._conditions)
        if key not in self._kept:
            self._keep(key, compiled(self._source, variables))
        self._kept.move_to_end(key)
        return self._kept[key]

    @cached_property
    def _conditions(self) -> list[str] | None:
        return conditions(self._source.operation, self._source.fragments.values())

    def _keep(self, key: tuple[object, ...], plan: Plan | None) -> None:
        self._kept[key] = plan
        grown = _weight(plan)
        if len(self._kept) > KEPT_PLANS:
            grown -= _weight(self._kept.popitem(last=False)[1])
        self._grown(grown)


def _weight(plan: Plan | None) -> int:
    return plan.fields * FIELD_BYTES if plan is not None else 0
