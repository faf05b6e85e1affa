"""SIGTERM ends a server whatever its database does."""

from __future__ import annotations

from bench.processes import free_port
from tests.factory import TOKEN, Api
from tests.fakes.openai import OpenAIFake
from tests.fakes.proxy import proxied
from tests.processes import started, stopped, until_ready
from tests.resolvers.jobs import migrate


async def test_a_server_stops_while_the_network_to_its_database_is_silent(
    database_url: str, openai: OpenAIFake
) -> None:
    async with proxied(database_url) as proxy:
        port = free_port()
        child = await started(proxy.url, openai, port)
        try:
            url = f"http://127.0.0.1:{port}"
            await until_ready(url, child)
            await leave_something_under_way(url, openai)
            proxy.silent = True
            await stopped(child)
        finally:
            openai.gate.set()
            if child.returncode is None:
                child.kill()
                await child.wait()


async def leave_something_under_way(url: str, openai: OpenAIFake) -> None:
    """A job that waits for its provider, and a token whose use is yet to be noted."""
    async with Api(url, TOKEN) as api:
        books = await api.openai_collection()
        await api.insert(books, {"$vectorize": "a white whale"})
        openai.gate.clear()
        await migrate(
            api, books, embedding={"provider": "openai", "credential": "main", "model": "text-embedding-3-large"}
        )
        await openai.until_in_flight(1)
