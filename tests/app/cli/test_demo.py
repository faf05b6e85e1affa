"""`vectorgate demo`: the main job with nothing but this machine, and nothing left behind."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
from pathlib import Path

from tests.app.cli.support import Start
from tests.factory import Api
from tests.patience import until

SEARCH = 'query S($id: ID!) { vectorSearch(targetId: $id, query: "zip files", first: 1) { edges { node { key } } } }'


async def test_it_indexes_searches_serves_and_cleans_up(start: Start, data_dir: Path) -> None:
    """One story, since each of its parts needs what the one before has made."""
    settings = {"DATA_DIR": str(data_dir), "LOG_FORMAT": "json"}
    key, running = data_dir / "encryption-key", data_dir / "postgres" / "postmaster.pid"

    interrupted = await start("demo", **settings)
    await until(lambda: exists(key))
    assert (await interrupted.interrupted()).code == 0
    assert not await exists(running)

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        demo = await start("demo", **settings, PORT=str(port))
        await demo.out.until("Serving until Ctrl-C")
        assert f"Port {port} is taken" in demo.out.text
        command = (await demo.out.until("(?m)^curl .*$"))[0]
        found = json.loads(await printed(command))
        assert len(found["data"]["vectorSearch"]["edges"]) == 3
        assert found["data"]["vectorSearch"]["edges"][0]["node"]["key"] in demo.out.text
        ended = await demo.interrupted()
    assert ended.code == 0
    assert not await exists(running)

    role = "Organization Administrator"
    token = (await (await start("token", "create", "--name", "me", "--role", role, **settings)).ended()).out.strip()
    served = await start("serve", **settings, PORT="0", WORKERS="2")
    async with Api(await served.serving(), token) as api:
        collection_id = json.loads(command.partition(" -d ")[2].strip("'"))["variables"]["target"]
        assert (await api(SEARCH, id=collection_id))["vectorSearch"]["edges"]
    assert (await served.stopped()).code == 0
    assert not await exists(running)

    (data_dir / "trusted.json").write_text("{}")  # which none of its own operations is in
    strict = {"TRUSTED_DOCUMENTS": str(data_dir / "trusted.json")}
    again = await (await start("demo", "--once", **settings, **strict, PORT="0")).ended()
    assert (again.code, again.err) == (0, "")
    assert ", 0 of them just now" in again.out
    assert "Serving until" not in again.out
    assert "is taken" not in again.out
    assert not await exists(running)


async def exists(path: Path) -> bool:
    return await asyncio.to_thread(path.exists)


async def printed(command: str) -> str:
    process = await asyncio.create_subprocess_shell(command, stdout=subprocess.PIPE)
    out, _ = await process.communicate()
    return out.decode()
