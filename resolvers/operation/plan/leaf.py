"""Scalars and enums: a column of values as a column of JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from math import isfinite
from types import NoneType
from typing import Any, Final, TypeAlias

from graphql import (
    GRAPHQL_MAX_INT,
    GRAPHQL_MIN_INT,
    GraphQLEnumType,
    GraphQLLeafType,
    Undefined,
    is_specified_scalar_type,
)

from resolvers.operation.plan.declaration import members
from resolvers.operation.plan.place import Place
from resolvers.operation.plan.position import Position
from resolvers.operation.plan.run import Origin, Run
from resolvers.operation.plan.together import is_ready

Check: TypeAlias = Callable[[Any], bool]

KINDS_REMEMBERED = 256


def _any(_: Iterable[object]) -> bool:
    return True


def _in_32_bits(numbers: Sequence[int]) -> bool:
    return min(numbers) >= GRAPHQL_MIN_INT and max(numbers) <= GRAPHQL_MAX_INT


def _finite(numbers: Iterable[float]) -> bool:
    return all(map(isfinite, numbers))


UNCHANGED: Final[Mapping[str, tuple[type, Check]]] = {
    "String": (str, _any),
    "ID": (str, _any),
    "Boolean": (bool, _any),
    "Int": (int, _in_32_bits),
    "Float": (float, _finite),
}
"""The specified scalars: values of this very type that pass the check stand in an answer as they are."""


class LeafPosition(Position):
    """A place for values of a scalar or an enum."""

    def __init__(self, origin: Origin, kind: GraphQLLeafType, *, nullable: bool) -> None:
        super().__init__(origin, nullable=nullable)
        self._kind = kind
        self._coerce = kind.coerce_output_value
        self._unchanged: type | None = None
        self._passes: Check = _any
        if is_specified_scalar_type(kind):
            self._unchanged, self._passes = UNCHANGED[kind.name]
        names = _names(kind) if isinstance(kind, GraphQLEnumType) else None
        self._quickly: Callable[[Any], object] = names.__getitem__ if names else self._serialised

    def quick(self, values: Sequence[object]) -> Sequence[object] | None:
        kinds = set(map(type, values))
        if NoneType in kinds:
            return self._quick_beside_null(values) if self.nullable else None
        if kinds == {self._unchanged}:
            return values if self._passes(values) else None
        return self._quick(values) if all(map(is_ready, kinds)) else None

    def _quick_beside_null(self, values: Sequence[object]) -> Sequence[object] | None:
        present = self.quick([value for value in values if value is not None])
        if present is None:
            return None
        rest = iter(present)
        return [None if value is None else next(rest) for value in values]

    def _quick(self, values: Sequence[object]) -> Sequence[object] | None:
        try:
            return list(map(self._quickly, values))
        except Exception:  # noqa: BLE001 - `complete` comes again, and finds which value it is
            return None

    async def present(self, _run: Run, values: Sequence[object], _place: Place) -> Sequence[object]:
        return [self._attempted(value) for value in values]

    def _attempted(self, value: object) -> object:
        try:
            return self._serialised(value)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the failure of this cell
            return error

    def _serialised(self, value: object) -> object:
        cell = self._coerce(value)
        if cell is None or cell is Undefined:
            raise TypeError(f"{self._kind} was serialised as null, though the value was not.")
        return cell


@lru_cache(KINDS_REMEMBERED)
def _names(kind: GraphQLEnumType) -> dict[Any, str]:
    """Name by member."""
    return {member: kind.coerce_output_value(member) for member in members(kind)}
