"""Values on their way into an answer, a column at a time: those of one field, or the items of one field's lists."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from types import NoneType
from typing import TypeAlias

from graphql import Undefined

from resolvers.operation.plan.failure import Failing, Failure, numbered
from resolvers.operation.plan.place import Place, Some
from resolvers.operation.plan.run import Origin, Run
from resolvers.operation.plan.together import is_ready, settled

Column: TypeAlias = Sequence[object]

NOTHING = frozenset((NoneType, type(Undefined)))
"""Types of what is null in an answer."""


class Position(ABC):
    """A place for values of one output type.

    Values may be awaitables, and exceptions, which are failures. Cells are what is written: values as JSON has them, None, and,
    only where `nullable` is false, a Failure; a column that has one is a Failing. `waits` says that completing may take I/O.
    """

    waits = False

    def __init__(self, origin: Origin, *, nullable: bool) -> None:
        self.origin = origin
        self.nullable = nullable

    def quick(self, _values: Column) -> Column | None:
        """The cells, where there is nothing to wait for and nothing amiss; None: `complete` must see to it."""
        return None

    async def complete(self, run: Run, values: Column, place: Place) -> Column:
        """The cells of any values."""
        kinds = set(map(type, values))
        if values and all(map(is_ready, kinds)) and kinds.isdisjoint(NOTHING):
            return self._cells(run, await self.present(run, values, place), place)
        if any(hasattr(kind, "__await__") for kind in kinds):
            values = await settled(values)
        cells = [None if type(value) in NOTHING else value for value in values]
        return self._cells(run, await where_present(cells, place, partial(self.present, run)), place)

    @abstractmethod
    async def present(self, run: Run, values: Column, place: Place) -> Column:
        """The cells of values that are there, of at least one; an exception, or a Failure, where one failed."""

    def _cells(self, run: Run, cells: Column, place: Place) -> Column:
        """The same, with their place given to the failures; where null may stand, it does so in the stead of them."""
        if all(map(self._is_fine, set(map(type, cells)))):
            return cells
        checked = [
            cell if self._is_fine(type(cell)) else self._failed(run, cell, place, row) for row, cell in enumerate(cells)
        ]
        return checked if self.nullable else Failing(checked)

    def _is_fine(self, kind: type) -> bool:
        return self.nullable if kind is NoneType else not issubclass(kind, (Exception, Failure))

    def _failed(self, run: Run, cell: object, place: Place, row: int) -> Failure | None:
        steps = place.steps(row)
        failure = cell if isinstance(cell, Failure) else Failure.of(self._error(cell), self.origin.nodes, steps)
        if not self.nullable:
            return failure
        run.failures.null(failure, numbered(steps))
        return None

    def _error(self, cell: object) -> Exception:
        if isinstance(cell, Exception):
            return cell
        return TypeError(f"Cannot return null for non-nullable field {self.origin.parent}.{self.origin.name}.")


async def where_present(values: Column, place: Place, work: Callable[[Column, Place], Awaitable[Column]]) -> Column:
    """The cells that `work` makes of the values that are there; None and exceptions stay."""
    cells = list(values)
    rows = [row for row, value in enumerate(cells) if value is not None and not isinstance(value, Exception)]
    if rows:
        done = await work([cells[row] for row in rows], Some(place, rows))
        for row, cell in zip(rows, done, strict=True):
            cells[row] = cell
    return cells
