"""The scalars of the contract. What they refuse, they refuse without quoting it."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, NewType, NoReturn

import orjson
import strawberry
from graphql import Undefined, ValueNode, value_from_ast_untyped
from strawberry.types.scalar import ScalarDefinition

from app.errors import BadInput
from app.store.record import Vector as Floats
from app.value import moment_of

if TYPE_CHECKING:
    JSON = Any
    JSONObject = dict[str, Any]
    Vector = Any
    BigInt = int
else:
    JSON = NewType("JSON", object)
    JSONObject = NewType("JSONObject", object)
    Vector = NewType("Vector", object)
    BigInt = NewType("BigInt", int)


DAY: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
"""RFC 3339, section 5.6. Python reads more of ISO 8601: days of weeks."""


def _json(value: object) -> object:
    return value


def _object(value: object) -> dict[str, Any]:
    if isinstance(value, str):
        value = _parsed(value)
    if not isinstance(value, dict):
        raise BadInput("Expected a JSON object, or a string that holds one.")
    return value


def _parsed(text: str) -> object:
    """JSON text; the standard parser where the fast one refuses, so that odd characters reach the checks of the item."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        try:
            return json.loads(text, parse_constant=_no_constant)
        except (ValueError, RecursionError):
            raise BadInput("The string does not hold JSON.") from None


def _no_constant(_: str) -> NoReturn:
    raise ValueError


def _vector(value: object) -> object:
    if not isinstance(value, list | str):
        raise BadInput("Expected a list of numbers, or a base64 string of big-endian 32-bit floats.")
    return value


def _time(value: object) -> dt.datetime:
    try:
        return moment_of(value)
    except ValueError:
        raise BadInput("Expected an RFC 3339 date and time with an offset, such as 2030-01-31T12:00:00Z.") from None


def _day(value: object) -> dt.date:
    text = value if isinstance(value, str) and DAY.fullmatch(value) else ""
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise BadInput("Expected an RFC 3339 date, such as 2030-01-31.") from None


def _literal(parse: Callable[[object], object]) -> Callable[[ValueNode, dict[str, Any] | None], object]:
    """A reader of literals that may hold variables. A variable without a value is refused: left out, a filter would match more."""

    def read(node: ValueNode, variables: dict[str, Any] | None = None) -> object:
        value = value_from_ast_untyped(node, variables)
        if variables is not None and not _is_whole(value):
            raise BadInput("A variable inside it has no value: give it one, or null.")
        return parse(value)

    return read


def _is_whole(value: object) -> bool:
    match value:
        case dict():
            return all(map(_is_whole, value.values()))
        case list():
            return all(map(_is_whole, value))
        case _:
            return value is not Undefined


def _shown_time(value: dt.datetime) -> str:
    moment = value if value.tzinfo is dt.UTC else value.astimezone(dt.UTC)
    return f"{moment.isoformat()[:-6]}Z"  # without +00:00


def floats(vector: Floats) -> list[float]:
    """A vector's components as the shortest decimals that are the same 32-bit floats."""
    shortest: list[float] = orjson.loads(orjson.dumps(vector, option=orjson.OPT_SERIALIZE_NUMPY))
    return shortest


SCALARS: dict[object, ScalarDefinition] = {
    JSON: strawberry.scalar(
        name="JSON", description="Any JSON value.", parse_value=_json, parse_literal=_literal(_json)
    ),
    JSONObject: strawberry.scalar(
        name="JSONObject",
        description="A JSON object. A string is parsed as JSON text, because names in GraphQL literals cannot begin with $ or hold dots.",
        parse_value=_object,
        parse_literal=_literal(_object),
    ),
    Vector: strawberry.scalar(
        name="Vector",
        description="A vector: a list of finite numbers, or a base64 string of big-endian float32 values.",
        parse_value=_vector,
        parse_literal=_literal(_vector),
    ),
    BigInt: strawberry.scalar(name="BigInt", description="An integer as a JSON number, exact to 2^53."),
    dt.date: strawberry.scalar(
        name="Date", description="A day as RFC 3339 has it, in UTC.", serialize=dt.date.isoformat, parse_value=_day
    ),
    dt.datetime: strawberry.scalar(
        name="DateTime",
        description="A moment as RFC 3339 has it, answered in UTC.",
        serialize=_shown_time,
        parse_value=_time,
    ),
}
