"""`vectorgate doctor`: looks at everything and changes nothing."""

from __future__ import annotations

import asyncio

import httpx
import typer

from app import embedded
from app.assembly import build_gateway, closing
from app.cli import cluster_check, finding, process
from app.cli.finding import Finding, failed, ok, warning
from app.cli.keys import told, unopened_keys
from app.embedded import EmbeddedError
from app.gateway import Gateway
from app.main import check_documents
from app.oidc import IdentityProvider
from app.secret import KeyFileDamaged
from app.settings import Settings, SettingsError
from providers.base import HttpProvider

EXAMPLES = ("vectorgate doctor", "vectorgate doctor && vectorgate serve")
REACH_SECONDS = 5


def run() -> None:
    """Check settings, databases, stored secrets, the identity provider and the way to the embedding providers.

    Nothing is changed, and no key is sent anywhere. Exit 1 when something is wrong; a warning is none.
    """
    findings = _findings()
    finding.show(findings)
    if any(each.state == "failed" for each in findings):
        raise typer.Exit(1)


def _findings() -> list[Finding]:
    try:
        settings = process.read_settings(quiet=True)
        check_documents(settings)
        if settings.database_url is None and not embedded.is_made(settings.data_dir):
            return [*_beginning(settings), _nothing_yet(settings)]
        gateway = build_gateway(settings)
    except SettingsError as error:
        return [
            failed("settings", problem, "correct the variable; the README has all of them")
            for problem in error.problems
        ]
    except (EmbeddedError, KeyFileDamaged) as error:
        return [failed("embedded server", str(error), "")]
    return [*_beginning(settings), *asyncio.run(_examined(gateway))]


def _beginning(settings: Settings) -> list[Finding]:
    return [ok("settings", "all of them can be read"), *cluster_check.disk(settings)]


def _nothing_yet(settings: Settings) -> Finding:
    """To look at the embedded server would make one, with a key."""
    detail = f"there is none in {settings.data_dir} yet, and the rest is not looked at"
    cure = "`vectorgate serve` makes it; VECTORGATE_DATABASE_URL names a PostgreSQL of your own, VECTORGATE_DATA_DIR another folder"
    return warning("embedded server", detail, cure)


async def _examined(gateway: Gateway) -> list[Finding]:
    async with closing(gateway):
        settings, postgres = gateway.settings, gateway.postgres
        databases = await cluster_check.findings("the catalogue", postgres.catalogue, "catalogue", settings)
        secrets = await _secrets(gateway, migrated=databases[0].state == "ok")
        for name, cluster in postgres.regions.items():
            known = cluster is postgres.catalogue
            databases += await cluster_check.findings(f"region {name}", cluster, "region", settings, known=known)
        identity = [await _identity(gateway.identity_provider)] if gateway.identity_provider else []
        providers = [each for each in gateway.catalogue if isinstance(each, HttpProvider)]
        reached = await asyncio.gather(*(_reached(gateway, each) for each in providers))
        return [*databases, secrets, *identity, *reached]


async def _secrets(gateway: Gateway, *, migrated: bool) -> Finding:
    what = "stored secrets"
    if not migrated:
        return warning(what, "cannot be looked at", "mend the database of the catalogue first")
    unopened = await unopened_keys(gateway)
    if unopened:
        return failed(
            what, told(unopened), "put the key back into VECTORGATE_ENCRYPTION_KEYS, or rotate these credentials"
        )
    return ok(what, "all of them open")


async def _identity(provider: IdentityProvider) -> Finding:
    """As at the first token: its metadata, then its keys."""
    what = "identity provider"
    fault, keys = await provider.look()
    if fault is not None:
        return failed(
            what,
            f"{provider.issuer}: {fault}",
            "correct VECTORGATE_OIDC_ISSUER, or let this machine reach it: no JWT counts",
        )
    if not keys:
        return failed(
            what,
            f"{provider.issuer} publishes no key that tokens could be signed with",
            "let it sign with RS, PS, ES or EdDSA keys",
        )
    return ok(what, f"{provider.issuer} publishes {keys} key(s)")


async def _reached(gateway: Gateway, provider: HttpProvider) -> Finding:
    """Any answer will do: it is the way there that is looked at, and no key is sent."""
    what = f"provider {provider.key}"
    if "{" in provider.base_url:
        return ok(what, "its host depends on parameters: try a credential with testCredential")
    try:
        answer = await gateway.client.get(provider.base_url, timeout=REACH_SECONDS)
    except httpx.HTTPError as error:
        detail = f"{provider.base_url} cannot be reached ({error or type(error).__name__})"
        return warning(
            what, detail, "let this machine reach it, or name a proxy in VECTORGATE_PROVIDER_URLS, if it is used"
        )
    return ok(what, f"{provider.base_url} answers ({answer.status_code})")
