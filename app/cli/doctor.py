"""`vectorgate doctor`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import httpx
import typer
from rich.console import Console
from rich.table import Table

from app.cli import process
from app.domain import resealing
from app.domain.organization import Bootstrapped
from app.errors import GatewayError
from app.gateway import Gateway
from app.store import migration
from providers.base import HttpProvider

REACH_SECONDS = 5
MARKS = {"ok": "[green]ok[/]", "warning": "[yellow]warning[/]", "failed": "[red]failed[/]"}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was checked."""

    what: str
    state: str
    detail: str


def run() -> None:
    """Check settings, databases, extension versions, stored secrets and the providers' reachability. Exit 1 when one fails."""
    findings = process.with_gateway(_examine)
    table = Table("Checked", "State", "Detail")
    for each in findings:
        table.add_row(each.what, MARKS[each.state], each.detail)
    Console().print(table)
    if any(each.state == "failed" for each in findings):
        raise typer.Exit(1)


async def _examine(gateway: Gateway, _: Bootstrapped) -> list[Finding]:
    findings = [Finding("settings", "ok", "all of them can be read")]
    findings += [each async for each in _clusters(gateway)]
    bad = await resealing.unreadable(gateway)
    secrets = f"{len(bad)} open with no key of the ring: {', '.join(map(str, bad))}" if bad else "all open"
    findings.append(Finding("stored secrets", "failed" if bad else "ok", secrets))
    providers = [each for each in gateway.catalogue if isinstance(each, HttpProvider)]
    return findings + list(await asyncio.gather(*(_reach(gateway, each) for each in providers)))


async def _clusters(gateway: Gateway) -> AsyncIterator[Finding]:
    for name, cluster in {"catalogue": gateway.postgres.catalogue, **gateway.postgres.regions}.items():
        try:
            async with cluster.connection() as connection:
                postgres, pgvector = await migration.versions(connection)
        except GatewayError as error:
            yield Finding(f"database of {name}", "failed", error.message)
        else:
            yield Finding(
                f"database of {name}", "ok", f"PostgreSQL {postgres // 10_000}.{postgres % 10_000}, pgvector {pgvector}"
            )


async def _reach(gateway: Gateway, provider: HttpProvider) -> Finding:
    """Any answer will do: it is the way there that is looked at, and no key is sent."""
    if "{" in provider.base_url:
        return Finding(
            f"provider {provider.key}", "ok", "its host depends on parameters; try a credential with testCredential"
        )
    try:
        answer = await gateway.client.get(provider.base_url, timeout=REACH_SECONDS)
    except httpx.HTTPError as error:
        return Finding(
            f"provider {provider.key}", "warning", f"{provider.base_url} cannot be reached ({type(error).__name__})"
        )
    return Finding(f"provider {provider.key}", "ok", f"{provider.base_url} answers ({answer.status_code})")
