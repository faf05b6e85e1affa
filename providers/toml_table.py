"""Reads a TOML table field by field, noting everything that does not fit instead of stopping at the first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeGuard

COUNT = "a whole number of at least 1"


class TomlTable:
    """`where` begins the sentences that go to `problems`, which all tables of a file share. Nothing is raised."""

    def __init__(self, content: object, where: str, problems: list[str]) -> None:
        self.where = where
        self._problems = problems
        self._content: Mapping[str, object] = {}
        self._asked: set[str] = set()
        if isinstance(content, dict):
            self._content = content
        else:
            self.problem("must be a table")

    def __contains__(self, name: str) -> bool:
        return name in self._content

    def __iter__(self) -> Iterator[str]:
        return iter(self._content)

    def problem(self, sentence: str) -> None:
        self._problems.append(f"{self.where}: {sentence}")

    def value(self, name: str) -> object:
        """Whatever stands there; None where nothing does."""
        self._asked.add(name)
        return self._content.get(name)

    def text(self, name: str) -> str | None:
        value = self.value(name)
        if isinstance(value, str) and value:
            return value
        self._unless_absent(name, "text that is not empty")
        return None

    def count(self, name: str) -> int | None:
        value = self.value(name)
        if _is_count(value):
            return value
        self._unless_absent(name, COUNT)
        return None

    def counts(self, name: str) -> tuple[int, ...]:
        value = self.value(name)
        if isinstance(value, list) and all(map(_is_count, value)):
            return tuple(value)
        self._unless_absent(name, f"a list, each item {COUNT}")
        return ()

    def table(self, name: str) -> TomlTable:
        """An empty one where nothing stands."""
        return TomlTable(self.value(name) if name in self else {}, f"{self.where}.{name}", self._problems)

    def tables(self, name: str) -> list[TomlTable]:
        value = self.value(name)
        items = value if isinstance(value, list) else []
        if not isinstance(value, list):
            self._unless_absent(name, "a list of tables")
        return [TomlTable(item, f"{self.where}.{name}[{number}]", self._problems) for number, item in enumerate(items)]

    def finish(self) -> None:
        """To be called when all has been asked for: what was not is no field of this table."""
        for name in self._content.keys() - self._asked:
            self.problem(f"has no field {name}")

    def _unless_absent(self, name: str, expected: str) -> None:
        if name in self:
            self.problem(f"{name} must be {expected}")


def _is_count(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1
