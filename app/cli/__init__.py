"""The command `vectorgate`: one module a command. A user's mistake ends in one line on stderr, never in a traceback."""

from __future__ import annotations

import sys

import typer

from app.cli import demo, doctor, keys, migrate, organization, schema, serve, token
from app.errors import GatewayError
from app.settings import SettingsError
from app.store.migration import MigrationError
from providers.errors import CatalogueError

application = typer.Typer(
    name="vectorgate",
    help="Semantic search over your data: a GraphQL gateway that owns the embedding providers, their credentials and their scopes.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)
for command in (serve, demo, migrate, schema, doctor):
    application.command(name=command.__name__.rsplit(".", 1)[-1])(command.run)
application.add_typer(token.application, name="token", help="Access tokens.")
application.add_typer(organization.application, name="organization", help="Organizations.")
application.add_typer(keys.application, name="keys", help="The keys that seal secrets.")


def main() -> None:
    """Run the command line. Exit codes: 0 done, 1 failed, 2 wrong usage or settings."""
    try:
        application()
    except SettingsError as error:
        sys.exit(_told(error, 2))
    except (GatewayError, MigrationError, CatalogueError) as error:
        sys.exit(_told(error, 1))


def _told(error: Exception, code: int) -> int:
    for line in str(error).splitlines():
        sys.stderr.write(f"vectorgate: {line}\n")
    return code
