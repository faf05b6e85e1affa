"""`vectorgate doctor`: looks at everything and changes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

import httpx
import typer
from rich.console import Console
from rich.table import Table

from app.assembly import build_gateway, closing, reason
from app.cli import process
from app.cli.keys import told, unopened_keys
from app.embedded import EmbeddedError
from app.errors import DatabaseUnavailable
from app.gateway import Gateway
from app.postgres import Cluster
from app.secret import KeyFileDamaged
from app.settings import SettingsError
from app.store import migration
from providers.base import HttpProvider

REACH_SECONDS = 5
MARKS = {"ok": "[green]ok[/]", "warning": "[yellow]warning[/]", "failed": "[red]failed[/]"}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was checked: `state` is ok, warning or failed."""

    what: str
    state: str
    detail: str


def run() -> None:
    """Check settings, databases, stored secrets and the providers' reachability. Exit 1 when something is wrong."""
    findings = _findings()
    _report(findings)
    if any(each.state == "failed" for each in findings):
        raise typer.Exit(1)


def _report(findings: Sequence[Finding]) -> None:
    table = Table("Checked", "State", "Detail")
    for each in findings:
        table.add_row(each.what, MARKS[each.state], each.detail)
    Console().print(table)


def _findings() -> list[Finding]:
    try:
        gateway = build_gateway(process.read_settings(quiet=True))
    except SettingsError as error:
        return [Finding("settings", "failed", problem) for problem in error.problems]
    except (EmbeddedError, KeyFileDamaged) as error:
        return [Finding("embedded server", "failed", str(error))]
    return [Finding("settings", "ok", "all of them can be read"), *asyncio.run(_examined(gateway))]


async def _examined(gateway: Gateway) -> list[Finding]:
    async with closing(gateway):
        databases = [each async for each in _databases(gateway)]
        migrated = databases[0].state == "ok"
        secrets = await _secrets(gateway) if migrated else Finding("stored secrets", "warning", "cannot be looked at")
        providers = [each for each in gateway.catalogue if isinstance(each, HttpProvider)]
        return [*databases, secrets, *await asyncio.gather(*(_reached(gateway, each) for each in providers))]


async def _databases(gateway: Gateway) -> AsyncIterator[Finding]:
    """The catalogue's first, then each region's; past the pools, which would migrate what they open."""
    yield await _database("database of the catalogue", gateway.postgres.catalogue, "catalogue")
    for name, cluster in gateway.postgres.regions.items():
        yield await _database(f"database of region {name}", cluster, "region")


async def _database(what: str, cluster: Cluster, part: str) -> Finding:
    try:
        async with cluster.outside() as connection:
            postgres, pgvector = await migration.versions(connection)
            missing = await migration.pending(connection, part)
    except DatabaseUnavailable as error:
        return Finding(what, "failed", reason(error))
    found = f"PostgreSQL {postgres // 10_000}.{postgres % 10_000}, pgvector {pgvector or 'not installed'}"
    if missing:
        return Finding(what, "warning", f"{found}; not migrated yet: {', '.join(missing)} (run `vectorgate migrate`)")
    return Finding(what, "ok", found)


async def _secrets(gateway: Gateway) -> Finding:
    unopened = await unopened_keys(gateway)
    if unopened:
        return Finding("stored secrets", "failed", told(unopened))
    return Finding("stored secrets", "ok", "all of them open")


async def _reached(gateway: Gateway, provider: HttpProvider) -> Finding:
    """Any answer will do: it is the way there that is looked at, and no key is sent."""
    what = f"provider {provider.key}"
    if "{" in provider.base_url:
        return Finding(what, "ok", "its host depends on parameters: try a credential with testCredential")
    try:
        answer = await gateway.client.get(provider.base_url, timeout=REACH_SECONDS)
    except httpx.HTTPError as error:
        return Finding(what, "warning", f"{provider.base_url} cannot be reached ({error or type(error).__name__})")
    return Finding(what, "ok", f"{provider.base_url} answers ({answer.status_code})")
