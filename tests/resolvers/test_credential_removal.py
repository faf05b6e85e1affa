"""Removing a credential, and adding it again by its name: the manual way to rotate (rules 13, 14 and 16)."""

from __future__ import annotations

from tests.factory import SEARCH, SECOND_KEY, Api, Running
from tests.resolvers.documents import DESCOPE, NODE, REMOVE, SCOPE, credential_id, database_id, status


async def test_removing_disables_at_once_and_says_what(running: Running) -> None:
    api = running.api
    books = await api.openai_collection("books")
    library, empty, identifier = await database_id(api), await api.database("empty"), await credential_id(api)
    await api(SCOPE, credential=identifier, databases=[empty])

    for name in ("Main", "", "library"):
        assert (await api.refusal(REMOVE, id=identifier, name=name)).codes == ["CONFIRMATION_MISMATCH"]
    refused = await api.refusal(REMOVE, id=identifier, name="main", refuse=True)
    assert (refused.codes, refused.facts["attachments"]) == (["CREDENTIAL_IN_USE"], ["library.books"])
    assert refused.facts["attachmentCount"] == 1
    assert (await status(api, books))["available"]

    removed = (await api(REMOVE, id=identifier, name="main"))["removeCredential"]
    assert (removed["removedCredentialId"], removed["removedName"]) == (identifier, "main")
    assert [each["id"] for each in removed["removedScope"]] == [library, empty]
    assert removed["integration"] == {"provider": {"key": "openai"}}
    assert removed["disabledCount"] == 1
    [disabled] = removed["disabled"]
    assert disabled["target"] == {"name": "books"}
    assert disabled["embedding"]["status"] == {"available": False, "reason": "CREDENTIAL_NOT_FOUND"}

    assert (await api(NODE, id=identifier))["node"] is None
    assert (await api.refusal(REMOVE, id=identifier, name="main")).codes == ["NOT_FOUND"]
    assert await running.sql("select from vectorgate.scoped_database") == []


async def test_without_the_credential_data_and_search_by_vector_go_on(running: Running) -> None:
    api = running.api
    books = await api.openai_collection("books", dimension=64)
    await api.insert(books, {"_id": "whale", "$vectorize": "a white whale"})
    await api(REMOVE, id=await credential_id(api), name="main")
    asked = len(running.openai.received)

    said = await status(api, books)
    assert (said["available"], said["reason"]) == (False, "CREDENTIAL_NOT_FOUND")
    refused = await api.refusal(SEARCH, id=books, query="whale")
    assert refused.codes == ["CREDENTIAL_NOT_FOUND"]
    assert refused.errors[0]["message"] == said["message"]
    assert all(word in said["message"] for word in ("OpenAI", "'main'", "'library'", "addCredential"))
    facts = {name: refused.facts[name] for name in ("provider", "credentialName", "database", "family")}
    assert facts == {"provider": "openai", "credentialName": "main", "database": "library", "family": "REQUEST"}

    [hit] = (await api.search(books, vector=[1.0] * 64))["edges"]
    assert hit["node"]["key"] == "whale"
    assert (await api.insert(books, {"$vector": [1.0] * 64}))["insertedCount"] == 1
    assert len(running.openai.received) == asked


async def test_a_credential_of_the_same_name_and_scope_mends_and_another_does_not(running: Running) -> None:
    api = running.api
    books, library = await api.openai_collection("books"), await database_id(api)
    await api(REMOVE, id=await credential_id(api), name="main")

    await api.credential("another", databases=(library,))
    assert (await status(api, books))["reason"] == "CREDENTIAL_NOT_FOUND"
    again = await api.credential("main", key=SECOND_KEY)
    said = await status(api, books)
    assert said["reason"] == "DATABASE_NOT_IN_SCOPE"
    assert all(word in said["message"] for word in ("OpenAI", "'main'", "'library'", "addScopedDatabases"))
    refused = await api.refusal(SEARCH, id=books, query="whale")
    assert (refused.codes, refused.errors[0]["message"]) == (["DATABASE_NOT_IN_SCOPE"], said["message"])

    await api(SCOPE, credential=again, databases=[library])
    assert await status(api, books) == {"available": True, "reason": None, "message": None}
    await api.search(books, query="whale")
    assert running.openai.received[-1].key == SECOND_KEY


async def test_what_could_not_embed_anyway_is_not_disabled_and_holds_no_credential(api: Api) -> None:
    await api.openai_collection("books")
    identifier = await credential_id(api)
    await api(DESCOPE, credential=identifier, database=await database_id(api), name="library")
    removed = (await api(REMOVE, id=identifier, name="main", refuse=True))["removeCredential"]
    assert (removed["disabledCount"], removed["disabled"], removed["removedScope"]) == (0, [], [])
