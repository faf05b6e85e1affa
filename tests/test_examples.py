"""The examples are true: what their README has a reader type generates each client from the schema, and prints what it shows."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
from pathlib import Path

from tests.factory import SECOND_KEY, TOKEN, Run, Running
from tests.packages import install

ROOT = Path(__file__).parent.parent
EXAMPLES = ROOT / "examples"
README = (EXAMPLES / "README.md").read_text()
BOOKS = ("moby-dick", "frankenstein", "time-machine")


def session(title: str) -> tuple[list[str], str]:
    """The commands of a section of the README, and what they print."""
    lines = re.split(r"```console\n(.*?)```", README.split(f"\n## {title}\n")[1], maxsplit=1, flags=re.DOTALL)[1]
    commands = [line.removeprefix("$ ") for line in lines.splitlines() if line.startswith("$ ")]
    return commands, "".join(f"{line}\n" for line in lines.splitlines() if not line.startswith("$ "))


async def shell(commands: list[str], **environment: str) -> tuple[int | None, str, str]:
    """Exit code, output and errors of commands that are typed in the repository."""
    environment["UV_PROJECT_ENVIRONMENT"] = (
        ".venv"  # the example's own, never the one that these tests may have been told of
    )
    process = await asyncio.create_subprocess_shell(
        "\n".join(["set -eu", *commands]),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, **environment},
        cwd=ROOT,
    )
    out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


def typed(commands: list[str]) -> list[str]:
    """The commands with what has been done for all, and with this run's own uv in the place of the reader's."""
    uv = os.environ.get("UV") or shutil.which("uv") or str(ROOT / ".uv" / "bin" / "uv")
    return [re.sub(r"^uv ", f"{uv} ", command) for command in commands if command != "npm ci"]


def last_lines(text: str, shown: str) -> str:
    """As many lines as are shown: without what the generators tell before."""
    return "".join(text.splitlines(keepends=True)[-shown.count("\n") :])


async def world(running: Running) -> dict[str, str]:
    """What the README has a reader export."""
    collection_id = await running.api.local_collection()
    credential_id = await running.api.credential("production")
    known = {"COLLECTION_ID": collection_id, "CREDENTIAL_ID": credential_id, "NEW_API_KEY": SECOND_KEY}
    return known | {"VECTORGATE_URL": f"{running.url}/graphql", "VECTORGATE_TOKEN": TOKEN}


async def test_the_typescript_client(running: Running, run: Run) -> None:
    await install(EXAMPLES / "typescript")
    given = await world(running)
    commands, printed = session("TypeScript")
    code, out, err = await shell(typed(commands), **given)
    assert (code, last_lines(out, printed)) == (0, printed), err

    folder, trusted = (
        EXAMPLES / "typescript",
        EXAMPLES / "typescript" / "src" / "generated" / "persisted-documents.json",
    )
    strict = given | {"VECTORGATE_URL": f"{(await run(trusted_documents=trusted)).url}/graphql"}
    code, out, err = await shell([f"cd {folder}", "BY_HASH=1 npm start"], **strict)
    assert (code, out.splitlines()[-1]) == (0, "production has version 3"), err
    code, _, err = await shell([f"cd {folder}", "npm start"], **strict)
    assert (code, "BAD_INPUT: Only documents that the operator trusts" in err) == (1, True), err


async def test_the_python_client(running: Running) -> None:
    given = await world(running)
    commands, printed = session("Python")
    code, out, err = await shell(typed(commands), **given)
    assert (code, last_lines(out, printed)) == (0, printed), err
    code, _, err = await shell(
        [commands[0], *typed(commands[-1:])], **given | {"COLLECTION_ID": given["CREDENTIAL_ID"]}
    )
    assert (code, "NOT_FOUND: " in err) == (1, True), err


async def test_the_relay_client(running: Running) -> None:
    await install(EXAMPLES / "relay")
    given = await world(running)
    await running.api.insert(given["COLLECTION_ID"], *({"_id": key} for key in BOOKS))
    commands, printed = session("Relay")
    code, out, err = await shell(typed(commands), **given)
    assert (code, last_lines(out, printed)) == (0, printed), err
    for wrong, told in (
        ({"VECTORGATE_TOKEN": "vg_nobody's"}, "UNAUTHENTICATED: "),
        ({"COLLECTION_ID": given["CREDENTIAL_ID"]}, "COLLECTION_ID"),
    ):
        code, _, err = await shell([commands[0], commands[-1]], **given | wrong)
        assert (code, told in err) == (1, True), err
