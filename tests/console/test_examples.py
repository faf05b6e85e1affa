"""The operations that the console offers: they fit the schema, and they work one after the other as they stand."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
from graphql import DocumentNode, OperationDefinitionNode, OperationType, build_schema, parse, validate
from graphql.execution.values import VariableValues, get_variable_values

from resolvers.node import split
from tests.factory import KEY, SECOND_KEY, Api

ROOT = Path(__file__).parent.parent.parent
SOURCES = ROOT / "console" / "src"
SCHEMA = build_schema((ROOT / "schema.graphql").read_text())
PLACEHOLDERS = set(re.findall(r"(?m)^  ([A-Z]+_ID):", (SOURCES / "placeholders.ts").read_text()))


@dataclass(frozen=True)
class Example:
    """A file of the folder, with its variables."""

    path: Path

    @cached_property
    def text(self) -> str:
        return self.path.read_text()

    @cached_property
    def document(self) -> DocumentNode:
        return parse(self.text)

    @property
    def operation(self) -> OperationDefinitionNode:
        (only,) = self.document.definitions
        assert isinstance(only, OperationDefinitionNode)
        return only

    @property
    def name(self) -> str:
        assert self.operation.name is not None
        return self.operation.name.value

    @property
    def title(self) -> str:
        """Of its button: what stands behind the group in the first line."""
        return self.text.partition("\n")[0].partition(": ")[2]

    @property
    def variables(self) -> dict[str, Any]:
        path = self.path.with_suffix(".json")
        given: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
        return given


EXAMPLES = [Example(path) for path in sorted((SOURCES / "examples").glob("*.graphql"))]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda each: each.path.stem)
def test_an_example_says_what_it_does_and_fits_the_schema(example: Example) -> None:
    assert re.match(r"# [^:\n]+: [^:\n]+\n(# .*\n)*# .*\.\n(query|mutation|subscription) \w+", example.text)
    assert validate(SCHEMA, example.document) == []
    variables = get_variable_values(SCHEMA, example.operation.variable_definitions or (), example.variables)
    assert isinstance(variables, VariableValues), variables
    assert set(example.variables) == set(variables.sources)


def test_every_placeholder_is_one_that_the_console_fills_in() -> None:
    assert PLACEHOLDERS
    used = {name for each in EXAMPLES for name in re.findall(r'"([A-Z]+_ID)"', json.dumps(each.variables))}
    assert used == PLACEHOLDERS


def test_what_is_open_at_first_is_among_the_examples() -> None:
    first = re.search(r"const FIRST = \[(.*?)\]", (SOURCES / "examples.ts").read_text(), re.DOTALL)
    assert first is not None
    names = {each.name for each in EXAMPLES}
    assert set(re.findall(r'"(\w+)"', first[1])) <= names


@pytest.mark.usefixtures("openai")
async def test_the_examples_work_one_after_the_other(api: Api) -> None:
    known = {"YOUR_KEY": KEY, "YOUR_NEW_KEY": SECOND_KEY}
    answers: dict[str, Any] = {}
    for example in EXAMPLES:
        if example.operation.operation is OperationType.SUBSCRIPTION:
            continue  # test_browser.py follows them
        data = await api(example.text, **filled(example.variables, known))
        known |= learned(data)
        answers |= data
    assert answers["vectorSearch"]["edges"][0]["node"]["fields"]["title"] == "Alien"
    assert answers["rotateCredential"]["credential"]["version"] == 2
    assert answers["rollBackCredential"]["credential"]["version"] == 3
    assert answers["insertDocuments"]["insertedCount"] == 3
    assert answers["migrateCollection"]["collection"]["name"] == "books_euclidean"


def filled(variables: dict[str, Any], known: dict[str, str]) -> dict[str, Any]:
    text = re.sub(r'"([A-Z_]+)"', lambda match: json.dumps(known.get(match[1], match[1])), json.dumps(variables))
    given: dict[str, Any] = json.loads(text)
    return given


def learned(answer: object) -> dict[str, str]:
    """Placeholder -> id, as the console learns them: of each kind the first in the answer."""
    found: dict[str, str] = {}
    for identifier in ids(answer):
        kind = split(identifier)
        if kind is not None:
            found.setdefault(f"{kind[0].upper()}_ID", identifier)
    return found


def ids(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("id"), str):
            yield value["id"]
        for inner in value.values():
            yield from ids(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from ids(inner)
