"""Whether two answers to one request are the same.

Byte for byte, but for what the specification leaves open: the order of errors, which graphql-core tells as their tasks end; and,
where a failure made more than its own field null, which of the failures below that is told.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from app.web.message import encode_json
from resolvers.operation.execution import Answer

Path = tuple[str | int, ...]


class Verdicts:
    """How many answers were compared, and how."""

    def __init__(self) -> None:
        self.refused = self.exact = self.open = self.with_errors = 0

    def __str__(self) -> str:
        return (
            f"{self.exact} alike to the byte, {self.open} but for what is open; {self.with_errors} of them with errors; "
            f"{self.refused} refused before they were run"
        )

    def note(self, planned: Answer, core: Answer, *, strict: bool = False) -> None:
        """Fails where the answers differ."""
        if not core.executed:
            self.refused += 1
            assert encode_json(planned.body) == encode_json(core.body)
            return
        assert encode_json(planned.data) == encode_json(core.data)
        self.with_errors += bool(core.errors)
        one, two = (answer.errors if strict else sorted(answer.errors, key=_place) for answer in (planned, core))
        if encode_json(one) == encode_json(two):
            self.exact += 1
            return
        assert not strict, (one, two)
        self.open += 1
        wide = _nulled(core.data, [*one, *two])
        assert wide, (one, two)
        assert encode_json(_apart(one, wide)) == encode_json(_apart(two, wide))
        assert all(_below(one, each) and _below(two, each) for each in wide)


def _place(error: Any) -> list[tuple[str, str]]:  # noqa: ANN401 - an AnswerError
    return [(type(step).__name__, f"{step:>9}") for step in error.get("path", ())]


def _nulled(data: Any, errors: Sequence[Any]) -> set[Path]:  # noqa: ANN401 - JSON
    """Where something is null because something below it may not be."""
    found = set()
    for error in errors:
        path = tuple(error.get("path", ()))
        value, depth = data, 0
        while value is not None and depth < len(path):
            value, depth = value[path[depth]], depth + 1
        if depth < len(path):
            found.add(path[:depth])
    return found


def _below(errors: Sequence[Any], place: Path) -> list[Any]:
    return [error for error in errors if tuple(error.get("path", ()))[: len(place)] == place]


def _apart(errors: Sequence[Any], places: set[Path]) -> list[Any]:
    return [error for error in errors if not any(_below([error], place) for place in places)]
