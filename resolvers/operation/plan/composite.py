"""Objects, and interfaces and unions, whose values are objects of one type or another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from inspect import isawaitable
from typing import Any

from graphql import GraphQLAbstractType, GraphQLError, GraphQLObjectType, default_type_resolver
from graphql.pyutils import inspect

from resolvers.operation.plan.declaration import accepts, type_name
from resolvers.operation.plan.place import Place, Some
from resolvers.operation.plan.position import Position, where_present
from resolvers.operation.plan.run import Origin, Run
from resolvers.operation.plan.selection import Selection
from resolvers.operation.plan.together import all_of


class ObjectPosition(Position):
    """A place for objects of one type."""

    def __init__(self, origin: Origin, selection: Selection, *, nullable: bool) -> None:
        super().__init__(origin, nullable=nullable)
        self.selection = selection
        self.waits = selection.waits

    async def present(self, run: Run, values: Sequence[object], place: Place) -> Sequence[object]:
        kind = self.selection.kind
        if all(accepts(kind, each) for each in set(map(type, values))):
            return await self.selection.rows(run, values, place)
        checked = [await self._checked(run, kind, value) for value in values]
        return await where_present(checked, place, partial(self.selection.rows, run))

    async def _checked(self, run: Run, kind: GraphQLObjectType, value: Any) -> object:  # noqa: ANN401 - a resolver's
        """The value; an exception where the type says that it is not one of its own."""
        try:
            is_one = kind.is_type_of is None or kind.is_type_of(value, run.info(self.origin))
            if await is_one if isawaitable(is_one) else is_one:
                return value
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the failure of this cell
            return error
        return GraphQLError(f"Expected value of type '{kind}' but got: {inspect(value)}.", self.origin.nodes)


class AbstractPosition(Position):
    """A place for objects of several types."""

    def __init__(
        self, origin: Origin, kind: GraphQLAbstractType, objects: Mapping[str, ObjectPosition], *, nullable: bool
    ) -> None:
        super().__init__(origin, nullable=nullable)
        self._kind = kind
        self._objects = objects
        self.waits = any(each.waits for each in objects.values())

    async def present(self, run: Run, values: Sequence[object], place: Place) -> Sequence[object]:
        known = {each: type_name(self._kind, each) for each in set(map(type, values))}
        names = [known[type(value)] or await self._name(run, value) for value in values]
        cells: list[object] = list(names)
        kinds = dict.fromkeys(name for name in names if isinstance(name, str))
        groups = {name: [row for row, each in enumerate(names) if each == name] for name in kinds}
        parts = [self._group(run, name, rows, values, place) for name, rows in groups.items()]
        for rows, part in zip(groups.values(), await all_of(parts), strict=True):
            for row, cell in zip(rows, part, strict=True):
                cells[row] = cell
        return cells

    async def _group(
        self, run: Run, name: str, rows: Sequence[int], values: Sequence[object], place: Place
    ) -> Sequence[object]:
        return await self._objects[name].present(run, [values[row] for row in rows], Some(place, rows))

    async def _name(self, run: Run, value: Any) -> str | Exception:  # noqa: ANN401 - a resolver's
        """The name of a value's type; an exception where it has none that can stand here."""
        try:
            name = (self._kind.resolve_type or default_type_resolver)(value, run.info(self.origin), self._kind)
            name = await name if isawaitable(name) else name
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the failure of this cell
            return error
        if isinstance(name, str) and name in self._objects:
            return name
        return GraphQLError(
            f"{self._kind} was resolved to {inspect(name)}, which is not a type of its own.", self.origin.nodes
        )
