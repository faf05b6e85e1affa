"""The README is true: its tables are those of the code, and its first session works as it stands."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.errors import CATALOGUE
from app.settings import Settings
from tests.factory import KEY, SECOND_KEY, Api

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


def between(mark: str) -> str:
    return README.split(f"<!-- {mark} -->")[1].split(f"<!-- /{mark} -->")[0]


def rows(mark: str) -> list[list[str]]:
    lines = [line for line in between(mark).strip().splitlines()[2:] if line]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def test_every_setting_is_in_the_table_with_its_meaning() -> None:
    expected = [(f"`VECTORGATE_{name.upper()}`", field.description) for name, field in Settings.model_fields.items()]
    assert [(row[0], row[1]) for row in rows("settings")] == expected


def test_every_code_is_in_the_table_with_its_title() -> None:
    expected = [
        [f"`{code}`", kind.family.value, "yes" if kind.retryable else "no", kind.title()] for code, kind in CATALOGUE.items()
    ]
    assert rows("codes") == expected


def test_every_dependency_is_named_with_its_reason() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    named = README.split("## Dependencies, and why")[1].split("##")[0]
    packages = [re.split(r"[><=;\[ ]", each)[0] for each in project["dependencies"]]
    assert [each for each in packages if not re.search(rf"\b{re.escape(each)}\b", named)] == []


def test_ci_calls_the_readme_s_test_command() -> None:
    command = next(line for line in README.splitlines() if "uv run pytest" in line and line.startswith("python3"))
    assert command.split("#")[0].strip() in (ROOT / ".ci" / "run").read_text()


@pytest.mark.usefixtures("openai")
async def test_the_first_session_works_as_it_stands(api: Api) -> None:
    known = {"YOUR_KEY": KEY, "YOUR_NEW_KEY": SECOND_KEY}
    answers = []
    for document in re.findall(r"```graphql\n(.*?)```", README, re.DOTALL):
        filled = re.sub(r'"([A-Z_]+)"', lambda match: f'"{known.get(match[1], match[1])}"', document)
        data = await api(filled)
        known |= dict(ids(data))
        answers.append(data)
    nearest = next(each["vectorSearch"] for each in answers if "vectorSearch" in each)
    assert nearest["edges"][0]["node"]["key"] == "moby-dick"
    assert [each["rotateCredential"]["credential"]["version"] for each in answers if "rotateCredential" in each] == [2]


def ids(data: Any) -> Iterator[tuple[str, str]]:  # noqa: ANN401 - JSON
    """`database {id}` answers what DATABASE_ID stands for."""
    if isinstance(data, dict):
        for name, value in data.items():
            if isinstance(value, dict) and "id" in value:
                yield f"{name.upper()}_ID", value["id"]
            yield from ids(value)
