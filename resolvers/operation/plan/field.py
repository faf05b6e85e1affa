"""The fields of a selection, by where their values come from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any, TypeAlias

from resolvers.operation.plan.call import Call
from resolvers.operation.plan.light import driven
from resolvers.operation.plan.place import Place, Step
from resolvers.operation.plan.position import Position
from resolvers.operation.plan.run import Run

Column: TypeAlias = Sequence[object]


class PlannedField(ABC):
    """One response key of a selection. `waits` says that its cells may take I/O."""

    def __init__(self, step: Step, position: Position, *, waits: bool = False) -> None:
        self.step = step
        self.key = str(step[1])
        self.position = position
        self.waits = waits or position.waits

    @abstractmethod
    def values(self, run: Run, objects: Column) -> Column:
        """What the objects have, as `Position` takes it."""

    async def cells(self, run: Run, objects: Column, place: Place) -> Column:
        """What is answered."""
        values = await self._awaited(self.values(run, objects))
        cells = self.position.quick(values)
        return cells if cells is not None else await self.position.complete(run, values, place)

    async def _awaited(self, values: Column) -> Column:
        """The values, awaited already where there is a cheaper way than that of positions."""
        return values


class Constant(PlannedField):
    """The same for every object."""

    def __init__(self, step: Step, position: Position, value: object) -> None:
        super().__init__(step, position)
        self.value = value

    def values(self, _run: Run, objects: Column) -> Column:
        return [self.value] * len(objects)


class Attribute(PlannedField):
    """An attribute of the objects."""

    def __init__(self, step: Step, position: Position, name: str) -> None:
        super().__init__(step, position)
        self._get = attrgetter(name)

    def values(self, _run: Run, objects: Column) -> Column:
        try:
            return list(map(self._get, objects))
        except Exception:  # noqa: BLE001 - of which object, is seen one by one
            return attempted(self._get, objects)


class Resolved(PlannedField):
    """What a resolver says of each object."""

    def __init__(self, step: Step, position: Position, call: Call) -> None:
        super().__init__(step, position, waits=call.is_async)
        self._call = call

    def values(self, run: Run, objects: Column) -> Column:
        try:
            resolve = self._call.bound(run)
        except Exception as error:  # noqa: BLE001 - arguments that do not fit are every object's failure
            return [error] * len(objects)
        return attempted(resolve, objects)

    async def _awaited(self, values: Column) -> Column:
        return await driven(values) if self._call.is_light else values


def attempted(work: Callable[[Any], object], objects: Column) -> list[object]:
    """What `work` says of each; the exception where it raised one."""
    results = list[object]()
    for each in objects:
        try:
            results.append(work(each))
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the failure of one cell
            results.append(error)
    return results
