"""Two `serve` processes on one PostgreSQL: what is changed through one bites on the other's next request."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from itertools import count

import pytest

from tests.factory import KEY, SEARCH, SECOND_KEY, TOKEN, Api
from tests.fakes.openai import OpenAIFake
from tests.processes import serving
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


@pytest.fixture
async def pair(database_url: str, openai: OpenAIFake) -> AsyncIterator[Pair]:
    async with AsyncExitStack() as stack:
        first = await stack.enter_async_context(serving(database_url, openai))
        second = await stack.enter_async_context(serving(database_url, openai))
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
