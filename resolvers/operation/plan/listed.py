"""Lists: their items are one column, whichever list they are in."""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterable, Sequence
from itertools import chain, islice
from typing import Any

from graphql import GraphQLError
from graphql.pyutils import is_iterable

from resolvers.operation.plan.failure import Failing, Failure
from resolvers.operation.plan.place import Items, Place
from resolvers.operation.plan.position import Position
from resolvers.operation.plan.run import Origin, Run


class ListPosition(Position):
    """A place for lists."""

    def __init__(self, origin: Origin, item: Position, *, nullable: bool) -> None:
        super().__init__(origin, nullable=nullable)
        self.item = item
        self.waits = item.waits

    def quick(self, values: Sequence[Any]) -> Sequence[object] | None:
        if set(map(type, values)) != {list}:
            return None
        cells = self.item.quick(list(chain.from_iterable(values)))
        return _cut(cells, map(len, values)) if cells is not None else None

    async def present(self, run: Run, values: Sequence[Any], place: Place) -> Sequence[object]:
        lists = values if set(map(type, values)) == {list} else [await self._list(value) for value in values]
        lengths = [len(each) if isinstance(each, list) else 0 for each in lists]
        items = list(chain.from_iterable(each for each in lists if isinstance(each, list)))
        cells = await self.item.complete(run, items, Items(place, lengths))
        done: Sequence[object] = _cut(cells, lengths)
        if isinstance(cells, Failing):
            done = [next((cell for cell in each if isinstance(cell, Failure)), each) for each in _cut(cells, lengths)]
        return [each if isinstance(each, Exception) else cut for each, cut in zip(lists, done, strict=True)]

    async def _list(self, value: Any) -> list[object] | Exception:  # noqa: ANN401 - a resolver's
        try:
            if isinstance(value, AsyncIterable):
                return [each async for each in value]
            if is_iterable(value):
                return list(value)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the failure of this list
            return error
        return GraphQLError(
            f"Expected Iterable, but did not find one for field '{self.origin.parent}.{self.origin.name}'."
        )


def _cut(cells: Sequence[object], lengths: Iterable[int]) -> list[list[object]]:
    rest = iter(cells)
    return [list(islice(rest, length)) for length in lengths]
