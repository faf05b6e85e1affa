"""Two `serve` processes on one PostgreSQL: what is changed through one bites on the other's next request."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from itertools import count

import httpx
import pytest

from tests.conftest import KEYS
from tests.factory import KEY, SEARCH, SECOND_KEY, TOKEN, Api
from tests.fakes.openai import OpenAIFake
from tests.test_journey import REMOVE, ROTATE, SCOPE

DESCOPE = """
mutation D($credential: ID!, $database: ID!, $name: String!) {
  removeScopedDatabase(input: {credentialId: $credential, databaseId: $database, confirmName: $name}) { disabledCount }
}"""
SEARCHES = count()
REVOKE = "mutation R($id: ID!) { revokeAccessToken(input: {accessTokenId: $id}) { accessToken { revokedAt } } }"
TOKEN_FOR_READING = """
mutation T { createAccessToken(input: {name: "reader", roles: ["Read-Only User"]}) { accessToken { id } secret } }"""


@dataclass(frozen=True)
class Pair:
    """Two processes, with a collection that embeds through OpenAI."""

    here: Api
    there: Api
    database_id: str
    credential_id: str
    collection_id: str

    async def searched_there(self) -> None:
        """With a text of its own: one that was asked a moment ago needs no provider."""
        await self.there.search(self.collection_id, query=f"whale {next(SEARCHES)}")


def free_port() -> int:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        return int(bound.getsockname()[1])


@asynccontextmanager
async def process(database_url: str, openai: OpenAIFake) -> AsyncIterator[str]:
    """`vectorgate serve` as an operator runs it; its URL. It must end by itself, with 0, when it is told to."""
    port = free_port()
    settings = {"DATABASE_URL": database_url, "ENCRYPTION_KEYS": KEYS, "BOOTSTRAP_TOKEN": TOKEN, "PORT": str(port)}
    settings |= {"PROVIDER_URLS": f'{{"openai": "{openai.url}"}}', "LOG_LEVEL": "warning"}
    environment = os.environ | {f"VECTORGATE_{name}": value for name, value in settings.items()}
    child = await asyncio.create_subprocess_exec(sys.executable, "-m", "app", "serve", env=environment)
    try:
        url = f"http://127.0.0.1:{port}"
        await until_ready(url, child)
        yield url
    finally:
        child.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(child.wait(), 30) == 0


async def until_ready(url: str, child: asyncio.subprocess.Process) -> None:
    async with httpx.AsyncClient() as client, asyncio.timeout(60):
        while child.returncode is None:
            try:
                if (await client.get(f"{url}/readyz")).status_code == 200:
                    return
            except httpx.TransportError:
                await asyncio.sleep(0.05)
    raise AssertionError(f"serve ended with {child.returncode}")


@pytest.fixture
async def pair(database_url: str, openai: OpenAIFake) -> AsyncIterator[Pair]:
    async with AsyncExitStack() as stack:
        first = await stack.enter_async_context(process(database_url, openai))
        second = await stack.enter_async_context(process(database_url, openai))
        here = await stack.enter_async_context(Api(first, TOKEN))
        there = await stack.enter_async_context(Api(second, TOKEN))
        database_id = await here.database()
        credential_id = await here.credential(databases=(database_id,))
        embedding = {"provider": "openai", "credential": "main", "model": "text-embedding-3-small", "dimension": 64}
        collection_id = await here.collection(database_id, embedding=embedding)
        yield Pair(here, there, database_id, credential_id, collection_id)


async def test_every_change_through_one_process_bites_on_the_others_next_request(
    pair: Pair, openai: OpenAIFake
) -> None:
    await pair.searched_there()
    assert openai.received[-1].key == KEY

    await pair.here(ROTATE, id=pair.credential_id, key=SECOND_KEY)
    await pair.searched_there()
    assert openai.received[-1].key == SECOND_KEY

    await pair.here(DESCOPE, credential=pair.credential_id, database=pair.database_id, name="library")
    refused = await pair.there.refusal(SEARCH, id=pair.collection_id, query="whale")
    assert refused.codes == ["DATABASE_NOT_IN_SCOPE"]

    await pair.here(SCOPE, credential=pair.credential_id, databases=[pair.database_id])
    await pair.searched_there()

    await pair.here(REMOVE, id=pair.credential_id, name="main")
    refused = await pair.there.refusal(SEARCH, id=pair.collection_id, query="whale")
    assert refused.codes == ["CREDENTIAL_NOT_FOUND"]

    made = (await pair.here(TOKEN_FOR_READING))["createAccessToken"]
    async with Api(pair.there.url, made["secret"]) as reader:
        await reader.search(pair.collection_id, vector=[1.0] * 64)
        await pair.here(REVOKE, id=made["accessToken"]["id"])
        answer = await reader.post("{ viewer { tokenName } }")
    assert answer.status_code == 401
    assert answer.json()["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
