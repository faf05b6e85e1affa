"""Where the cells of a column stand in the answer. It is worked out only for those that failed."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Protocol, TypeAlias

Step: TypeAlias = tuple[int, str | int]
"""One step of a path: which it is among its siblings, and how an answer shows it: a response key, or an index."""


class Place(Protocol):
    """The place of a column."""

    def steps(self, row: int) -> tuple[Step, ...]:
        """From the root of the answer to the cell in that row."""


class Root:
    """The one row that the data of an answer is."""

    def steps(self, _row: int) -> tuple[Step, ...]:
        return ()


@dataclass(slots=True, eq=False)
class Below:
    """One field of objects."""

    objects: Place
    step: Step

    def steps(self, row: int) -> tuple[Step, ...]:
        return (*self.objects.steps(row), self.step)


@dataclass(slots=True, eq=False)
class Items:
    """The items of lists, one list after the other."""

    lists: Place
    lengths: Sequence[int]

    def steps(self, row: int) -> tuple[Step, ...]:
        ends = list(accumulate(self.lengths))
        owner = bisect_right(ends, row)
        index = row - (ends[owner] - self.lengths[owner])
        return (*self.lists.steps(owner), (index, index))


@dataclass(slots=True, eq=False)
class Some:
    """Some rows of a column."""

    column: Place
    rows: Sequence[int]

    def steps(self, row: int) -> tuple[Step, ...]:
        return self.column.steps(self.rows[row])
