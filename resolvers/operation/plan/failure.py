"""Cells that failed, and which of their errors an answer tells.

A field that fails is null. Where it may not be, what it belongs to is null in its stead, and so on up to the root.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from graphql import FieldNode, GraphQLError, located_error

from resolvers.operation.plan.place import Step

Position: TypeAlias = tuple[int, ...]
"""A place in the answer as numbers: positions in their order are places in the order of the document."""


@dataclass(slots=True, eq=False)
class Failure:
    """What stands in a cell that failed and may not be null: whoever it belongs to fails with it."""

    error: GraphQLError
    position: Position

    @classmethod
    def of(cls, error: Exception, nodes: Sequence[FieldNode], steps: Sequence[Step]) -> Failure:
        """An error that has a place already, which a resolver got from elsewhere, keeps that."""
        return cls(located_error(error, list(nodes), [shown for _, shown in steps]), numbered(steps))


class Failing(list[object]):
    """A column in which at least one cell is a Failure."""


def numbered(steps: Sequence[Step]) -> Position:
    return tuple(order for order, _ in steps)


class Failures:
    """The failures of one run."""

    def __init__(self) -> None:
        self._found: list[tuple[Failure, Position]] = []

    def null(self, failure: Failure, at: Position) -> None:
        """Because of the failure, what is at that position is null."""
        self._found.append((failure, at))

    def errors(self) -> list[GraphQLError]:
        """What the answer tells: as if fields were resolved one by one, in the order of the document, so that nothing is
        resolved below what is null already. (The specification leaves both to the implementation.)
        """
        told, nulled = [], set[Position]()
        for failure, at in sorted(self._found, key=_in_document_order):
            if not any(at[:depth] in nulled for depth in range(len(at) + 1)):
                nulled.add(at)
                told.append(failure.error)
        return told


def _in_document_order(found: tuple[Failure, Position]) -> Position:
    failure, _ = found
    return failure.position
