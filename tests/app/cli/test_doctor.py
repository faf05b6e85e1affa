from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from app.cli import cluster_check
from app.settings import Settings
from app.store.condition import Condition
from app.store.isolation import Login
from providers import PROVIDERS
from providers.base import HttpProvider
from resolvers.node import local_id
from tests.app.cli.support import Call, Ended
from tests.factory import NewDatabase, Running
from tests.fakes.identity import AUDIENCE, IdentityProviderFake, SigningKey
from tests.fakes.openai import OpenAIFake
from tests.fakes.serving import serve

AWAY = "postgresql://127.0.0.1:1/away"
NOWHERE = "http://127.0.0.1:1"
SETTINGS = Settings.model_validate({})


def report(ended: Ended) -> dict[str, tuple[str, str]]:
    """What was checked -> its state and the detail."""
    assert ended.err == ""
    return {what: (state, detail) for what, state, detail, _ in rows(ended)}


def cures(ended: Ended) -> dict[str, str]:
    """What was checked -> what to do about it."""
    return {what: cure for what, _, _, cure in rows(ended)}


def rows(ended: Ended) -> list[tuple[str, str, str, str]]:
    return re.findall(r"(?m)^│ (.+?) +│ (ok|warning|failed) +│ (.*?) *│ (.*?) *│$", ended.out)


def all_at(url: str) -> str:
    """No provider anywhere but here."""
    return json.dumps({provider.key: url for provider in PROVIDERS if isinstance(provider, HttpProvider)})


@pytest.fixture
def providers(openai: OpenAIFake) -> str:
    return all_at(openai.url)


async def test_a_healthy_deployment_is_all_ok_and_no_key_is_sent_anywhere(
    call: Call, running: Running, providers: str
) -> None:
    await running.api.credential()
    ended = await call("doctor", PROVIDER_URLS=providers)
    found = report(ended)
    assert ended.code == 0
    assert {state for state, _ in found.values()} == {"ok"}
    assert set(cures(ended).values()) == {""}
    assert found.keys() >= {
        "settings", "database of the catalogue", "row security of the catalogue", "clock of the catalogue",
        "connections of the catalogue", "write-ahead log of the catalogue", "indexes of the catalogue",
        "database of region local", "stored secrets",
    }  # fmt: skip
    assert re.fullmatch(r"PostgreSQL \d+\.\d+, pgvector \d+\.\d+\.\d+", found["database of the catalogue"][1])
    assert found["provider openai"][1] == f"{running.openai.url} answers (404)"
    assert {received.key for received in running.openai.received} == {None}


async def test_where_there_is_no_embedded_server_yet_none_is_made(call: Call, tmp_path: Path) -> None:
    place = tmp_path / "place"
    ended = await call("doctor", DATABASE_URL="", ENCRYPTION_KEYS="", DATA_DIR=str(place))
    assert ended.code == 0
    assert report(ended)["embedded server"][0] == "warning"
    assert not place.exists()


async def test_a_provider_that_cannot_be_reached_is_a_warning(call: Call) -> None:
    ended = await call("doctor", PROVIDER_URLS=all_at(NOWHERE))
    assert ended.code == 0
    state, detail = report(ended)["provider openai"]
    assert state == "warning"
    assert detail.startswith(f"{NOWHERE} cannot be reached (")
    assert "Connect call failed ('127.0.0.1', 1)" in detail


async def test_wrong_settings_are_rows_of_the_report(call: Call) -> None:
    ended = await call("doctor", PORT="hunter2", NONSENSE="hunter2")
    assert ended.code == 1
    assert "hunter2" not in ended.out + ended.err
    assert ended.out.count("failed") == 2
    assert "VECTORGATE_PORT" in ended.out
    assert "VECTORGATE_NONSENSE: is no setting of this version" in ended.out


async def test_a_database_that_is_away_fails_and_the_rest_is_looked_at(call: Call, providers: str) -> None:
    ended = await call("doctor", DATABASE_URL=AWAY, PROVIDER_URLS=providers)
    found = report(ended)
    assert ended.code == 1
    assert found["database of the catalogue"][0] == "failed"
    assert "Connect call failed ('127.0.0.1', 1)" in found["database of the catalogue"][1]
    assert found["stored secrets"] == ("warning", "cannot be looked at")
    assert found["provider openai"][0] == "ok"


async def test_a_database_without_migrations_is_a_warning_and_stays_as_it_is(
    call: Call, new_database: NewDatabase, providers: str
) -> None:
    url = await new_database(template="template0")
    ended = await call("doctor", DATABASE_URL=url, PROVIDER_URLS=providers)
    state, detail = report(ended)["database of the catalogue"]
    assert (ended.code, state) == (0, "warning")
    assert "not migrated yet: catalogue/0001_catalogue.sql, " in detail
    assert cures(ended)["database of the catalogue"] == "run `vectorgate migrate`"
    assert "pgvector not installed" in detail
    connection = await asyncpg.connect(url)
    assert await connection.fetchval("select count(*) from pg_namespace where nspname like 'vectorgate%'") == 0
    await connection.close()


async def test_a_secret_that_no_key_opens_fails_and_is_named(call: Call, running: Running, providers: str) -> None:
    credential_id = await running.api.credential()
    lost = f"other:{'B' * 43}="
    ended = await call("doctor", PROVIDER_URLS=providers, ENCRYPTION_KEYS=lost)
    assert ended.code == 1
    state, detail = report(ended)["stored secrets"]
    assert state == "failed"
    assert detail == f"the key 'test' is not in the ring, and 1 credential(s) need it: {credential_id}"


# --- the clusters ---
@pytest.mark.parametrize(
    ("login", "state", "detail"),
    [
        (Login(superuser=False, bypasses=False), "ok", "in force for the login"),
        (
            Login(superuser=True, bypasses=True),
            "ok",
            "in force: the login is a superuser, and statements run as vectorgate_tenant",
        ),
        (Login(superuser=False, bypasses=True), "warning", "not in force: the login has BYPASSRLS"),
    ],
)
def test_a_login_that_no_policy_binds_is_a_warning_with_its_cure(login: Login, state: str, detail: str) -> None:
    found = cluster_check.row_security("region europe", login)
    assert (found.state, found.detail.split(", and only")[0]) == (state, detail)
    assert ("nobypassrls" in found.cure) is (state == "warning")


async def test_an_index_that_was_not_built_to_its_end_fails_and_is_named(
    call: Call, running: Running, providers: str
) -> None:
    books = await running.api.local_collection()
    (index,) = await running.sql(
        "select oid from pg_class where relkind = 'i' and relam = (select oid from pg_am where amname = 'hnsw')"
    )
    async with running.gateway.postgres.catalogue.outside() as connection:
        await connection.execute("update pg_index set indisvalid = false where indexrelid = $1", index["oid"])
    ended = await call("doctor", PROVIDER_URLS=providers)
    state, detail = report(ended)["indexes of the catalogue"]
    assert (ended.code, state) == (1, "failed")
    assert local_id("Collection", books).hex in detail
    assert "reindex" in cures(ended)["indexes of the catalogue"]


async def test_more_connections_than_the_cluster_grants_are_a_warning(call: Call, providers: str) -> None:
    ended = await call("doctor", PROVIDER_URLS=providers, POOL_SIZE="50", WORKERS="40")
    state, detail = report(ended)["connections of the catalogue"]
    assert (ended.code, state) == (0, "warning")
    assert detail.startswith("this server may take 2000, and the cluster grants ")


def test_a_replication_slot_that_nobody_reads_is_a_warning() -> None:
    kept = Condition(
        datetime.now(UTC), connections=100, is_standby=False, kept_wal_bytes=5 * 1024**3, archive_failures=0
    )
    (found,) = (each for each in cluster_check.judged("region europe", kept, SETTINGS) if "write-ahead" in each.what)
    assert (found.state, found.detail) == ("warning", "a replication slot that nobody reads keeps 5.0 GiB")


@pytest.mark.parametrize(
    ("change", "what", "state"),
    [
        ({"time": datetime(2030, 1, 1, tzinfo=UTC)}, "clock", "warning"),
        ({"is_standby": True}, "write-ahead log", "failed"),
        ({"archive_failures": 3}, "write-ahead log", "warning"),
    ],
)
def test_what_is_wrong_with_a_cluster_has_a_cure(change: dict[str, Any], what: str, state: str) -> None:
    good = Condition(datetime.now(UTC), connections=100, is_standby=False, kept_wal_bytes=0, archive_failures=0)
    assert {each.state for each in cluster_check.judged("region europe", good, SETTINGS)} == {"ok"}
    found = {each.what: each for each in cluster_check.judged("region europe", replace(good, **change), SETTINGS)}
    assert found[f"{what} of region europe"].state == state
    assert found[f"{what} of region europe"].cure


def test_a_disk_that_is_nearly_full_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings.model_validate({"data_dir": tmp_path / "not" / "made" / "yet"})
    assert [each.state for each in cluster_check.disk(settings)] in (["ok"], ["warning"])
    monkeypatch.setattr("shutil.disk_usage", lambda _: _Usage(total=100 * 1024**3, free=2 * 1024**3))
    (found,) = cluster_check.disk(settings)
    assert (found.state, found.cure[:9]) == ("warning", "make room")
    assert found.detail.startswith("2.0 GiB free in ")


@dataclass(frozen=True)
class _Usage:
    total: int
    free: int


# --- the identity provider ---
async def test_an_identity_provider_that_publishes_keys_is_ok_and_one_without_fails(call: Call, providers: str) -> None:
    fake = IdentityProviderFake([SigningKey.of("ES256")])
    async with serve(fake) as fake.url:
        settings = {"PROVIDER_URLS": providers, "OIDC_ISSUER": fake.url, "OIDC_AUDIENCE": AUDIENCE}
        ended = await call("doctor", **settings)
        fake.keys = []
        without = await call("doctor", **settings)
    assert ended.code == 0
    assert report(ended)["identity provider"] == ("ok", f"{fake.url} publishes 1 key(s)")
    assert without.code == 1
    assert report(without)["identity provider"][1].startswith(f"{fake.url} publishes no key")


async def test_an_identity_provider_that_is_away_fails(call: Call, providers: str) -> None:
    ended = await call("doctor", PROVIDER_URLS=providers, OIDC_ISSUER=NOWHERE, OIDC_AUDIENCE="search")
    assert ended.code == 1
    assert report(ended)["identity provider"][0] == "failed"
    assert "VECTORGATE_OIDC_ISSUER" in cures(ended)["identity provider"]
