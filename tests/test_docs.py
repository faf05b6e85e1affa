"""The documentation is true: its examples work in their order on every page, its commands exist, its tables are those of the code."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shlex
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
import typer.main

from app.cli import application
from app.errors import CATALOGUE, InvalidFilter
from app.main import create_app
from app.store.filter import check_document_filter
from docs.generator.parts import PARTS, complete
from docs.generator.providers import example
from providers import PROVIDERS
from providers.base import Kind
from tests.conftest import KEYS
from tests.docs.given import GIVEN, SECRETS
from tests.docs.matching import differences, filled
from tests.docs.page import DOCS, Page, Step, named
from tests.factory import TOKEN, Api, Run, Running
from tests.patience import until

ALL = sorted(path for path in DOCS.rglob("*.md"))
SHOWN = [path for path in ALL if path.parent.name == "how-to" and "```graphql" in path.read_text()]


def name_of(path: Path) -> str:
    return str(path.relative_to(DOCS))


@pytest.mark.parametrize("path", SHOWN, ids=name_of)
async def test_every_example_of_a_page_is_answered_as_it_shows(path: Path, running: Running) -> None:
    page = Page.read(path)
    known: dict[str, Any] = {**SECRETS, "url": running.url}
    for each in page.given:
        await GIVEN[each](running.api, known)
    for step in page.steps:
        await performed(running.api, step, known)


async def test_the_tutorial_works_as_it_stands(running: Running, database_url: str, tmp_path: Path) -> None:
    page = Page.read(DOCS / "tutorial.md")
    (tmp_path / "books.jsonl").write_text(named("books.jsonl", page))
    install, importing, serve, token, search, build, asking, with_variables = page.commands
    assert (install.startswith("python3 -m venv"), serve.endswith("vectorgate serve")) == (True, True)
    assert (DOCS.parent / build.removeprefix("python3 ")).is_file()
    spaced = f"{search}; echo; {asking}; echo; {with_variables}"
    *_, found, counted, named_database = (
        await typed([importing, token, spaced], running.url, database_url, tmp_path)
    ).splitlines()
    assert '"Moby-Dick"' in found
    assert json.loads(counted)["data"]["organization"]["database"]["collection"]["documentCount"] == 5
    assert json.loads(named_database)["data"]["organization"]["database"]["id"]
    known: dict[str, Any] = {}
    for step in page.steps:
        await performed(running.api, step, known)


async def typed(commands: list[str], url: str, database_url: str, folder: Path) -> str:
    """What these commands print, with this Python's own command and server in the place of those that a reader has."""
    settings = {"DATABASE_URL": database_url, "ENCRYPTION_KEYS": KEYS, "BOOTSTRAP_TOKEN": TOKEN}
    own = {".uv/bin/uv run vectorgate": f"{sys.executable} -m app", "http://127.0.0.1:8000": url}
    script = "\n".join(["set -eu", *commands])
    for theirs, ours in own.items():
        script = script.replace(theirs, ours)
    environment = {**os.environ, "PYTHONPATH": str(DOCS.parent), **{f"VECTORGATE_{k}": v for k, v in settings.items()}}
    process = await asyncio.create_subprocess_shell(script, stdout=asyncio.subprocess.PIPE, env=environment, cwd=folder)
    out, _ = await process.communicate()
    assert process.returncode == 0
    return out.decode()


async def performed(api: Api, step: Step, known: dict[str, Any]) -> None:
    """A query is asked until the answer is the one that is shown, as a reader would who waits for a job."""
    found: list[str] = []

    async def as_shown() -> bool:
        body = await asked(api, step, filled(step.variables, known))
        found[:] = compared(step, body, known)
        return not found

    if step.operation == "query":
        try:
            await until(as_shown)
        except TimeoutError:
            raise AssertionError(found) from None
    else:
        assert await as_shown(), found


async def asked(api: Api, step: Step, variables: dict[str, Any]) -> dict[str, Any]:
    """The response's body; of a subscription the last event."""
    if step.operation != "subscription":
        body: dict[str, Any] = (await api.post(step.document, variables)).json()
        return body
    given = {"query": step.document, "variables": variables}
    headers = {"accept": "text/event-stream"}
    async with api.http.stream("POST", "/graphql/stream", json=given, headers=headers) as response:
        return await last_event(response)


async def last_event(response: httpx.Response) -> dict[str, Any]:
    body: dict[str, Any] = {}
    async for line in response.aiter_lines():
        if line.startswith("data: {"):
            body = json.loads(line.removeprefix("data: "))
    return body


def compared(step: Step, body: dict[str, Any], known: dict[str, Any]) -> list[str]:
    if step.refusal is None:
        return [str(body["errors"])] if body.get("errors") else differences(step.answer, body["data"], known)
    if not body.get("errors"):
        return [f"not refused: {body}"]
    error = body["errors"][0]
    return differences(step.refusal, error["extensions"] | {"message": error["message"]}, known)


@pytest.mark.parametrize("path", [*SHOWN, DOCS / "tutorial.md"], ids=name_of)
def test_every_request_has_its_outcome_beside_it(path: Path) -> None:
    page = Page.read(path)
    requests = [block for block in page.blocks if block.language == "graphql"]
    assert len(list(page.steps)) == len(requests)


def test_every_command_that_is_shown_exists_with_these_options() -> None:
    shown = {(name_of(path), line) for path in ALL for line in Page.read(path).commands}
    ours = [(where, line) for where, line in shown if "vectorgate " in line]
    assert len(ours) > 5
    for where, line in ours:
        arguments = shlex.split(
            line.partition("vectorgate ")[2].partition(" > ")[0].partition(" && ")[0], comments=True
        )
        assert understood(arguments), f"{where}: {line}"


def understood(arguments: list[str]) -> bool:
    """Whether the command line parses; nothing is run, and no file needs to exist."""
    command: Any = typer.main.get_command(application)
    while hasattr(command, "commands") and arguments and not arguments[0].startswith("-"):
        command, arguments = command.commands.get(arguments[0]), arguments[1:]
        if command is None:
            return False
    known = {option for each in command.params for option in (*each.opts, *each.secondary_opts)} | {"--help"}
    return all(each.partition("=")[0] in known for each in arguments if each.startswith("-"))


# --- the generated parts ---
@pytest.mark.parametrize("path", ALL, ids=name_of)
def test_every_generated_part_of_a_page_can_be_made(path: Path) -> None:
    assert "<!-- generated" not in complete(path.read_text())


def test_every_part_is_shown_somewhere() -> None:
    text = "".join(path.read_text() for path in ALL)
    assert [name for name in PARTS if f"<!-- generated: {name}" not in text] == []


def test_every_code_has_its_cause_and_its_cure() -> None:
    sections = (DOCS / "reference" / "errors.md").read_text().split("\n### ")[1:]
    assert [each.split("\n")[0] for each in sections] == list(CATALOGUE)
    assert [each.split("\n")[0] for each in sections if "**Cause.**" not in each or "**Cure.**" not in each] == []


def test_the_page_on_filters_has_every_operator_and_its_examples_are_filters() -> None:
    lines = (DOCS / "reference" / "filters.md").read_text().splitlines()
    rows = [line.strip("| ").split(" | ") for line in lines if line.startswith("| `$")]
    for text in (found for *_, examples in rows for found in re.findall(r"`([^`]+)`", examples)):
        check_document_filter(json.loads(text))
    shown = {found for name, *_ in rows for found in re.findall(r"\$\w+", name)}
    assert shown == operators_told({"$wrong": []}) | operators_told({"field": {"$wrong": 1}})


def operators_told(wrong: dict[str, object]) -> set[str]:
    """Those that the refusal of a filter offers."""
    with pytest.raises(InvalidFilter) as refused:
        check_document_filter(wrong)
    return set(re.findall(r"\$\w+", refused.value.message)) - {"$wrong"}


def test_every_provider_has_a_page() -> None:
    shown = {path.stem for path in (DOCS / "reference" / "providers").glob("*.md")} - {"index"}
    assert shown == {each.key for each in PROVIDERS}
    for key in shown:
        assert f"<!-- generated: provider {key} -->" in (DOCS / "reference" / "providers" / f"{key}.md").read_text()


async def test_the_configuration_that_a_provider_s_page_shows_is_accepted(run: Run) -> None:
    api = (await run(hosted_nvidia_api_key="nvapi-0123456789")).api
    database_id = await api.database()
    for provider in PROVIDERS:
        if provider.kind is Kind.EXTERNAL:
            await api.credential("production", databases=(database_id,), provider=provider.key)
        collection_id = await api.collection(database_id, f"of_{provider.key}", embedding=example(provider))
        assert collection_id


def test_every_endpoint_is_in_the_reference(running: Running) -> None:
    text = (DOCS / "reference" / "endpoints.md").read_text()
    served = {getattr(route, "path", "").partition("/{")[0] for route in create_app(running.gateway).routes}
    assert [path for path in served if f"`{path}`" not in text] == []
