"""The README is true: its tables are those of the code, and its first session works as it stands."""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main
from pydantic.fields import FieldInfo

from app.cli import application
from app.errors import CATALOGUE
from app.main import create_app
from app.settings import Settings
from tests.conftest import KEYS
from tests.factory import KEY, SECOND_KEY, TOKEN, Api, Running

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


def between(mark: str) -> str:
    return README.split(f"<!-- {mark} -->")[1].split(f"<!-- /{mark} -->")[0]


def rows(mark: str) -> list[list[str]]:
    lines = [line for line in between(mark).strip().splitlines()[2:] if line]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def default_of(name: str, field: FieldInfo) -> str:
    """A default as the table writes it."""
    if name == "data_dir":
        return "the user's data directory; for root `/var/lib/vectorgate`"
    value = field.get_default(call_default_factory=True)
    written = {None: "unset", True: "`on`", False: "`off`"}
    return written[value] if value is None or isinstance(value, bool) else f"`{value}`"


def test_every_setting_is_in_the_table_with_its_meaning_and_default() -> None:
    expected = [
        [f"`VECTORGATE_{name.upper()}`", field.description, default_of(name, field)]
        for name, field in Settings.model_fields.items()
    ]
    assert rows("settings") == expected


def test_every_code_is_in_the_table_with_its_title() -> None:
    expected = [
        [f"`{code}`", kind.family.value, "yes" if kind.retryable else "no", kind.title()]
        for code, kind in CATALOGUE.items()
    ]
    assert rows("codes") == expected


def test_every_dependency_is_named_with_its_reason() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    named = README.split("## Dependencies, and why")[1].split("##")[0]
    packages = [re.split(r"[><=;\[ ]", each)[0] for each in project["dependencies"]]
    assert [each for each in packages if not re.search(rf"\b{re.escape(each)}\b", named)] == []


def test_ci_calls_the_readme_s_commands_for_tests_and_documentation() -> None:
    command = next(line for line in README.splitlines() if "uv run pytest" in line and line.startswith("python3"))
    script = (ROOT / ".ci" / "run").read_text()
    assert command.split("#")[0].strip() in script
    assert commands_with("sphinx").strip() in script


def test_every_command_is_in_the_table() -> None:
    documented = re.findall(r"(?m)^\| `vectorgate ([a-z]+(?: [a-z]+)?)", README)
    assert set(documented) == set(leaves(typer.main.get_command(application)))


def leaves(command: object, *words: str) -> Iterator[str]:
    """The words of every command that is no group."""
    inner = getattr(command, "commands", {})
    if not inner:
        yield " ".join(words)
    for name, each in inner.items():
        yield from leaves(each, *words, name)


def test_every_endpoint_is_in_the_table(running: Running) -> None:
    documented = re.findall(r"(?m)^\| `(/[\w/.{}]+)` \|", README)
    assert set(documented) == {getattr(route, "path", "") for route in create_app(running.gateway).routes}


async def shell(commands: str, **environment: str) -> str:
    """What these commands print, with this Python's own interpreter and command in the place of those that a reader has."""
    words = {"uv run vectorgate": f"{sys.executable} -m app", "python3": sys.executable}
    for word, own in words.items():
        commands = commands.replace(word, own)
    process = await asyncio.create_subprocess_shell(
        commands, stdout=asyncio.subprocess.PIPE, env={**os.environ, **environment}, cwd=ROOT
    )
    out, _ = await process.communicate()
    assert process.returncode == 0
    return out.decode()


def commands_with(word: str) -> str:
    """The one block of shell commands that holds this."""
    (found,) = [block for block in re.findall(r"```bash\n(.*?)```", README, re.DOTALL) if word in block]
    return str(found)


async def test_the_first_request_is_answered_as_it_stands(running: Running, database_url: str) -> None:
    commands = commands_with("viewer").replace("http://127.0.0.1:8000", running.url)
    settings = {"DATABASE_URL": database_url, "ENCRYPTION_KEYS": KEYS, "BOOTSTRAP_TOKEN": TOKEN}
    printed = await shell(commands, **{f"VECTORGATE_{name}": value for name, value in settings.items()})
    data = json.loads(printed)["data"]
    assert data["organization"] == {"name": "default"}
    assert "MANAGE_ACCESS" in data["viewer"]["permissions"]


async def test_a_file_of_ones_own_is_searched_in_five_commands(
    running: Running, database_url: str, tmp_path: Path
) -> None:
    file = tmp_path / "books.jsonl"
    file.write_text(
        '{"_id": "moby-dick", "description": "A captain hunts a white whale."}\n{"_id": "emma", "description": "Love."}\n'
    )
    install, *commands = commands_with("vectorgate import").strip().splitlines()
    importing, serve, token, search = commands
    assert (install.startswith("python3 -m venv"), serve.endswith("vectorgate serve")) == (True, True)
    typed = "\n".join([importing.replace(file.name, str(file)) + " > /dev/null", token, search])
    typed = typed.replace(".uv/bin/", "").replace("http://127.0.0.1:8000", running.url)
    settings = {"DATABASE_URL": database_url, "ENCRYPTION_KEYS": KEYS, "BOOTSTRAP_TOKEN": TOKEN}
    printed = await shell(typed, **{f"VECTORGATE_{name}": value for name, value in settings.items()})
    found = json.loads(printed)["data"]["organization"]["database"]["collection"]["vectorSearch"]["nodes"]
    assert [each["key"] for each in found] == ["moby-dick", "emma"]


async def test_the_key_ring_that_it_makes_is_one() -> None:
    ring = (await shell(commands_with("urandom"))).strip()
    keys = Settings.from_env({"VECTORGATE_ENCRYPTION_KEYS": ring}).encryption_keys or {}
    assert list(map(len, keys.values())) == [32]


@pytest.mark.usefixtures("openai")
async def test_the_first_session_works_as_it_stands(api: Api) -> None:
    known = {"YOUR_KEY": KEY, "YOUR_NEW_KEY": SECOND_KEY}
    answers = []
    for document in re.findall(r"```graphql\n(.*?)```", README, re.DOTALL):
        data = await api(filled(document, known))
        known |= dict(ids(data))
        answers.append(data)
    nearest = next(each["vectorSearch"] for each in answers if "vectorSearch" in each)
    assert nearest["edges"][0]["node"]["key"] == "moby-dick"
    assert [each["rotateCredential"]["credential"]["version"] for each in answers if "rotateCredential" in each] == [2]


def filled(document: str, known: dict[str, str]) -> str:
    """The document with what stands for placeholders such as DATABASE_ID."""
    return re.sub(r'"([A-Z_]+)"', lambda match: f'"{known.get(match[1], match[1])}"', document)


def ids(data: Any) -> Iterator[tuple[str, str]]:  # noqa: ANN401 - JSON
    """`database {id}` answers what DATABASE_ID stands for."""
    if isinstance(data, dict):
        for name, value in data.items():
            if isinstance(value, dict) and "id" in value:
                yield f"{name.upper()}_ID", value["id"]
            yield from ids(value)
