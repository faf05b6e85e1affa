"""`vectorgate organization`."""

from __future__ import annotations

from typing import Annotated

import typer

from app.assembly import WAIT_SECONDS
from app.cli import output, process
from app.domain import organization
from app.domain.organization import ADMINISTRATOR, Bootstrapped
from app.gateway import Gateway

application = typer.Typer(no_args_is_help=True)


@application.callback()
def group() -> None:
    """Organizations: tenants that never see each other's anything."""


@application.command("create", epilog=process.examples("vectorgate organization create Acme"))
def create(
    name: Annotated[str, typer.Argument(help="What the organization is called: unique in this deployment.")],
    wait: process.Wait = WAIT_SECONDS,
) -> None:
    """Make an organization and print a token that may do everything in it, alone on a line: it is not shown again."""

    output.check()

    async def make(gateway: Gateway, _: Bootstrapped) -> str:
        _organization, secret = await organization.create(gateway, name)
        return secret

    secret = process.with_gateway(process.read_settings(quiet=True), make, wait)
    output.secret(
        secret,
        f"The organization {name!r} was made, and its token's secret is lost: make another with `vectorgate token create "
        f"--name NAME --role {ADMINISTRATOR!r} --organization {name!r}`, and revoke that one.",
    )
