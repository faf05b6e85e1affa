"""Objects of one type as rows of an answer: each of their fields is a column, and a row is cut across the columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from graphql import GraphQLObjectType

from resolvers.operation.plan.failure import Failing, Failure
from resolvers.operation.plan.field import PlannedField
from resolvers.operation.plan.place import Below, Place
from resolvers.operation.plan.run import Run
from resolvers.operation.plan.together import all_of

Column: TypeAlias = Sequence[object]


class Selection:
    """What is asked for of objects of one type, in the order of the answer."""

    def __init__(self, kind: GraphQLObjectType, fields: Sequence[PlannedField]) -> None:
        self.kind = kind
        self.fields = fields
        self._keys = [field.key for field in fields]
        self._ready = [(slot, field) for slot, field in enumerate(fields) if not field.waits]
        self._waiting = [(slot, field) for slot, field in enumerate(fields) if field.waits]
        self.waits = bool(self._waiting)

    async def rows(self, run: Run, objects: Column, place: Place) -> list[object]:
        """For each of the objects one of JSON, or the Failure of a field that may not be null."""
        columns: list[Column] = [()] * len(self.fields)
        for slot, field in self._ready:
            values = field.values(run, objects)
            cells = field.position.quick(values)
            if cells is None:
                cells = await field.position.complete(run, values, Below(place, field.step))
            columns[slot] = cells
        if self._waiting:
            parts = [field.cells(run, objects, Below(place, field.step)) for _, field in self._waiting]
            for (slot, _), cells in zip(self._waiting, await all_of(parts), strict=True):
                columns[slot] = cells
        return self._cut(columns, len(objects))

    async def rows_one_by_one(self, run: Run, objects: Column, place: Place) -> list[object]:
        """The same, each field begun when the one before it is done. A failure that leaves no row ends it."""
        columns: list[Column] = []
        for field in self.fields:
            columns.append(await field.cells(run, objects, Below(place, field.step)))
            if isinstance(columns[-1], Failing):
                break
        return self._cut(columns, len(objects))

    def _cut(self, columns: Sequence[Column], count: int) -> list[object]:
        keys = self._keys
        rows: list[object] = [dict(zip(keys, cells, strict=False)) for cells in zip(*columns, strict=True)]
        for column in reversed(columns):  # of several failures, the first in the document decides
            if isinstance(column, Failing):
                rows = [cell if isinstance(cell, Failure) else row for row, cell in zip(rows, column, strict=True)]
        return rows if columns else [{} for _ in range(count)]
