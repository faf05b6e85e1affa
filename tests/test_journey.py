"""The mission's procedures from end to end, over HTTP, against a real PostgreSQL and a fake OpenAI that checks every request strictly."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

from tests.factory import (
    ADD_CREDENTIAL,
    CREATE_COLLECTION,
    INSERT_ROWS,
    KEY,
    SEARCH,
    SECOND_KEY,
    Api,
    Running,
)

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

ATTACH = """
mutation A($input: AttachIntegrationInput!) {
  attachIntegration(input: $input) { warnings column { name dimension sourceColumn embedding { model status { available } } } }
}"""
DETACH = """
mutation D($input: DetachIntegrationInput!) {
  detachIntegration(input: $input) { column { name embedding { model } index { name status } } }
}"""
CREATE_INDEX = """
mutation C($input: CreateVectorIndexInput!) { createVectorIndex(input: $input) { column { index { name metric status } } job { id } } }"""
ROW = """
query R($id: ID!, $key: JSON!, $column: String!) {
  node(id: $id) { ... on Table { row(key: $key) { fields vector(column: $column) } } }
}"""

MODEL = "text-embedding-3-small"
TEXTS = {
    "whale": "a captain hunts a white whale across the oceans",
    "monster": "a scientist gives life to a monster",
    "island": "a sailor lives alone on an island for years",
    "time": "an inventor travels through time to the far future",
}

OPENAI = {"provider": "openai", "credential": "main", "model": "text-embedding-3-small", "dimension": 64}
LOCAL = {"provider": "local", "model": "wordllama-256"}
BOOKS = {
    1: ("Moby-Dick", "a captain hunts a white whale across the oceans"),
    2: ("Frankenstein", "a scientist gives life to a monster"),
    3: ("Robinson Crusoe", "a sailor lives alone on an island for years"),
    4: ("The Time Machine", "an inventor travels through time to the far future"),
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


def vector(name: str, **more: object) -> dict[str, object]:
    """A vector column with an index."""
    return {"name": name, "type": "VECTOR", "index": {"metric": "COSINE"}, **more}


async def books(api: Api, database_id: str, *columns: dict[str, object], key: tuple[str, ...] = ("id",)) -> str:
    """A table `books` with id, title and these columns."""
    plain: tuple[dict[str, object], ...] = ({"name": "id", "type": "INT"}, {"name": "title", "type": "TEXT"})
    return await api.table(database_id, "books", (*plain, *columns), key)


async def insert(api: Api, table_id: str, *rows: dict[str, object]) -> Any:  # noqa: ANN401 - JSON
    """The payload of insertRows, none of which may fail."""
    payload = await api.insert_rows(table_id, *rows)
    assert {each["status"] for each in payload["results"]} == {"INSERTED"}, payload["results"]
    return payload


async def keys(api: Api, table_id: str, **arguments: object) -> list[object]:
    """The keys of a search's hits, nearest first."""
    found = (await api(SEARCH, id=table_id, **arguments))["vectorSearch"]
    return [edge["node"]["key"] for edge in found["edges"]]


async def test_two_vector_columns_of_one_table_embed_through_two_providers(running: Running) -> None:
    api = running.api
    database_id = await api.database()
    await api.credential(databases=(database_id,))
    columns = (
        vector("by_openai", embedding=OPENAI),
        vector("by_local", embedding=LOCAL),
        {**vector("own"), "dimension": 2},
    )
    unindexed = {"name": "unindexed", "type": "VECTOR", "dimension": 2}
    table_id = await books(api, database_id, *columns, unindexed)
    rows = [
        {"id": key, "title": title, "by_openai": text, "by_local": text, "own": [key, 1], "unindexed": [1, key]}
        for key, (title, text) in BOOKS.items()
    ]
    inserted = await insert(api, table_id, *rows)
    assert inserted["insertedCount"] == len(BOOKS)
    assert inserted["usage"]["totalTokens"] > 0
    [request] = running.openai.received
    assert request.body["input"] == [text for _, text in BOOKS.values()]

    assert await keys(api, table_id, column="by_openai", query="the hunt for the white whale", first=1) == [1]
    assert await keys(api, table_id, column="by_local", query="artificial creature made in a laboratory", first=1) == [
        2
    ]
    assert await keys(api, table_id, column="own", vector=[1, 0]) == [4, 3, 2, 1]
    assert await keys(api, table_id, column="own", vector=[1, 0], filter={"title": {"$gt": "N"}}) == [4, 3]

    asked = len(running.openai.received)
    for arguments, code in (
        ({"query": "whale"}, "ONE_VECTOR_COLUMN_PER_SEARCH"),
        ({"column": "unindexed", "vector": [1, 1]}, "COLUMN_NOT_INDEXED"),
        ({"column": "own", "query": "whale"}, "EMBEDDING_NOT_CONFIGURED"),
        ({"column": "title", "query": "whale"}, "COLUMN_NOT_VECTOR"),
        ({"column": "missing", "query": "whale"}, "COLUMN_UNKNOWN"),
        ({"column": "by_local", "query": "whale", "filter": {"own": [1, 1]}}, "INVALID_FILTER"),
    ):
        assert (await api.refusal(SEARCH, id=table_id, **arguments)).codes == [code]
    assert len(running.openai.received) == asked


async def test_an_integration_is_attached_to_an_existing_table_replaced_and_taken_off(running: Running) -> None:
    api = running.api
    database_id = await api.database()
    await api.credential(databases=(database_id,))
    table_id = await books(api, database_id, {"name": "meaning", "type": "VECTOR", "dimension": 256})
    column = {"tableId": table_id, "column": "meaning"}
    text = {"id": 1, "title": "Moby-Dick", "meaning": BOOKS[1][1]}
    refused = (await api(INSERT_ROWS, input={"tableId": table_id, "rows": [text]}))["insertRows"]["results"]
    assert [each["code"] for each in refused] == ["EMBEDDING_NOT_CONFIGURED"]
    await insert(api, table_id, {**text, "meaning": [0.5] * 256})

    attached = (await api(ATTACH, input={**column, "embedding": LOCAL}))["attachIntegration"]
    assert attached["warnings"] == []
    assert attached["column"]["embedding"] == {"model": "wordllama-256", "status": {"available": True}}
    indexed = (await api(CREATE_INDEX, input=column))["createVectorIndex"]
    made = indexed["column"]["index"]
    assert (made["metric"], made["status"]) == ("COSINE", "BUILDING")
    assert (await api.ended(indexed["job"]["id"]))["status"] == "SUCCEEDED"
    await insert(
        api,
        table_id,
        *({"id": key, "title": title, "meaning": about} for key, (title, about) in BOOKS.items() if key > 1),
    )
    assert await keys(api, table_id, query="artificial creature made in a laboratory", first=1) == [2]

    small = {**OPENAI, "dimension": 64}
    assert (await api.refusal(ATTACH, input={**column, "embedding": OPENAI})).codes == ["ALREADY_EXISTS"]
    refusal = await api.refusal(ATTACH, input={**column, "embedding": small, "replace": True})
    assert refusal.codes == ["UNSUPPORTED_VECTOR_DIMENSION"]
    other = {**OPENAI, "dimension": 256}
    replaced = (await api(ATTACH, input={**column, "embedding": other, "replace": True}))["attachIntegration"]
    assert replaced["column"]["embedding"]["model"] == "text-embedding-3-small"
    assert "migrateVectorColumn" in replaced["warnings"][0]
    await insert(api, table_id, {"id": 5, "title": "Dracula", "meaning": "a count from the east comes for blood"})
    assert running.openai.received[-1].body["input"] == ["a count from the east comes for blood"]

    detached = (await api(DETACH, input=column))["detachIntegration"]["column"]
    assert detached["embedding"] is None
    assert detached["index"] == {"name": made["name"], "status": "READY"}
    assert (await api.refusal(SEARCH, id=table_id, query="blood")).codes == ["EMBEDDING_NOT_CONFIGURED"]
    stored = (await api(ROW, id=table_id, key=5, column="meaning"))["node"]["row"]["vector"]
    assert (await keys(api, table_id, vector=stored, first=1)) == [5]


async def test_a_vector_column_follows_its_source_column(running: Running) -> None:
    api = running.api
    database_id = await api.database()
    await api.credential(databases=(database_id,))
    table_id = await books(api, database_id, vector("meaning", embedding=OPENAI, sourceColumn="title"))
    await insert(api, table_id, *({"id": key, "title": text} for key, (_, text) in BOOKS.items()))
    assert await keys(api, table_id, query="the hunt for the white whale", first=1) == [1]
    asked = len(running.openai.received)
    update = (
        "mutation U($input: UpdateRowsInput!) { updateRows(input: $input) { matchedCount modifiedCount modifiedIds } }"
    )
    same = {"tableId": table_id, "filter": {"id": 1}, "set": {"title": BOOKS[1][1]}}
    assert (await api(update, input=same))["updateRows"]["modifiedCount"] == 0
    assert len(running.openai.received) == asked
    other = {
        "tableId": table_id,
        "filter": {"id": {"$gte": 3}},
        "set": {"title": "a detective solves a murder in a mansion"},
    }
    assert (await api(update, input=other))["updateRows"]["modifiedCount"] == 2
    assert running.openai.received[-1].body["input"] == ["a detective solves a murder in a mansion"]
    assert set(await keys(api, table_id, query="a detective and a murder", first=2)) == {3, 4}


async def test_keys_of_several_columns_page_filter_and_delete(api: Api) -> None:
    database_id = await api.database()
    own = {**vector("place"), "dimension": 2}
    table_id = await books(api, database_id, own, key=("title", "id"))
    await insert(
        api, table_id, *({"id": number, "title": title, "place": [1, 1]} for title in "ba" for number in range(3))
    )
    found: list[object] = []
    after = None
    while True:
        page = (await api(SEARCH, id=table_id, vector=[1, 0], first=2, after=after))["vectorSearch"]
        found += [edge["node"]["key"] for edge in page["edges"]]
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break
    assert found == [{"title": title, "id": number} for title in "ab" for number in range(3)]
    again = {"tableId": table_id, "rows": [{"id": 1, "title": "a"}]}
    taken = (await api(INSERT_ROWS, input=again))["insertRows"]["results"]
    assert [(each["status"], each["code"]) for each in taken] == [("FAILED", "ALREADY_EXISTS")]
    delete = "mutation D($input: DeleteRowsInput!) { deleteRows(input: $input) { deletedCount } }"
    gone = await api(delete, input={"tableId": table_id, "keys": [{"title": "a", "id": 1}, {"title": "a", "id": 9}]})
    assert gone["deleteRows"]["deletedCount"] == 1
    left = await keys(api, table_id, vector=[1, 0], filter={"title": "a"})
    assert left == [{"title": "a", "id": 0}, {"title": "a", "id": 2}]
