"""How many values the variables of a request may hold: counted before any is coerced, by what their types say they are.

A scalar is one value, however large the JSON in it; whether it makes sense is for whoever reads it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Final, cast

from graphql import (
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLLeafType,
    get_nullable_type,
    is_input_object_type,
    is_leaf_type,
    is_list_type,
)

from app.errors import LimitExceeded

MOST_VALUES: Final = 21_000
"""Twenty writes of a thousand items each, and what stands around the items. Coercing that many takes some 25 ms."""

LARGEST_SMALL: Final = 100
"""Characters or items of a value that is one value in any case. No enum value, number or date is longer."""

_JSON: Final = frozenset(("JSON", "JSONObject", "Vector"))
_TEXT: Final = frozenset(("String", "ID"))
_CONTAINERS: Final = (list, dict)
_SIZED: Final = (str, list, dict)


def check_values(values: Iterable[tuple[object, GraphQLInputType]], given: int) -> None:
    """Raises LimitExceeded when a request with so many `given` variables holds more than MOST_VALUES in those it declares.

    A list counts its items, an input object the fields of its type, since coercion looks at those left out, too; a scalar
    or enum value is one. What is too large for its type counts by its size. Counting ends where the budget does, and the
    length of a list is known before its items: what is refused costs no more than what is allowed.
    """
    budget = _Budget(given)
    pending = deque(values)
    while pending:
        pending.extend(budget.within(*pending.pop()))


class _Budget:
    """What is counted so far. Its iterators are begun only when what they go through is paid for."""

    def __init__(self, given: int) -> None:
        self.count = 0
        self._spend(given)

    def within(self, value: object, type_: GraphQLInputType) -> Iterable[tuple[object, GraphQLInputType]]:
        """Count a value by itself; answers what it consists of and is still to be counted."""
        bare = get_nullable_type(type_)
        if is_list_type(bare):
            # GraphQL takes a single value for a list of one.
            return self._items(value if isinstance(value, list) else [value], get_nullable_type(bare.of_type))
        if is_input_object_type(bare):
            return self._fields(value, bare) if isinstance(value, dict) else ()
        self._leaves([value], cast("GraphQLLeafType", bare))
        return ()

    def _items(self, items: list[object], type_: GraphQLInputType) -> Iterable[tuple[object, GraphQLInputType]]:
        self._spend(len(items))
        if is_leaf_type(type_):
            self._leaves(items, type_)
            return ()
        return ((item, type_) for item in items)

    def _fields(
        self, value: dict[str, object], type_: GraphQLInputObjectType
    ) -> Iterable[tuple[object, GraphQLInputType]]:
        fields = type_.fields
        self._spend(max(len(value), len(fields)))
        return ((value[name], field.type) for name, field in fields.items() if name in value)

    def _leaves(self, items: list[object], leaf: GraphQLLeafType) -> None:
        if leaf.name in _JSON:
            return
        sized = _CONTAINERS if leaf.name in _TEXT else _SIZED
        for item in items:
            if isinstance(item, sized) and len(item) > LARGEST_SMALL:
                self._spend(len(item))

    def _spend(self, count: int) -> None:
        self.count += count
        if self.count > MOST_VALUES:
            message = (
                f"The variables of a request may hold {MOST_VALUES} values, and these hold {self.count} or more; "
                "send several requests."
            )
            raise LimitExceeded(message, limit=MOST_VALUES, actual=self.count)
