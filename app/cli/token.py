"""`vectorgate token`."""

from __future__ import annotations

from typing import Annotated

import typer

from app.access import BUILT_IN
from app.assembly import WAIT_SECONDS
from app.cli import output, process
from app.domain import organization
from app.domain.organization import Bootstrapped
from app.gateway import Gateway

DEFAULT_ROLE = "Read-Only User"

application = typer.Typer(no_args_is_help=True)


@application.callback()
def group() -> None:
    """Access tokens, on the operator's word."""


@application.command(
    "create",
    epilog=process.examples(
        "vectorgate token create --name reader",
        'vectorgate token create --name loader --role "Read/Write User" --organization Acme',
    ),
)
def create(
    name: Annotated[str, typer.Option(help="What the token is called.")],
    organization_name: Annotated[
        str | None, typer.Option("--organization", help="The organization's name; by default the first one's.")
    ] = None,
    roles: Annotated[
        list[str] | None,
        typer.Option(
            "--role",
            help=f"{', '.join(BUILT_IN)}, or a role of the organization's own. Repeat it for several. By default {DEFAULT_ROLE}.",
        ),
    ] = None,
    wait: process.Wait = WAIT_SECONDS,
) -> None:
    """Make an access token and print it, alone on a line: it is not shown again."""

    output.check()

    async def make(gateway: Gateway, first: Bootstrapped) -> str:
        return await organization.create_token(
            gateway, organization_name or first.organization.name, roles or [DEFAULT_ROLE], name
        )

    secret = process.with_gateway(process.read_settings(quiet=True), make, wait)
    output.secret(
        secret,
        f"The token {name!r} was made, and its secret is lost: revoke it with revokeAccessToken, and make another.",
    )
