"""The command `vectorgate`: one module a command. A user's mistake ends in one line on stderr, never in a traceback."""

from __future__ import annotations

import sys
from importlib.metadata import version
from typing import Annotated

import typer
from typer.exceptions import TyperException

from app.assembly import reason
from app.cli import demo, doctor, export, import_, keys, migrate, organization, output, schema, serve, token, worker
from app.cli.process import CommandFailed, examples
from app.embedded import EmbeddedError
from app.errors import DatabaseUnavailable, GatewayError
from app.secret import KeyFileDamaged
from app.settings import SettingsError
from app.store.migration import MigrationError

application = typer.Typer(name="vectorgate", no_args_is_help=True, pretty_exceptions_enable=False)
for command in (serve, worker, demo, migrate, schema, import_, export, doctor):
    name = command.__name__.rsplit(".", 1)[-1].strip("_")
    application.command(name=name, epilog=examples(*command.EXAMPLES))(command.run)
application.add_typer(token.application, name="token", help="Access tokens.")
application.add_typer(organization.application, name="organization", help="Organizations.")
application.add_typer(keys.application, name="keys", help="The keys that seal secrets.")


def _print_version(asked: bool) -> None:
    if asked:
        output.check()
        typer.echo(version("vectorgate"))
        raise typer.Exit


@application.callback()
def group(
    show_version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Semantic search over your data: a GraphQL gateway that owns the embedding providers, their credentials and their scopes."""


def main() -> None:
    """Run the command line. Exit codes: 0 done, 1 failed, 2 wrong usage or settings."""
    try:
        sys.exit(application(prog_name="vectorgate", standalone_mode=False))
    except TyperException as error:
        sys.exit(_told(_usage(error), error.exit_code))
    except SettingsError as error:
        sys.exit(_told(str(error), 2))
    except DatabaseUnavailable as error:
        sys.exit(_told(reason(error), 1))
    except (GatewayError, MigrationError, EmbeddedError, KeyFileDamaged, CommandFailed) as error:
        sys.exit(_told(str(error), 1))
    except OSError as error:
        if (fault := output.fault(error)) is None:
            raise
        sys.exit(_told(fault, 1))


def _usage(error: TyperException) -> str:
    """What is wrong with the command, in one line; nothing where its help was shown instead."""
    text = " ".join(error.format_message().split()).removesuffix(".")
    context = getattr(error, "ctx", None)
    return f"{text} (see `{context.command_path} --help`)" if text and context is not None else text


def _told(text: str, code: int) -> int:
    for line in text.splitlines():
        sys.stderr.write(f"vectorgate: {line}\n")
    return code
