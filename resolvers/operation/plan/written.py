"""Fields that PostgreSQL writes: where it knows all that is asked for below a field, its JSON goes into the answer as it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, TypeAlias, TypeVar

import orjson

from app.shape import Part, Shape
from resolvers.operation.plan import declaration
from resolvers.operation.plan.call import Call
from resolvers.operation.plan.composite import ObjectPosition
from resolvers.operation.plan.declaration import Resolver
from resolvers.operation.plan.field import Constant, PlannedField, Resolved
from resolvers.operation.plan.leaf import LeafPosition
from resolvers.operation.plan.listed import ListPosition
from resolvers.operation.plan.place import Place, Step
from resolvers.operation.plan.position import Position
from resolvers.operation.plan.run import Run

F = TypeVar("F", bound=Callable[..., object])

Write: TypeAlias = Callable[..., object]
"""(object, shape, info=info) -> the JSON of its field, as text, or an awaitable of that."""

MARK: Final = "writing"


@dataclass(frozen=True, slots=True)
class Writing:
    """How a field's JSON is had from where its data is; it never fails for one object alone."""

    knows: Callable[[Shape], bool]
    write: Write


def written(knows: Callable[[Shape], bool], write: Write) -> Callable[[F], F]:
    """Say of a resolver that the JSON of what it answers can be had more cheaply than its objects, where `knows` says so of a shape.

    `write` must say just what the resolver and those below it would. `light` as a resolver may be, it says so itself.
    """

    def marked(resolver: F) -> F:
        setattr(resolver, MARK, Writing(knows, write))
        return resolver

    return marked


def field(step: Step, position: Position, resolver: Resolver) -> PlannedField | None:
    """The field, where it can be written."""
    writing: Writing | None = getattr(resolver.function, MARK, None)
    shape = _shape(position) if writing is not None else None
    if writing is None or not shape or position.origin.nodes[0].arguments or not writing.knows(shape):
        return None
    call = Call(position.origin, resolver.instead(partial(writing.write, shape=shape), like=writing.write))
    return Resolved(step, WrittenPosition(position, shape), call)


class Json:  # no dataclass: orjson would write its members
    """A value as JSON already, compact and in the order of the answer: whoever encodes the answer puts it in."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text


class WrittenPosition(Position):
    """A place for values that are JSON already, in the stead of another."""

    def __init__(self, stead: Position, shape: Shape) -> None:
        super().__init__(stead.origin, nullable=stead.nullable)
        self.shape = shape

    def quick(self, values: Sequence[Any]) -> Sequence[object] | None:
        return list(map(Json, values)) if set(map(type, values)) == {str} else None

    async def present(self, _run: Run, values: Sequence[Any], _place: Place) -> Sequence[object]:
        return list(map(Json, values))


def _shape(position: Position) -> Shape | None:
    """What is asked for at a place; None where it depends on more than names."""
    match position:
        case ListPosition(item=item):
            return _shape(item)
        case ObjectPosition(selection=selection):
            parts = [_part(each) for each in selection.fields]
            known = tuple(each for each in parts if each is not None)
            return known if len(known) == len(parts) else None
        case WrittenPosition(shape=shape):
            return shape
        case LeafPosition():
            return ()
    return None


def _part(asked: PlannedField) -> Part | None:
    origin = asked.position.origin
    if isinstance(asked, Constant):
        return Part(asked.key, origin.name, constant=orjson.dumps(asked.value).decode())
    name, below = declaration.python_name(origin.definition), _shape(asked.position)
    if name is None or below is None or origin.nodes[0].arguments:
        return None
    return Part(asked.key, name, below)
