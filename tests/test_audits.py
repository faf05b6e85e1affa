"""GraphQL over HTTP, as the audits of npm's graphql-http ask for it: what must be, what should be, and what may be."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from tests.console.conftest import needed
from tests.factory import TOKEN, Running
from tests.packages import install

AUDITS = Path(__file__).parent / "audits"


async def test_every_audit_of_graphql_over_http_is_ok(running: Running) -> None:
    await install(AUDITS)
    process = await asyncio.create_subprocess_exec(
        needed("node"),
        "audits.js",
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "VECTORGATE_URL": f"{running.url}/graphql", "VECTORGATE_TOKEN": TOKEN},
        cwd=AUDITS,
    )
    out, _ = await process.communicate()
    audits = out.decode().splitlines()
    assert [each for each in audits if not each.startswith("ok ")] == []
    assert (process.returncode, len(audits)) == (0, 61)
