"""JSON that would lose something unseen: integers that a reader makes floats of, and nesting that is read but cannot be written."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterable
from typing import Any, Final, TypeVar

import orjson

from app.errors import BadInput
from app.value import MAX_DEPTH, check_json

T = TypeVar("T")

_LARGE: Final = re.compile(rb"[\s,:\[-][0-9]{19}")
"""Integers beyond 64 bits have as many digits at least; fractions, which are as long in many vectors, stand behind a point."""


def loads(text: bytes, part: Callable[[Any], Any] = lambda value: value, ignored: Collection[str] = ()) -> Any:  # noqa: ANN401 - JSON
    """The value, or a part of it, that can be stored as it stands in the text; the numbers of fields that are ignored are of no matter.

    Raises BadInput for one that cannot, and JSONDecodeError for what is no JSON.
    """
    value = part(orjson.loads(text))
    if _is_suspect(text):
        check_json(value, "The value")
        exact = part(_reread(text))
        if isinstance(exact, dict):
            exact = {name: inner for name, inner in exact.items() if name not in ignored}
        check_json(exact, "The value")
    return value


def record(columns: Iterable[tuple[str, T, Callable[[T], object]]]) -> tuple[dict[str, Any], str | None]:
    """The values of named cells, and what is wrong with the first that cannot be stored: it stays a text."""
    found: dict[str, Any] = {}
    fault = None
    for name, cell, read in columns:
        try:
            found[name] = read(cell)
        except BadInput as error:
            found[name], fault = str(cell), fault or f"{name}: {error.message}"
    return found, fault


def _is_suspect(text: bytes) -> bool:
    """Whether it may be nested too deep, or hold such an integer. Looking at every value would cost more than reading it."""
    return text.count(b"[") + text.count(b"{") > MAX_DEPTH or _LARGE.search(b":" + text) is not None


def _reread(text: bytes) -> Any:  # noqa: ANN401 - JSON
    """With every integer as it stands. Raises BadInput where what is around the part is nested too deep."""
    try:
        return json.loads(text)
    except RecursionError as error:
        raise BadInput("The line is nested too deep.") from error
