"""The one door to providers: secrets are opened for their owner only, no connection is held."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import pytest

from app.domain.embedding import context, opened
from app.errors import Internal
from app.store.record import SealedSecret
from tests.factory import INSERT, KEY, SEARCH, Run, Running
from tests.resolvers.documents import DESCOPE, ENABLED, SCOPE, credential_id, database_id

EMBEDDING = {"provider": "openai", "credential": "main", "model": "text-embedding-3-small", "dimension": 64}


def test_a_secret_opens_for_its_own_organization_and_credential_only(running: Running) -> None:
    gateway, organization_id, credential_id = running.gateway, uuid4(), uuid4()
    sealed = gateway.keyring.seal(KEY, context(organization_id, credential_id))
    secret = opened(gateway, SealedSecret(credential_id, organization_id, 7, sealed))
    assert (secret.value, secret.version) == (KEY, 7)
    assert KEY not in repr(secret)
    for moved in (
        SealedSecret(uuid4(), organization_id, 7, sealed),
        SealedSecret(credential_id, uuid4(), 7, sealed),
        SealedSecret(organization_id, credential_id, 7, sealed),
    ):
        with pytest.raises(Internal, match="cannot be opened") as refused:
            opened(gateway, moved)
        assert KEY not in refused.value.message
        assert sealed.text not in refused.value.message


async def test_no_connection_is_held_while_a_provider_is_asked(run: Run) -> None:
    running = await run(pool_size=1)
    api, openai = running.api, running.openai
    books = await api.openai_collection()
    openai.gate.clear()
    calls = [
        asyncio.create_task(api(SEARCH, id=books, query="whale")),
        asyncio.create_task(api(INSERT, input={"collectionId": books, "documents": [{"$vectorize": "whale"}]})),
        asyncio.create_task(api.credential("second", validate=True)),
    ]
    await openai.until_in_flight(3)
    assert (await api(ENABLED))["organization"]["integrations"]
    assert await database_id(api)
    openai.gate.set()
    await asyncio.gather(*calls)


async def test_a_search_that_joins_another_s_question_does_not_share_the_refusal_of_another_target(
    running: Running,
) -> None:
    api, openai = running.api, running.openai
    here = await api.openai_collection(database="here")
    there = await api.database("there")
    main = await credential_id(api)
    await api(SCOPE, credential=main, databases=[there])
    elsewhere = await api.collection(there, embedding=EMBEDDING)
    openai.gate.clear()
    openai.fail(503)
    first = asyncio.create_task(api.refusal(SEARCH, id=here, query="whale"))
    await openai.until_in_flight(1)
    second = asyncio.create_task(api.search(elsewhere, query="whale"))
    await api(DESCOPE, credential=main, database=await database_id(api, "here"), name="here")
    openai.gate.set()
    assert (await first).codes == ["DATABASE_NOT_IN_SCOPE"]
    await second


async def test_a_credential_of_one_organization_never_serves_another(running: Running) -> None:
    """Two organizations with the same names everywhere: each is asked for with its own key."""
    await running.api.openai_collection()
    async with await running.other_organization() as other:
        home = await other.database("library")
        await other.credential("main", key="sk-second-0123456789", databases=(home,))
        theirs = await other.collection(home, embedding=EMBEDDING)
        await other.search(theirs, query="whale")
        assert running.openai.received[-1].key == "sk-second-0123456789"
    ours = await running.api('{ organization { database(name: "library") { collection(name: "books") { id } } } }')
    await running.api.search(ours["organization"]["database"]["collection"]["id"], query="whale")
    assert running.openai.received[-1].key == KEY
