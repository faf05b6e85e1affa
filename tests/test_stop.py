"""SIGTERM ends a server whatever its database does."""

from __future__ import annotations

from bench.processes import free_port
from tests.fakes.openai import OpenAIFake
from tests.fakes.proxy import proxied
from tests.processes import started, stopped, until_ready


async def test_a_server_stops_while_the_network_to_its_database_is_silent(
    database_url: str, openai: OpenAIFake
) -> None:
    async with proxied(database_url) as proxy:
        port = free_port()
        child = await started(proxy.url, openai, port)
        try:
            await until_ready(f"http://127.0.0.1:{port}", child)
            proxy.silent = True
            await stopped(child)
        finally:
            if child.returncode is None:
                child.kill()
                await child.wait()
