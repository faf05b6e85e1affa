"""Compares an answer with the excerpt of it that a page shows, and learns the values that the page names."""

from __future__ import annotations

import re
from typing import Any

Json = Any
ANYTHING = "…"
_NAME = re.compile(r"<([a-z][a-z0-9 -]*)>")


def filled(value: Json, known: dict[str, Json]) -> Json:
    """The value with what is known in the place of names. Raises KeyError for a name that nothing was given."""
    if isinstance(value, dict):
        return {name: filled(each, known) for name, each in value.items()}
    if isinstance(value, list):
        return [filled(each, known) for each in value]
    if isinstance(value, str):
        whole = _NAME.fullmatch(value)
        return known[whole[1]] if whole else _NAME.sub(lambda match: str(known[match[1]]), value)
    return value


def differences(shown: Json, answered: Json, known: dict[str, Json], at: str = "answer") -> list[str]:
    """Where the answer is not as the page shows it. Names that are new in the page are learned.

    Objects may have more than is shown, but for `fields`, which are what a reader has stored; lists where the page ends with "…";
    "…" is any value; numbers are as exact as shown.
    """
    if shown == ANYTHING:
        return []
    if isinstance(shown, str) and (name := _NAME.fullmatch(shown)):
        return _named(name[1], answered, known, at)
    if isinstance(shown, dict) and isinstance(answered, dict):
        if at.endswith(".fields") and answered.keys() - shown.keys():
            return [f"{at}: the page shows {shown!r}, answered was {answered!r}"]
        return [
            each
            for key, value in shown.items()
            for each in differences(value, answered.get(key, "(missing)"), known, f"{at}.{key}")
        ]
    if isinstance(shown, list) and isinstance(answered, list):
        return _listed(shown, answered, known, at)
    if isinstance(shown, float) and isinstance(answered, float):
        answered = round(answered, len(str(shown).partition(".")[2]))
    return [] if shown == answered else [f"{at}: the page shows {shown!r}, answered was {answered!r}"]


def _named(name: str, answered: Json, known: dict[str, Json], at: str) -> list[str]:
    if answered is None or known.setdefault(name, answered) != answered:
        return [f"{at}: the page shows <{name}>, {known.get(name)!r}; answered was {answered!r}"]
    return []


def _listed(shown: list[Json], answered: list[Json], known: dict[str, Json], at: str) -> list[str]:
    cut = shown[-1:] == [ANYTHING]
    shown = shown[:-1] if cut else shown
    if len(answered) < len(shown) or (not cut and len(answered) > len(shown)):
        return [f"{at}: the page shows {len(shown)} items, answered was {answered!r}"]
    pairs = enumerate(zip(shown, answered, strict=False))
    return [each for place, (one, other) in pairs for each in differences(one, other, known, f"{at}[{place}]")]
