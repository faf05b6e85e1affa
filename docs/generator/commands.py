"""The command line, as the typer application describes itself."""

from __future__ import annotations

from collections.abc import Iterator
from inspect import cleandoc
from typing import Any

import typer.main

from app.cli import application
from docs.generator.markdown import code, section, table

Command = Any
"""typer carries a click of its own, which it does not export."""


def commands() -> str:
    """A section for each command: what it does, its arguments and options."""
    return "\n".join(_command(words, each) for words, each in leaves(typer.main.get_command(application)))


def leaves(command: Command, *words: str) -> Iterator[tuple[str, Command]]:
    """Every command that is no group, with the words that call it."""
    inner = getattr(command, "commands", {})
    if not inner:
        yield " ".join(words), command
    for name, each in inner.items():
        yield from leaves(each, *words, name)


def _command(words: str, command: Command) -> str:
    rows = [_row(each) for each in command.params]
    options = table(("argument or option", "meaning", "default"), rows) if rows else ""
    return section(2, f"vectorgate {words}", cleandoc(command.help or ""), options)


def _row(parameter: Any) -> list[str]:  # noqa: ANN401 - as Command
    is_option = parameter.param_type_name == "option"
    names = (
        ", ".join(map(code, [*parameter.opts, *parameter.secondary_opts]))
        if is_option
        else code(parameter.name.upper())
    )
    meaning = " ".join((parameter.help or "").split())
    return [names, f"{meaning} **Required.**" if parameter.required else meaning, _default(parameter)]


def _default(parameter: Any) -> str:  # noqa: ANN401 - as Command
    value = parameter.default
    return "" if value in (None, False, ()) or callable(value) or parameter.required else code(value)
