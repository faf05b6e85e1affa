"""The mission's procedures from end to end, over HTTP, against a real PostgreSQL and a fake OpenAI that checks every request strictly."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

from tests.factory import ADD_CREDENTIAL, CREATE_COLLECTION, KEY, SEARCH, SECOND_KEY, Api, Running

ENABLE = (
    "mutation E($provider: String!) { enableIntegration(input: {provider: $provider}) { integration { id kind } } }"
)
DEACTIVATE = """
mutation D($id: ID!, $name: String!) {
  deactivateIntegration(input: {integrationId: $id, confirmName: $name}) {
    deactivatedIntegrationId organization { integration(provider: "openai") { id } }
  }
}"""
SCOPE = """
mutation S($credential: ID!, $databases: [ID!]!) {
  addScopedDatabases(input: {credentialId: $credential, databaseIds: $databases}) { added { database { id } } }
}"""
ROTATE = """
mutation R($id: ID!, $key: String!) {
  rotateCredential(input: {credentialId: $id, apiKey: $key}) { credential { version hint previousVersion { version } } }
}"""
REMOVE = """
mutation R($id: ID!, $name: String!, $refuse: Boolean! = false) {
  removeCredential(input: {credentialId: $id, confirmName: $name, refuseIfInUse: $refuse}) {
    removedName removedScope { id } disabledCount disabled { target { name } }
  }
}"""
STATUS = "query S($id: ID!) { node(id: $id) { ... on Collection { embedding { status { available reason } } } } }"
DROP = """
mutation D($id: ID!, $name: String!) { dropCollection(input: {collectionId: $id, confirmName: $name}) { droppedCollectionId } }"""

MODEL = "text-embedding-3-small"
TEXTS = {
    "whale": "a captain hunts a white whale across the oceans",
    "monster": "a scientist gives life to a monster",
    "island": "a sailor lives alone on an island for years",
    "time": "an inventor travels through time to the far future",
}


@dataclass
class Searchers:
    """Searches that never stop asking, and what became of them."""

    api: Api
    collection_id: str
    answered: int = 0
    failed: list[object] = field(default_factory=list)
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    moved: asyncio.Event = field(default_factory=asyncio.Event)

    async def search(self) -> None:
        while not self.stop.is_set():
            body = (await self.api.post(SEARCH, {"id": self.collection_id, "query": f"whale {self.answered}"})).json()
            self.answered += 1
            self.moved.set()
            if body.get("errors"):
                self.failed.append(body["errors"])

    async def until_answered(self, more: int) -> None:
        """Wait until so many more searches are answered."""
        goal = self.answered + more
        while self.answered < goal:
            self.moved.clear()
            await self.moved.wait()


async def status(api: Api, collection_id: str) -> dict[str, Any]:
    """Whether a collection can embed now."""
    answer = await api(STATUS, id=collection_id)
    found: dict[str, Any] = answer["node"]["embedding"]["status"]
    return found


async def scoped(api: Api) -> tuple[str, str, list[str]]:
    """An enabled integration with a credential whose scope holds ten databases: integration, credential, databases."""
    enabled = (await api(ENABLE, provider="openai"))["enableIntegration"]["integration"]
    assert enabled["kind"] == "EXTERNAL"
    credential_id = await api.credential()
    databases = [await api.database(f"library_{number}") for number in range(11)]
    too_many = await api.refusal(SCOPE, credential=credential_id, databases=databases)
    assert (too_many.codes, too_many.facts["limit"], too_many.facts["actual"]) == (["TOO_MANY_DATABASES"], 10, 11)
    added = await api(SCOPE, credential=credential_id, databases=databases[:10])
    assert [each["database"]["id"] for each in added["addScopedDatabases"]["added"]] == databases[:10]
    return enabled["id"], credential_id, databases


async def filled(api: Api, database_id: str, name: str = "books") -> str:
    """A collection that embeds through OpenAI, with four documents."""
    embedding = {"provider": "openai", "credential": "main", "model": MODEL, "dimension": 128}
    collection_id = await api.collection(database_id, name, embedding=embedding)
    inserted = await api.insert(collection_id, *({"_id": key, "$vectorize": text} for key, text in TEXTS.items()))
    assert inserted["insertedCount"] == len(TEXTS)
    assert inserted["usage"]["totalTokens"] > 0
    return collection_id


async def nearest(api: Api, collection_id: str, query: str) -> str:
    """The key of the document nearest to a text."""
    found = await api.search(collection_id, query=query, first=1)
    return str(found["edges"][0]["node"]["key"])


async def test_from_enabling_a_provider_to_searching_by_meaning(running: Running) -> None:
    api = running.api
    _, _, databases = await scoped(api)
    embedding = {"provider": "openai", "credential": "main", "model": MODEL}
    outside = await api.refusal(
        CREATE_COLLECTION, input={"databaseId": databases[10], "name": "books", "embedding": embedding}
    )
    assert outside.codes == ["DATABASE_NOT_IN_SCOPE"]
    assert outside.facts["credentialName"] == "main"
    assert outside.facts["database"] == "library_10"

    collection_id = await filled(api, databases[0])
    assert await nearest(api, collection_id, "the hunt for the white whale") == "whale"
    assert await nearest(api, collection_id, "travels to the future") == "time"

    request = running.openai.received[0]
    assert request.body == {
        "input": list(TEXTS.values()),
        "model": MODEL,
        "dimensions": 128,
        "encoding_format": "base64",
    }
    assert request.key == KEY


async def test_rotating_in_one_step_fails_no_search_and_forgets_the_old_key(running: Running) -> None:
    api, openai = running.api, running.openai
    database_id = await api.database()
    credential_id = await api.credential(databases=(database_id,))
    collection_id = await filled(api, database_id)
    searchers = Searchers(api, collection_id)
    async with asyncio.TaskGroup() as group:
        for _ in range(8):
            group.create_task(searchers.search())
        await searchers.until_answered(40)
        rotated = (await api(ROTATE, id=credential_id, key=SECOND_KEY))["rotateCredential"]["credential"]
        begun_before = openai.in_flight
        openai.keys = {SECOND_KEY}  # the old key is revoked at the provider the moment the rotation is answered
        asked_before = len(openai.received)
        await searchers.until_answered(200)
        searchers.stop.set()

    assert rotated == {"version": 2, "hint": SECOND_KEY[-4:], "previousVersion": {"version": 1}}
    assert searchers.failed == []
    late = [request for request in openai.received[asked_before:] if request.key == KEY]
    assert len(late) <= 8, "only searches that began before the answer may still carry the old key"
    assert begun_before <= 8
    await api.search(collection_id, query="one more")
    assert openai.received[-1].key == SECOND_KEY


async def test_rotating_by_hand_mends_collections_by_the_credential_s_name(running: Running) -> None:
    api = running.api
    _, credential_id, databases = await scoped(api)
    kept, left_out = await filled(api, databases[0]), await filled(api, databases[1])

    in_use = await api.refusal(REMOVE, id=credential_id, name="main", refuse=True)
    assert in_use.codes == ["CREDENTIAL_IN_USE"]
    mistyped = await api.refusal(REMOVE, id=credential_id, name="Main")
    assert mistyped.codes == ["CONFIRMATION_MISMATCH"]
    assert (await status(api, kept))["available"]

    removed = (await api(REMOVE, id=credential_id, name="main"))["removeCredential"]
    assert removed["disabledCount"] == 2
    assert [each["id"] for each in removed["removedScope"]] == databases[:10]
    asked = len(running.openai.received)
    refused = await api.refusal(SEARCH, id=kept, query="whale")
    assert refused.codes == ["CREDENTIAL_NOT_FOUND"]
    assert "addCredential" in refused.errors[0]["message"]
    assert len(running.openai.received) == asked
    by_vector = await api.search(kept, vector=[1.0] * 128, first=4)
    assert len(by_vector["edges"]) == 4

    await api.credential("another", databases=(databases[0],))
    assert (await status(api, kept)) == {"available": False, "reason": "CREDENTIAL_NOT_FOUND"}

    again = await api.credential("main", key=SECOND_KEY)
    assert (await status(api, kept)) == {"available": False, "reason": "DATABASE_NOT_IN_SCOPE"}
    await api(SCOPE, credential=again, databases=[databases[0]])
    assert await nearest(api, kept, "the white whale") == "whale"
    assert running.openai.received[-1].key == SECOND_KEY
    assert (await status(api, left_out)) == {"available": False, "reason": "DATABASE_NOT_IN_SCOPE"}


async def test_removing_everything_ends_in_a_deactivated_integration(running: Running) -> None:
    api = running.api
    integration_id, credential_id, databases = await scoped(api)
    collection_id = await filled(api, databases[0])

    held = await api.refusal(DEACTIVATE, id=integration_id, name="OpenAI")
    assert held.codes == ["INTEGRATION_IN_USE"]
    assert held.facts["credentials"] == ["main"]
    await api(REMOVE, id=credential_id, name="main")
    still = await api.refusal(DEACTIVATE, id=integration_id, name="OpenAI")
    assert still.facts["attachments"] == ["library_0.books"]
    await api(DROP, id=collection_id, name="books")
    mistyped = await api.refusal(DEACTIVATE, id=integration_id, name="openai")
    assert mistyped.codes == ["CONFIRMATION_MISMATCH"]

    gone = (await api(DEACTIVATE, id=integration_id, name="OpenAI"))["deactivateIntegration"]
    assert gone == {"deactivatedIntegrationId": integration_id, "organization": {"integration": None}}
    embedding = {"provider": "openai", "credential": "main", "model": MODEL}
    not_enabled = await api.refusal(
        CREATE_COLLECTION, input={"databaseId": databases[0], "name": "more", "embedding": embedding}
    )
    assert not_enabled.codes == ["INTEGRATION_NOT_ENABLED"]


async def test_adding_a_credential_enables_its_provider(api: Api) -> None:
    added = await api(ADD_CREDENTIAL, input={"provider": "openai", "name": "main", "apiKey": KEY})
    assert added["addCredential"]["credential"]["integration"]["provider"]["key"] == "openai"


async def test_the_local_provider_needs_no_account_at_all(api: Api) -> None:
    collection_id = await api.local_collection()
    await api.insert(collection_id, *({"_id": key, "$vectorize": text} for key, text in TEXTS.items()))
    assert await nearest(api, collection_id, "sea hunter chasing a huge animal") == "whale"
    assert await nearest(api, collection_id, "artificial creature made in a laboratory") == "monster"
