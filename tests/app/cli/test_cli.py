"""What all commands have in common: help, exit codes, and one readable line for a mistake."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.metadata import entry_points, version
from pathlib import Path

import pytest
import typer.main

import app.__main__
from app.cli import application, main
from tests.app.cli.support import Call, Ended, Start

Inside = Callable[..., Ended]
ROOT_COMMAND = typer.main.get_command(application)
AWAY = "postgresql://127.0.0.1:1/away"


def paths(command: object = ROOT_COMMAND, *before: str) -> Iterator[tuple[str, ...]]:
    """The words of every command and group."""
    yield before
    for name, inner in getattr(command, "commands", {}).items():
        yield from paths(inner, *before, name)


def test_the_commands_are_those_that_are_documented() -> None:
    assert {" ".join(path) for path in paths()} == {
        "",
        "serve",
        "worker",
        "demo",
        "migrate",
        "schema",
        "doctor",
        "token",
        "token create",
        "organization",
        "organization create",
        "keys",
        "keys rotate",
        "import",
        "export",
    }


@pytest.mark.parametrize("path", list(paths()), ids=" ".join)
def test_every_command_has_help(inside: Inside, path: tuple[str, ...]) -> None:
    ended = inside(*path, "--help")
    assert (ended.code, ended.err) == (0, "")
    assert " ".join(("Usage: vectorgate", *path)) in ended.out
    assert "[default: None]" not in ended.out


@pytest.mark.parametrize(
    ("arguments", "told", "command"),
    [
        (("nonsense",), "No such command 'nonsense'", ""),
        (("serve", "--nonsense"), "No such option: --nonsense", " serve"),
        (("serve", "--wait", "-1"), "'--wait': ", " serve"),
        (("serve", "--wait", "long"), "'--wait': ", " serve"),
        (("token", "create"), "Missing option '--name'", " token create"),
        (("organization", "create"), "Missing argument 'name'", " organization create"),
        (("schema", "extra"), "extra", " schema"),
        (("schema", "ex\ntra\x1b[0m"), "ex\\x0atra\\x1b[0m", " schema"),
        (("export", "books.txt", "--collection", "a.b"), "give --format", " export"),
    ],
)
def test_wrong_usage_is_exit_code_2_and_one_line_however_narrow_the_terminal(
    inside: Inside, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], told: str, command: str
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    ended = inside(*arguments)
    assert (ended.code, ended.out) == (2, "")
    assert told in ended.told
    assert ended.told.endswith(f" (see `vectorgate{command} --help`)")


@pytest.mark.parametrize("group", [(), ("token",), ("organization",), ("keys",)])
def test_a_group_without_a_command_shows_its_help(inside: Inside, group: tuple[str, ...]) -> None:
    ended = inside(*group)
    assert ended.code == 2
    assert "Usage: vectorgate" in ended.out + ended.err


def test_python_m_app_is_vectorgate(inside: Inside) -> None:
    (script,) = entry_points(group="console_scripts", name="vectorgate")
    assert script.load() is main
    assert f"    {main.__name__}()\n" in Path(app.__main__.__file__).read_text()
    assert inside("--version") == Ended(0, f"{version('vectorgate')}\n", "")


# --- mistakes ---
async def test_wrong_settings_are_exit_code_2_with_a_line_each_and_no_value(start: Start) -> None:
    ended = await (await start("migrate", PORT="hunter2", DATABASE_URL=AWAY)).ended()
    assert (ended.code, ended.out) == (2, "")
    assert [line.partition(": ")[2].partition(":")[0] for line in ended.err.splitlines()] == [
        "VECTORGATE_ENCRYPTION_KEYS",
        "VECTORGATE_PORT",
    ]
    assert "hunter2" not in ended.err


async def test_a_database_that_is_away_is_one_line_for_the_operator_after_the_wait(call: Call) -> None:
    ended = await call("organization", "create", "Acme", "--wait", "0", DATABASE_URL=AWAY)
    assert (ended.code, ended.out) == (1, "")
    assert ended.told.startswith("The database of VECTORGATE_DATABASE_URL could not be used for")
    assert "Connect call failed ('127.0.0.1', 1)" in ended.told


async def test_a_data_directory_that_cannot_be_is_one_line(start: Start, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    ended = await (await start("migrate", DATA_DIR=str(tmp_path / "file"))).ended()
    assert (ended.code, ended.out) == (1, "")
    assert "does not start in" in ended.told
