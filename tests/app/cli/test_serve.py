"""`vectorgate serve`: starts when it can, says why when it cannot, and finishes what is in flight before it stops."""

from __future__ import annotations

import asyncio
import json
import socket
from pathlib import Path

import asyncpg
import httpx
import pytest

from tests.app.cli.conftest import on
from tests.app.cli.support import Call, Start
from tests.factory import TOKEN, Api, NewDatabase
from tests.fakes.openai import OpenAIFake
from tests.patience import until

AWAY = "postgresql://127.0.0.1:1/away"
HEARTBEAT = "{ organization { name } }"


async def refuses(url: str) -> bool:
    async with httpx.AsyncClient() as client:
        try:
            await client.get(f"{url}/healthz")
        except httpx.ConnectError:
            return True
        except (httpx.RemoteProtocolError, httpx.ReadError):  # it waited to be taken when the server closed its socket
            return False
    return False


# --- serving and stopping ---
@pytest.mark.parametrize("workers", [1, 2])
async def test_what_is_in_flight_is_finished_before_it_stops(
    start: Start, database_url: str, openai: OpenAIFake, workers: int
) -> None:
    providers = json.dumps({"openai": openai.url})
    served = await start("serve", **on(database_url), WORKERS=str(workers), PROVIDER_URLS=providers)
    url = await served.serving()
    async with Api(url, TOKEN) as api:
        collection_id = await api.openai_collection()
        openai.gate.clear()
        inserting = asyncio.create_task(api.insert(collection_id, {"_id": "last", "$vectorize": "in flight"}))
        await openai.until_in_flight(1)
        stopping = asyncio.create_task(served.stopped())
        await until(lambda: refuses(url))
        assert not inserting.done()
        openai.gate.set()
        assert (await inserting)["insertedCount"] == 1
    ended = await stopping
    assert (ended.code, ended.out) == (0, "")
    lines = [json.loads(line) for line in ended.err.splitlines()]
    assert {line["event"] for line in lines} >= {"serving", "request"}


async def test_a_generated_token_is_told_once_however_many_serve(start: Start, new_database: NewDatabase) -> None:
    settings = on(await new_database(template="template0")) | {"BOOTSTRAP_TOKEN": ""}
    first = await start("serve", **settings, WORKERS="2")
    url = await first.serving()
    token = (await first.err.until(r"not shown again\): (vg_\S+)"))[1]
    async with Api(url, token) as api:
        assert (await api(HEARTBEAT))["organization"]["name"] == "default"
    ended = await first.interrupted()
    assert (ended.code, ended.out, ended.err.count("vg_")) == (0, "", 1)
    second = await start("serve", **settings)
    async with Api(await second.serving(), token) as api:
        assert (await api(HEARTBEAT))["organization"]["name"] == "default"
    ended = await second.interrupted()
    assert (ended.code, ended.err.count("vg_")) == (0, 0)


# --- not serving ---
async def test_a_port_that_is_taken_is_one_line(start: Start, database_url: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ended = await (await start("serve", **on(database_url) | {"PORT": port})).ended()
    assert (ended.code, ended.out) == (1, "")
    assert ended.told.startswith(f"Port {port} of 127.0.0.1 is taken")


@pytest.mark.parametrize(("command", "code"), [("serve", 2), ("doctor", 1)])
async def test_trusted_documents_that_are_not_valid_are_told_before_anything_is_served(
    call: Call, tmp_path: Path, command: str, code: int
) -> None:
    (tmp_path / "trusted.json").write_text('{"one": "{ organization { name } }", "two": "{ nothing }"}')
    ended = await call(command, WORKERS="2", TRUSTED_DOCUMENTS=str(tmp_path / "trusted.json"))
    problem = "VECTORGATE_TRUSTED_DOCUMENTS: two: Cannot query field 'nothing' on type 'Query'."
    assert (ended.code, problem in ended.out + ended.err) == (code, True)


async def test_a_database_that_stays_away_ends_the_wait_with_one_line(start: Start) -> None:
    served = await start("serve", "--wait", "1", **on(AWAY))
    ended = await served.ended()
    assert (ended.code, ended.out) == (1, "")
    waiting, told = ended.err.splitlines()
    assert (json.loads(waiting)["event"], json.loads(waiting)["seconds"]) == ("waiting_for_the_database", 1)
    assert told.startswith(
        "vectorgate: The database of VECTORGATE_DATABASE_URL could not be used for 1 seconds: start it"
    )


async def test_it_can_be_stopped_while_it_waits(start: Start) -> None:
    served = await start("serve", "--wait", "60", **on(AWAY))
    await served.err.until("waiting_for_the_database")
    ended = await served.stopped()
    assert (ended.code, len(ended.err.splitlines())) == (0, 1)


async def test_workers_that_cannot_start_end_the_server(start: Start, database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    served = await start("serve", **on(database_url), WORKERS="2")
    await served.err.until('"event":"serving"')  # all is well so far, and the workers are still to open the database
    await connection.execute("update vectorgate.migration set sha256 = 'edited'")
    await connection.close()
    assert await served.process.wait() == 1
    assert served.err.text.splitlines()[-1] == "vectorgate: The server did not start; the log says why."
