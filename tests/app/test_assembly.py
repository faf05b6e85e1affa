"""The gateway is put together from settings; starting waits for what is late, refuses what is wrong, and closes what it opened."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest
import structlog
from structlog.testing import capture_logs
from structlog.typing import EventDict

from app.assembly import build_gateway, closing, opened, reason
from app.errors import DatabaseUnavailable
from app.settings import Settings, SettingsError
from app.store.migration import MigrationError
from tests.conftest import KEYS
from tests.factory import TOKEN, NewDatabase
from tests.fakes.proxy import Proxy, proxied
from tests.patience import until

AWAY = "postgresql://127.0.0.1:1/away"
ALONE = "select count(*) = 1 from pg_stat_activity where datname = current_database()"


def settings(database_url: str, **more: object) -> Settings:
    given = {"database_url": database_url, "encryption_keys": KEYS, "bootstrap_token": TOKEN}
    return Settings.model_validate(given | more)


def regions(**urls: str) -> str:
    return json.dumps(urls)


@pytest.fixture
def logged() -> Iterator[list[EventDict]]:
    structlog.reset_defaults()
    with capture_logs() as events:
        yield events


# --- regions ---
def test_the_one_region_is_the_catalogues_cluster() -> None:
    postgres = build_gateway(settings(AWAY)).postgres
    assert (list(postgres.regions), postgres.default_region) == (["local"], "local")
    assert postgres.regions["local"] is postgres.catalogue


def test_the_region_with_the_catalogues_url_is_the_default_and_shares_its_pool() -> None:
    postgres = build_gateway(settings(AWAY, regions=regions(us="postgres://us.example/x", eu=AWAY))).postgres
    assert (list(postgres.regions), postgres.default_region) == (["us", "eu"], "eu")
    assert postgres.regions["eu"] is postgres.catalogue
    assert postgres.regions["us"] is not postgres.catalogue


def test_the_catalogue_may_be_apart_from_every_region() -> None:
    given = settings(AWAY, regions=regions(us="postgres://us.example/x"), default_region="us")
    postgres = build_gateway(given).postgres
    assert (postgres.catalogue.name, postgres.default_region) == ("catalogue", "us")
    assert postgres.catalogue not in postgres.regions.values()


# --- settings that only their readers can judge ---
def test_wrong_providers_and_models_are_settings_errors_found_before_anything_starts(tmp_path: Path) -> None:
    models = tmp_path / "models.toml"
    models.write_text("[[provider.nowhere.models]]\nname = 'm'\ndimension = 3\n")
    unused = tmp_path / "data"
    given = {"provider_urls": '{"nobody": "https://a.example"}', "models_file": str(models), "data_dir": str(unused)}
    with pytest.raises(SettingsError) as told:
        build_gateway(Settings.model_validate(given))
    assert len(told.value.problems) == 2
    assert "nobody" in str(told.value)
    assert "nowhere" in str(told.value)
    assert not unused.exists()


def test_a_models_file_that_cannot_be_read_is_a_settings_error(tmp_path: Path) -> None:
    models = tmp_path / "models.toml"
    models.write_bytes(b"\xff\xfe")
    with pytest.raises(SettingsError, match="VECTORGATE_MODELS_FILE: cannot be read"):
        build_gateway(settings(AWAY, models_file=str(models)))


# --- starting ---
async def test_a_start_migrates_and_makes_the_first_organization(new_database: NewDatabase) -> None:
    url = await new_database(template="template0")
    async with opened(build_gateway(settings(url, organization="Acme", bootstrap_token=None))) as first:
        assert first.organization.name == "Acme"
        assert first.generated_token
    async with opened(build_gateway(settings(url, organization="Acme", bootstrap_token=None))) as again:
        assert again.organization == first.organization
        assert again.generated_token is None


async def test_many_replicas_start_together(new_database: NewDatabase) -> None:
    url = await new_database(template="template0")
    gateways = [build_gateway(settings(url, bootstrap_token=None)) for _ in range(5)]

    async def token_of(position: int) -> str | None:
        async with opened(gateways[position]) as first:
            return first.generated_token

    tokens = await asyncio.gather(*map(token_of, range(5)))
    assert len([token for token in tokens if token]) == 1


async def test_a_start_waits_for_a_database_that_is_late_and_says_so_once(
    database_url: str, logged: list[EventDict]
) -> None:
    proxy = await Proxy(database_url).mend()
    await proxy.cut()
    starting = asyncio.create_task(_start(proxy.url, wait_seconds=30))
    await until(lambda: _any(logged))
    await proxy.mend()
    assert await starting == "default"
    await proxy.cut()
    (line,) = [event for event in logged if event["event"] == "waiting_for_the_database"]
    assert line["seconds"] == 30
    assert "Connect call failed" in line["reason"]


async def _any(logged: list[EventDict]) -> bool:
    return bool(logged)


async def _start(url: str, wait_seconds: float) -> str:
    async with opened(build_gateway(settings(url)), wait_seconds) as first:
        return first.organization.name


async def test_the_wait_ends(logged: list[EventDict]) -> None:
    with pytest.raises(DatabaseUnavailable) as told:
        await _start(AWAY, wait_seconds=0)
    assert "Connect call failed" in reason(told.value)
    assert "Connect call failed" not in told.value.message
    assert logged == []


async def test_a_region_that_is_away_keeps_no_other_from_being_served(
    database_url: str, logged: list[EventDict]
) -> None:
    async with proxied(database_url) as proxy:
        await proxy.cut()
        gateway = build_gateway(settings(database_url, regions=regions(eu=database_url, us=proxy.url)))
        async with opened(gateway):
            assert [event["region"] for event in logged if event["event"] == "region_is_away"] == ["us"]
            with pytest.raises(DatabaseUnavailable):
                await gateway.postgres.region("us").open()
            await proxy.mend()
            await gateway.postgres.region("us").open()


async def test_a_database_that_cannot_be_migrated_refuses_the_start(database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    await connection.execute("update vectorgate.migration set sha256 = 'edited'")
    await connection.close()
    with pytest.raises(MigrationError, match="never edit a released migration"):
        await _start(database_url, wait_seconds=30)


async def test_all_that_was_opened_is_closed_also_after_a_failure(database_url: str) -> None:
    gateway = build_gateway(settings(database_url))
    with pytest.raises(ZeroDivisionError):
        async with opened(gateway):
            raise ZeroDivisionError
    assert gateway.client.is_closed
    connection = await asyncpg.connect(database_url)
    await until(lambda: connection.fetchval(ALONE))
    await connection.close()


async def test_what_was_never_opened_can_be_closed() -> None:
    gateway = build_gateway(settings(AWAY))
    async with closing(gateway):
        pass
    assert gateway.client.is_closed


def test_a_hosted_provider_is_placed_only_in_regions_that_there_are() -> None:
    hosted = {"hosted_nvidia_api_key": "nvapi-0123456789abcdef", "hosted_nvidia_regions": "local, mars"}
    with pytest.raises(SettingsError, match="VECTORGATE_HOSTED_NVIDIA_REGIONS: no region is called mars"):
        build_gateway(settings(AWAY, **hosted))
