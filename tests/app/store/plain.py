"""What filters and updates mean, in plain Python: the reading that SQL is held to."""

from __future__ import annotations

import copy
import operator
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, TypeAlias

Json: TypeAlias = Any

MISSING = object()
ORDER = {"$gt": operator.gt, "$gte": operator.ge, "$lt": operator.lt, "$lte": operator.le}
KINDS: dict[type, str] = {bool: "boolean", int: "number", float: "number", str: "string", dict: "object", list: "array"}


def matches(document: Mapping[str, Json], wanted: Mapping[str, Json]) -> bool:
    """Whether a document, `_id` included, matches a filter."""
    return all(_term(document, name, value) for name, value in wanted.items())


def at(value: Json, path: str) -> Json:
    """What stands at a dotted path; MISSING where there is nothing."""
    for segment in path.split("."):
        if isinstance(value, dict):
            value = value.get(segment, MISSING)
        elif isinstance(value, list) and segment in map(str, range(len(value))):
            value = value[int(segment)]
        else:
            return MISSING
    return value


def same(found: Json, value: Json) -> bool:
    """Equal as JSON has it: true is not 1, and 1 is 1.0; what is missing equals null."""
    if found is MISSING:
        return value is None
    if kind(found) != kind(value):
        return False
    if isinstance(found, dict):
        return found.keys() == value.keys() and all(same(found[name], value[name]) for name in found)
    if isinstance(found, list):
        return len(found) == len(value) and all(map(same, found, value))
    return bool(_comparable(found) == _comparable(value))


def kind(value: Json) -> str:
    return KINDS.get(type(value), "null")


def _term(document: Mapping[str, Json], name: str, value: Json) -> bool:
    match name:
        case "$and":
            return all(matches(document, each) for each in value)
        case "$or":
            return any(matches(document, each) for each in value)
        case "$not":
            return not matches(document, value)
        case _:
            return _holds(at(document, name), value)


def _holds(found: Json, wanted: Json) -> bool:
    if isinstance(wanted, dict) and any(name.startswith("$") for name in wanted):
        return all(OPERATIONS[name](found, value) for name, value in wanted.items())
    return same(found, wanted)


def _among(found: Json, values: list[Json]) -> bool:
    return any(same(found, each) for each in values)


def _ordered(name: str) -> Callable[[Json, Json], bool]:
    def holds(found: Json, value: Json) -> bool:
        comparable = kind(found) == kind(value) and kind(value) in {"number", "string"}
        return comparable and bool(ORDER[name](_comparable(found), _comparable(value)))

    return holds


def _comparable(value: Json) -> Json:
    """Numbers as their decimal digits say, which is what JSON means."""
    return Decimal(repr(value)) if kind(value) == "number" else value


OPERATIONS: dict[str, Callable[[Json, Json], bool]] = {
    "$eq": same,
    "$ne": lambda found, value: not same(found, value),
    "$in": _among,
    "$nin": lambda found, values: not _among(found, values),
    "$exists": lambda found, value: (found is not MISSING) is value,
    "$not": lambda found, value: not _holds(found, value),
    **{name: _ordered(name) for name in ORDER},
}


class NoPlaceError(Exception):
    """A path to set leads nowhere."""


def updated(body: Json, values: Mapping[str, Json], unset: Sequence[str]) -> Json:
    """The body after an update. Raises NoPlaceError."""
    changed = copy.deepcopy(body)
    going = [path.split(".") for path in unset if at(body, path) is not MISSING]
    for place in values:
        _check_place(body, place.split("."))
    for place, value in values.items():
        changed = _with(changed, place.split("."), copy.deepcopy(value))
    for path in sorted(going, key=lambda path: [int(each) if each.isdecimal() else 0 for each in path], reverse=True):
        _remove(changed, path)
    return changed


def _check_place(value: Json, path: Sequence[str]) -> None:
    for segment in path:
        if value is None or value is MISSING:
            return
        if not isinstance(value, dict) and not (isinstance(value, list) and segment in map(str, range(len(value) + 1))):
            raise NoPlaceError
        value = at(value, segment)


def _with(value: Json, path: Sequence[str], leaf: Json) -> Json:
    if not path:
        return leaf
    first, *rest = path
    if isinstance(value, list):
        inner = value[int(first)] if int(first) < len(value) else None
        value[int(first) :] = [_with(inner, rest, leaf), *value[int(first) + 1 :]]
        return value
    return {**(value or {}), first: _with((value or {}).get(first), rest, leaf)}


def _remove(value: Json, path: Sequence[str]) -> None:
    *parents, last = path
    for segment in parents:
        value = at(value, segment)
        if value is MISSING:
            return  # gone with something above it
    if isinstance(value, list):
        del value[int(last)]
    else:
        value.pop(last, None)
