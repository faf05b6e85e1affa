"""A schema in which everything goes wrong somewhere, and always in the same place: what happens follows from an object's number.

With `Odd.later`, what resolvers answer comes later, and not in the order of the asking.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any, NewType, TypeVar, cast
from zlib import crc32

import strawberry
from strawberry.schema.config import StrawberryConfig

from app.errors import BadInput, NotFound

if TYPE_CHECKING:
    Picky = Any
    Loose = Any
else:
    Picky = NewType("Picky", object)
    Loose = NewType("Loose", object)


@dataclass
class Odd:
    """The context."""

    later: bool = False


Info = strawberry.Info[Odd, None]
T = TypeVar("T")


@strawberry.enum
class Color(Enum):
    RED = "RED"
    BLUE = "blue"


def _picky(value: object) -> object:
    if value == "bad":
        raise ValueError("not that one")
    return None if value == "none" else value


SCALARS: dict[object, Any] = {
    Picky: strawberry.scalar(name="Picky", serialize=_picky),
    Loose: strawberry.scalar(name="Loose"),
}


def fate(seed: int, name: str, count: int) -> int:
    return crc32(f"{seed} {name}".encode()) % count


def odd(seed: int, name: str, value: T, *others: object) -> T:
    """Most often the value; else, which no type tells, null, one of others, or an exception that is raised or answered."""
    chance = fate(seed, name, 12 + len(others))
    match chance:
        case 1:
            raise NotFound(f"{name} is gone.")
        case 2:
            raise ValueError(f"{name} broke")
    other = {0: None, 3: BadInput(f"{name} was answered."), **dict(enumerate(others, 12))}
    return cast("T", other.get(chance, value))


async def later(seed: int, name: str, value: T, *others: object) -> T:
    for _ in range(fate(seed, f"wait {name}", 4)):
        await asyncio.sleep(0)
    return odd(seed, name, value, *others)


def maybe(info: Info, seed: int, name: str, value: T, *others: object) -> T:
    """As `odd`; or, which no type tells either, an awaitable of that."""
    if info.context.later and fate(seed, name, 2):
        return cast("T", later(seed, name, value, *others))
    return odd(seed, name, value, *others)


def leaf(seed: int, name: str, value: object, *others: object) -> Any:  # noqa: ANN401 - whatever an attribute may be
    try:
        return odd(seed, name, value, *others)
    except Exception as error:  # noqa: BLE001 - attributes do not raise
        return error


@strawberry.interface
class Thing:
    seed: int
    label: str

    @strawberry.field
    def next(self, info: Info) -> Annotated[Thing, strawberry.lazy("tests.oracle.odd")]:
        return maybe(info, self.seed, "next", made(self.seed * 7 + 1), "no thing")


@strawberry.type
class Stone(Thing):
    weight: float
    color: Color | None

    @strawberry.field
    def words(self, info: Info) -> list[str]:
        return maybe(info, self.seed, "words", ["a", "b"], ["a", None], "ab", 7, ("c",))


@strawberry.type
class Knot(Thing):
    sure: str
    number: int | None
    sure_number: int
    yes: bool | None
    real: float
    picky: Picky | None
    sure_picky: Picky
    loose: Loose | None
    numbers: list[int] | None
    matrix: list[list[int | None]]

    @strawberry.field
    def knot(self, info: Info) -> Annotated[Knot, strawberry.lazy("tests.oracle.odd")] | None:
        return maybe(info, self.seed, "knot", knot(self.seed + 1), stone(self.seed))

    @strawberry.field
    def sure_knot(self, info: Info) -> Annotated[Knot, strawberry.lazy("tests.oracle.odd")]:
        return maybe(info, self.seed, "sure_knot", knot(self.seed * 3 + 1))

    @strawberry.field
    def knots(self, info: Info) -> list[Annotated[Knot, strawberry.lazy("tests.oracle.odd")] | None]:
        each: list[Knot | None] = [knot(self.seed * 2 + n) for n in range(fate(self.seed, "many", 4))]
        return maybe(info, self.seed, "knots", each, [*each, None, BadInput("An item.")], iter(each), {"no": "list"})

    @strawberry.field
    def sure_knots(self, info: Info) -> list[Annotated[Knot, strawberry.lazy("tests.oracle.odd")]] | None:
        each = [knot(self.seed * 5 + n) for n in range(3)]
        return maybe(info, self.seed, "sure_knots", each, [*each, None], tuple(each))

    @strawberry.field
    def things(self, info: Info) -> list[Thing] | None:
        each: list[Thing] = [made(self.seed * 11 + n) for n in range(4)]
        return maybe(info, self.seed, "things", each, [*each, "no thing"], [*each, ValueError("an item")])

    @strawberry.field
    def either(
        self, info: Info
    ) -> Annotated[Stone | Annotated[Knot, strawberry.lazy("tests.oracle.odd")], strawberry.union("Either")] | None:
        return maybe(info, self.seed, "either", made(self.seed * 13 + 2), "neither")

    @strawberry.field
    def eithers(
        self, info: Info
    ) -> list[Annotated[Stone | Annotated[Knot, strawberry.lazy("tests.oracle.odd")], strawberry.union("Either")]]:
        return maybe(info, self.seed, "eithers", [made(self.seed * 17 + n) for n in range(3)])

    @strawberry.field
    def colors(self, info: Info) -> list[Color | None]:
        return maybe(info, self.seed, "colors", [Color.RED, None], [Color.BLUE], ["blue"], ["GREEN"])

    @strawberry.field
    def echo(
        self, text: str | None, number: int = 3, color: Color = Color.RED, numbers: list[int] | None = None
    ) -> str | None:
        return f"{text} {number} {color.name} {numbers}" if number < 5 else None

    @strawberry.field
    def selected(self, info: Info) -> str:
        return f"{info.field_name} {len(info.selected_fields)} {info.variable_values}"


@strawberry.type
class Slow:
    """Whose resolvers are coroutines, always."""

    seed: int

    @strawberry.field
    async def text(self) -> str:
        return await later(self.seed, "text", "slow")

    @strawberry.field
    async def maybe_text(self) -> str | None:
        return await later(self.seed, "maybe_text", "slow", 7, [])

    @strawberry.field
    async def slows(self) -> list[Annotated[Slow, strawberry.lazy("tests.oracle.odd")]] | None:
        return await later(self.seed, "slows", [Slow(seed=self.seed * 2 + n) for n in range(3)])

    @strawberry.field
    async def knot(self) -> Knot | None:
        return await later(self.seed, "slow knot", knot(self.seed))

    @strawberry.field
    async def pending(self) -> list[str | None]:
        return [later(self.seed, f"item {n}", "item") for n in range(3)]  # type: ignore[misc] # awaitables, which graphql-core awaits


@strawberry.type
class Query:
    @strawberry.field
    def knot(self, seed: int = 1) -> Knot | None:
        return knot(seed)

    @strawberry.field
    def sure_knot(self, seed: int) -> Knot:
        return odd(seed, "root", knot(seed))

    @strawberry.field
    def thing(self, seed: int = 2) -> Thing | None:
        return made(seed)

    @strawberry.field
    def slow(self, seed: int = 3) -> Slow | None:
        return Slow(seed=seed)


@strawberry.type
class Mutation:
    @strawberry.mutation
    def tie(self, info: Info, seed: int) -> Knot | None:
        return maybe(info, seed, "tie", knot(seed))

    @strawberry.mutation
    def sure_tie(self, info: Info, seed: int) -> Knot:
        return maybe(info, seed, "sure_tie", knot(seed))


def knot(seed: int) -> Knot:
    given = {
        "label": leaf(seed, "label", f"knot {seed}"),
        "sure": leaf(seed, "sure", "sure", 5, [], 1.5),
        "number": leaf(seed, "number", seed, 2**40, "12", "x", 1.0, 1.5),
        "sure_number": leaf(seed, "sure_number", -seed, -(2**31), 2**31),
        "yes": leaf(seed, "yes", seed == 1, 1, "yes"),
        "real": leaf(seed, "real", 0.5, 1, float("nan"), float("inf"), "1.5"),
        "picky": leaf(seed, "picky", "fine", "bad", "none"),
        "sure_picky": leaf(seed, "sure_picky", {"a": [1]}, "bad", "none"),
        "loose": leaf(seed, "loose", {"b": None}, [1, "x"], 0),
        "numbers": leaf(seed, "numbers", [1, 2], [1, None], [], [2**31], "12"),
        "matrix": leaf(seed, "matrix", [[1, None], []], [[2], None], [["x"]], [3]),
    }
    return Knot(seed=seed, **given)


def stone(seed: int) -> Stone:
    color = leaf(seed, "color", Color.RED, Color.BLUE, "blue", "GREEN", [])
    return Stone(seed=seed, label=leaf(seed, "label", "stone"), weight=leaf(seed, "weight", 2.5), color=color)


def made(seed: int) -> Stone | Knot:
    return stone(seed) if fate(seed, "kind", 2) else knot(seed)


SCHEMA = strawberry.Schema(Query, Mutation, types=[Stone, Knot], config=StrawberryConfig(scalar_map=SCALARS))
