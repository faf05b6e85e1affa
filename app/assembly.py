"""Builds the gateway from settings, and opens and closes what it holds. The one place that knows all the parts."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import httpx
import structlog

from app import embedded
from app.domain import organization, refusal, resealing, sweep
from app.domain.organization import Bootstrapped
from app.domain.worker import Worker
from app.errors import DatabaseUnavailable, GatewayError
from app.gateway import Gateway
from app.oidc import IdentityProvider
from app.postgres import Cluster, Postgres, QueryLogger, Tuning
from app.secret import Keyring, generated_key
from app.settings import ONLY_REGION, PREFIX, Settings, SettingsError
from app.store import isolation, migration
from providers.catalogue import Catalogue, Hosting, build_catalogue
from providers.errors import CatalogueError
from providers.fetch import fetch
from providers.http_client import build_client
from providers.secret import Secret
from providers.transport import Sender

WAIT_SECONDS = 30.0
"""How long a start waits for the catalogue's cluster: many things start together."""
BETWEEN_SECONDS = 0.5
LAST_SECONDS = 3.0
"""How long a stop waits for the last uses to be written."""
MOST_METADATA_BYTES = 256 * 1024
"""Of each document of an identity provider; usual ones have a hundredth of it."""

log = structlog.get_logger(__name__)


def build_gateway(settings: Settings, query_logger: QueryLogger | None = None) -> Gateway:
    """The gateway of these settings, its pools not yet open; starts the embedded server where no URL is set.

    Raises SettingsError, EmbeddedError, KeyFileDamaged.
    """
    catalogue = _catalogue(settings)
    url = settings.database_url or embedded.start(settings.data_dir)
    keys = settings.encryption_keys or generated_key(settings.data_dir / "encryption-key")
    client = build_client(read_seconds=settings.provider_deadline_seconds)
    return Gateway(
        settings=settings,
        postgres=_postgres(settings, url, query_logger),
        keyring=Keyring(keys),
        catalogue=catalogue,
        client=client,
        sender=Sender(
            client, deadline_seconds=settings.provider_deadline_seconds, concurrency=settings.provider_concurrency
        ),
        identity_provider=_identity_provider(settings, client),
    )


@asynccontextmanager
async def closing(gateway: Gateway) -> AsyncIterator[None]:
    """Close what the gateway has opened meanwhile."""
    try:
        yield
    finally:
        await gateway.postgres.close()
        await gateway.client.aclose()


@asynccontextmanager
async def opened(gateway: Gateway, wait_seconds: float = WAIT_SECONDS) -> AsyncIterator[Bootstrapped]:
    """Migrate, open the pools, make the first organization; close everything at the end. Raises DatabaseUnavailable, MigrationError."""
    async with closing(gateway):
        await _wait_for(gateway, wait_seconds)
        await _open_regions(gateway.postgres)
        await resealing.know_keys(gateway)
        yield await organization.bootstrap(gateway)


@asynccontextmanager
async def at_work(gateway: Gateway) -> AsyncIterator[None]:
    """What every process does beside its own: housekeeping, hearing what others change in the catalogue, and jobs.

    At the end all of it is left at once, what is under way of a job for another process.
    """
    await sweep.once(gateway)
    work = (sweep.forever(gateway), gateway.hub.listen(gateway.postgres.catalogue), Worker(gateway).forever())
    tasks = [asyncio.create_task(each) for each in work]
    try:
        yield
    finally:
        for each in tasks:
            each.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await _note_the_last(gateway)


async def _note_the_last(gateway: Gateway) -> None:
    """Uses and refusals that no sweep has written yet; a database that says nothing does not hold up the end."""
    await asyncio.gather(_note_uses(gateway), refusal.tell_left_out(gateway, last=True))


async def _note_uses(gateway: Gateway) -> None:
    try:
        async with asyncio.timeout(LAST_SECONDS):
            await sweep.note_uses(gateway)
    except (GatewayError, TimeoutError) as error:
        cause = error.message if isinstance(error, GatewayError) else f"not within {LAST_SECONDS:g} s"
        log.warning("last_uses_not_written", reason=cause)


def _postgres(settings: Settings, url: str, query_logger: QueryLogger | None) -> Postgres:
    tuning = Tuning(
        settings.pool_size, settings.statement_timeout_seconds, query_logger=query_logger, enter=isolation.enter
    )
    urls = settings.regions or {ONLY_REGION: url}
    own = [name for name, each in urls.items() if each == url]
    catalogue = (
        Cluster(own[0], url, tuning, _migrate_both) if own else Cluster("catalogue", url, tuning, _migrate_catalogue)
    )
    regions = {
        name: catalogue if each == url else Cluster(name, each, tuning, _migrate_region) for name, each in urls.items()
    }
    return Postgres(catalogue, regions, settings.default_region or own[0])


def _catalogue(settings: Settings) -> Catalogue:
    try:
        return build_catalogue(
            base_urls=settings.provider_urls, models_file=_text(settings.models_file), hosting=_hosting(settings)
        )
    except CatalogueError as error:
        raise SettingsError(
            [f"{PREFIX}PROVIDER_URLS, {PREFIX}MODELS_FILE: {problem}" for problem in error.problems]
        ) from None


def _hosting(settings: Settings) -> dict[str, Hosting]:
    """The operator's own accounts, by provider key."""
    key, regions = settings.hosted_nvidia_api_key, settings.hosted_nvidia_regions or frozenset()
    if unknown := sorted(regions - set(settings.regions or {ONLY_REGION})):
        raise SettingsError([f"{PREFIX}HOSTED_NVIDIA_REGIONS: no region is called {', '.join(unknown)}"])
    return {} if key is None else {"nvidia": Hosting(Secret(key.get_secret_value()), settings.hosted_nvidia_regions)}


def _identity_provider(settings: Settings, client: httpx.AsyncClient) -> IdentityProvider | None:
    if settings.oidc_issuer is None or settings.oidc_audience is None:
        return None
    get = partial(fetch, client, most_bytes=MOST_METADATA_BYTES)
    return IdentityProvider(settings.oidc_issuer, settings.oidc_audience, get)


def _text(path: Path | None) -> str | None:
    try:
        return path.read_text(encoding="utf-8") if path else None
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError([f"{PREFIX}MODELS_FILE: cannot be read ({type(error).__name__})"]) from None


async def _wait_for(gateway: Gateway, wait_seconds: float) -> None:
    """Try until the time is over, and tell that and why it takes long. Raises DatabaseUnavailable, for the operator."""
    deadline = time.monotonic() + wait_seconds
    told = False
    while True:
        try:
            await gateway.postgres.catalogue.open()
        except DatabaseUnavailable as error:
            if time.monotonic() + BETWEEN_SECONDS > deadline:
                raise _not_there(gateway.settings, wait_seconds) from error.__cause__
            if not told:
                log.warning("waiting_for_the_database", seconds=wait_seconds, reason=reason(error))
            told = True
            await asyncio.sleep(BETWEEN_SECONDS)
        else:
            return


def _not_there(settings: Settings, seconds: float) -> DatabaseUnavailable:
    which = f"The database of {PREFIX}DATABASE_URL" if settings.database_url else "The embedded PostgreSQL server"
    return DatabaseUnavailable(f"{which} could not be used for {seconds:g} seconds: start it, or correct the setting.")


async def _open_regions(postgres: Postgres) -> None:
    """A region that is away keeps no other from being served: it is tried again when it is used."""
    await asyncio.gather(*(_try_to_open(cluster) for cluster in set(postgres.regions.values())))


async def _try_to_open(cluster: Cluster) -> None:
    try:
        await cluster.open()
    except DatabaseUnavailable as error:
        log.warning("region_is_away", region=cluster.name, reason=reason(error))


def reason(error: DatabaseUnavailable) -> str:
    """The error for the operator: with what the system or PostgreSQL said, which callers of the API do not see."""
    return f"{error.message} ({' '.join(str(error.__cause__).split())})" if error.__cause__ else error.message


async def _migrate_both(cluster: Cluster) -> Mapping[str, str]:
    return await _migrate(cluster, "catalogue", "region")


async def _migrate_catalogue(cluster: Cluster) -> Mapping[str, str]:
    return await _migrate(cluster, "catalogue")


async def _migrate_region(cluster: Cluster) -> Mapping[str, str]:
    return await _migrate(cluster, "region")


async def _migrate(cluster: Cluster, *parts: str) -> Mapping[str, str]:
    """Bring the cluster up to date; answers what keeps its policies in force for the login."""
    async with cluster.outside() as connection:
        for name in await migration.migrate(connection, *parts):
            log.info("migrated", cluster=cluster.name, migration=name)
        login = await isolation.login(connection)
        if login.superuser:
            await isolation.make_role(connection)
            return {"role": isolation.ROLE}
    if login.bypasses:
        log.warning("policies_do_not_bind_this_login", cluster=cluster.name)
    return {}
