"""Dotted paths into JSON bodies, the same for filters and updates: a name leads into objects, a number into arrays, too."""

from __future__ import annotations

import re
from collections.abc import Sequence

from app.store.identifier import Arguments

MOST_SEGMENTS = 20

_INDEX = re.compile(r"0|[1-9][0-9]{0,8}")


def is_index(segment: str) -> bool:
    """Whether a segment can be an array's index, written in the one way that PostgreSQL and people agree on."""
    return _INDEX.fullmatch(segment) is not None


def reached(json: str, path: Sequence[str], arguments: Arguments) -> str:
    """The value that stands at a path below the JSON expression; NULL where there is none.

    PostgreSQL's own `#>` would take "-1", "+1" and "01" for indexes of arrays.
    """
    for segment in path:
        name = arguments.text(segment)
        json = f"({json} #> array[{name}])" if is_index(segment) else f"({json} -> {name})"
    return json
