"""Collections over HTTP: what is checked when one is created, and that nothing of a refused one stays (rules 19 and 20)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.factory import CREATE_COLLECTION, SEARCH, Api, Run, Running
from tests.resolvers.documents import (
    DESCOPE,
    DROP_COLLECTION,
    ENABLE,
    NODE,
    REMOVE,
    credential_id,
    database_id,
    openai,
    status,
)

COLLECTION = """
query Collection($id: ID!) {
  node(id: $id) { ... on Collection {
    name dimension metric createdAt documentCount database { name }
    embedding { provider { key } integration { provider { key } } credentialName credential { name } model dimension parameters }
  } }
}"""
LOCAL = {"provider": "local", "model": "wordllama-256"}


async def collection(api: Api, identifier: str) -> dict[str, Any]:
    found: dict[str, Any] = (await api(COLLECTION, id=identifier))["node"]
    return found


async def tables(running: Running) -> list[str]:
    """The tables in schemas of databases in the catalogue's cluster."""
    rows = await running.sql("select tablename from pg_tables where schemaname like 'vg\\_%'")
    return [row["tablename"] for row in rows]


async def library(running: Running) -> str:
    """A database in the scope of the OpenAI credential `main`."""
    identifier = await running.api.database()
    await running.api.credential(databases=(identifier,))
    return identifier


# --- the three kinds ---
async def test_a_collection_with_an_external_integration_keeps_what_was_resolved(running: Running) -> None:
    home = await library(running)
    identifier = await running.api.collection(
        home, embedding=openai(dimension=None, parameters={"projectId": "proj_1"}), metric="DOT_PRODUCT"
    )
    found = await collection(running.api, identifier)
    assert (found["name"], found["dimension"], found["metric"]) == ("books", 1536, "DOT_PRODUCT")
    assert (found["documentCount"], found["database"]) == (0, {"name": "library"})
    assert found["embedding"] == {
        "provider": {"key": "openai"},
        "integration": {"provider": {"key": "openai"}},
        "credentialName": "main",
        "credential": {"name": "main"},
        "model": "text-embedding-3-small",
        "dimension": 1536,
        "parameters": {"projectId": "proj_1"},
    }
    assert running.openai.received == [], "nothing is embedded to create a collection"


async def test_a_hosted_integration_needs_no_credential(api: Api) -> None:
    found = await collection(api, await api.local_collection())
    assert (found["dimension"], found["metric"]) == (256, "COSINE")
    assert found["embedding"]["integration"] == {"provider": {"key": "local"}}
    assert (found["embedding"]["credentialName"], found["embedding"]["credential"]) == (None, None)


async def test_vectors_of_one_s_own_and_no_vectors_at_all(api: Api) -> None:
    home = await api.database()
    own = await collection(api, await api.collection(home, "own", dimension=16_000, metric="EUCLIDEAN"))
    assert (own["dimension"], own["metric"], own["embedding"]) == (16_000, "EUCLIDEAN", None)
    none = await collection(api, await api.collection(home, "none"))
    assert (none["dimension"], none["metric"], none["embedding"]) == (None, None, None)


# --- refusals ---
REFUSALS: list[tuple[dict[str, Any], str, dict[str, Any]]] = [
    ({"embedding": {**openai(), "provider": "astrology"}}, "PROVIDER_UNKNOWN", {}),
    ({"embedding": {**LOCAL, "credential": "main"}}, "BAD_INPUT", {"provider": "local"}),
    ({"embedding": openai(credential=None)}, "CREDENTIAL_NOT_FOUND", {"provider": "openai"}),
    (
        {"embedding": openai("mian")},
        "CREDENTIAL_NOT_FOUND",
        {"provider": "openai", "credentialName": "mian", "database": "library"},
    ),
    (
        {"embedding": openai("narrow")},
        "DATABASE_NOT_IN_SCOPE",
        {"provider": "openai", "credentialName": "narrow", "database": "library"},
    ),
    ({"embedding": openai(model="text-embedding-9")}, "MODEL_UNKNOWN", {"model": "text-embedding-9"}),
    ({"embedding": openai(model="sk-1234567890123456")}, "MODEL_UNKNOWN", {"model": "***"}),
    ({"embedding": openai(parameters={"colour": "blue"})}, "INVALID_PROVIDER_PARAMETERS", {"provider": "openai"}),
    ({"embedding": openai(parameters={"projectId": 7})}, "INVALID_PROVIDER_PARAMETERS", {"provider": "openai"}),
    ({"embedding": openai(parameters={"projectId": "a b"})}, "INVALID_PROVIDER_PARAMETERS", {"provider": "openai"}),
    ({"embedding": openai(dimension=1)}, "UNSUPPORTED_VECTOR_DIMENSION", {"provider": "openai"}),
    ({"embedding": openai(dimension=1537)}, "UNSUPPORTED_VECTOR_DIMENSION", {"provider": "openai"}),
    ({"embedding": {**LOCAL, "dimension": 255}}, "UNSUPPORTED_VECTOR_DIMENSION", {"provider": "local"}),
    ({"embedding": openai(), "dimension": 64}, "BAD_INPUT", {}),
    ({"dimension": 0}, "UNSUPPORTED_VECTOR_DIMENSION", {"limit": 16_000, "actual": 0}),
    ({"dimension": -1}, "UNSUPPORTED_VECTOR_DIMENSION", {"limit": 16_000, "actual": -1}),
    ({"dimension": 16_001}, "UNSUPPORTED_VECTOR_DIMENSION", {"limit": 16_000, "actual": 16_001}),
    ({"name": ""}, "BAD_INPUT", {"limit": 48, "actual": 0}),
    ({"name": "my books"}, "BAD_INPUT", {"limit": 48, "actual": 8}),
    ({"name": "b" * 49}, "BAD_INPUT", {"limit": 48, "actual": 49}),
    ({"name": "taken"}, "ALREADY_EXISTS", {"database": "library"}),
    ({"databaseId": "nonsense"}, "NOT_FOUND", {}),
]


async def test_whatever_does_not_fit_is_refused_under_its_code_and_leaves_nothing(running: Running) -> None:
    api, home = running.api, await library(running)
    await api.credential("narrow")
    await api.collection(home, "taken")
    before = await tables(running)
    for given, code, facts in REFUSALS:
        refused = await api.refusal(CREATE_COLLECTION, input={"databaseId": home, "name": "books", **given})
        assert (refused.codes, {name: refused.facts[name] for name in facts}) == ([code], facts), given
        assert refused.facts["family"] == "REQUEST"
    assert await tables(running) == before
    assert len(await running.sql("select from vectorgate.target")) == 1
    assert await running.sql("select from vectorgate.attachment") == []
    await api.collection(home, "books", embedding=openai())


async def test_an_integration_that_is_not_enabled_is_refused_before_its_credential(api: Api) -> None:
    home = await api.database()
    for given in (openai(), openai(credential=None)):
        refused = await api.refusal(CREATE_COLLECTION, input={"databaseId": home, "name": "books", "embedding": given})
        assert (refused.codes, refused.facts["provider"]) == (["INTEGRATION_NOT_ENABLED"], "openai")
        assert "enableIntegration" in refused.errors[0]["message"]
    await api(ENABLE, provider="openai")
    refused = await api.refusal(CREATE_COLLECTION, input={"databaseId": home, "name": "books", "embedding": openai()})
    assert refused.codes == ["CREDENTIAL_NOT_FOUND"]


@pytest.fixture
def models(tmp_path: Path) -> Callable[..., Path]:
    """Writes a MODELS_FILE in which OpenAI's models have other statuses."""

    def write(**statuses: str) -> Path:
        file = tmp_path / "models.toml"
        entries = [
            f'[[provider.openai.models]]\nname = "text-embedding-3-{name}"\nstatus = "{status}"\nstatus_message = "Use another."'
            for name, status in statuses.items()
        ]
        file.write_text("\n".join(entries))
        return file

    return write


async def test_a_deprecated_model_is_not_attached_any_more_and_embeds_where_it_is(
    run: Run, running: Running, models: Callable[..., Path]
) -> None:
    books = await running.api.openai_collection()
    later = await run(models_file=models(small="DEPRECATED"))
    refused = await later.api.refusal(
        CREATE_COLLECTION, input={"databaseId": await database_id(later.api), "name": "more", "embedding": openai()}
    )
    assert (refused.codes, refused.facts["model"]) == (["DEPRECATED_MODEL"], "text-embedding-3-small")
    assert "Use another." in refused.errors[0]["message"]
    assert (await status(later.api, books))["available"]
    await later.api.search(books, query="whale")


async def test_a_model_at_its_end_of_life_embeds_nowhere_and_its_vectors_stay_searchable(
    run: Run, running: Running, models: Callable[..., Path]
) -> None:
    books = await running.api.openai_collection(dimension=64)
    await running.api.insert(books, {"_id": "whale", "$vectorize": "a white whale"})
    api = (await run(models_file=models(small="END_OF_LIFE"))).api
    given = {"databaseId": await database_id(api), "name": "more", "embedding": openai()}
    assert (await api.refusal(CREATE_COLLECTION, input=given)).codes == ["END_OF_LIFE_MODEL"]
    said = await status(api, books)
    assert (said["available"], said["reason"]) == (False, "END_OF_LIFE_MODEL")
    refused = await api.refusal(SEARCH, id=books, query="whale")
    assert (refused.codes, refused.errors[0]["message"]) == (["END_OF_LIFE_MODEL"], said["message"])
    assert len((await api.search(books, vector=[1.0] * 64))["edges"]) == 1


# --- other names, other people ---
async def test_a_name_is_unique_in_its_database_only_and_case_counts(api: Api) -> None:
    here, there = await api.database("here"), await api.database("there")
    await api.collection(here, "books")
    await api.collection(here, "Books")
    await api.collection(there, "books")
    refused = await api.refusal(CREATE_COLLECTION, input={"databaseId": here, "name": "books", "dimension": 3})
    assert refused.codes == ["ALREADY_EXISTS"]


async def test_of_many_creations_with_one_name_one_succeeds(running: Running) -> None:
    home = await running.api.database()
    given = {"databaseId": home, "name": "books", "dimension": 8}
    answers = await asyncio.gather(*(running.api.post(CREATE_COLLECTION, {"input": given}) for _ in range(6)))
    codes = [[each["extensions"]["code"] for each in answer.json().get("errors", ())] for answer in answers]
    assert sorted(codes) == [[]] + [["ALREADY_EXISTS"]] * 5
    assert len(await tables(running)) == 1


# --- dropping ---
async def test_dropping_needs_the_name_and_removes_the_table(running: Running) -> None:
    api, home = running.api, await library(running)
    books = await api.collection(home, "books", embedding=openai())
    await api.collection(home, "films")
    for name in ("Books", "library", ""):
        assert (await api.refusal(DROP_COLLECTION, id=books, name=name)).codes == ["CONFIRMATION_MISMATCH"]
    assert len(await tables(running)) == 2
    dropped = (await api(DROP_COLLECTION, id=books, name="books"))["dropCollection"]
    assert dropped["droppedCollectionId"] == books
    assert dropped["database"] == {"name": "library", "collections": {"nodes": [{"name": "films"}]}}
    assert len(await tables(running)) == 1
    assert await running.sql("select from vectorgate.attachment") == []
    assert (await api(NODE, id=books))["node"] is None
    assert (await api.refusal(DROP_COLLECTION, id=books, name="books")).codes == ["NOT_FOUND"]
    await api.collection(home, "books", embedding=openai())


async def test_a_configuration_stays_as_it_was_resolved_whatever_becomes_of_its_credential(api: Api) -> None:
    books = await api.openai_collection()
    before = (await collection(api, books))["embedding"]
    await api(DESCOPE, credential=await credential_id(api), database=await database_id(api), name="library")
    await api(REMOVE, id=await credential_id(api), name="main")
    after = (await collection(api, books))["embedding"]
    assert after == {**before, "credential": None}
    assert after["credentialName"] == "main"


async def test_collections_are_paged_in_each_database_by_itself(api: Api) -> None:
    for home in ("here", "there"):
        identifier = await api.database(home)
        for number in range(3):
            await api.collection(identifier, f"{home}_{number}")
    asked = """query P($after: String) { organization { databases { nodes { name collections(first: 2, after: $after) {
      totalCount nodes { name } pageInfo { hasNextPage endCursor } } } } } }"""
    pages = (await api(asked))["organization"]["databases"]["nodes"]
    assert [[each["name"] for each in page["collections"]["nodes"]] for page in pages] == [
        ["here_0", "here_1"],
        ["there_0", "there_1"],
    ]
    assert [page["collections"]["totalCount"] for page in pages] == [3, 3]
    assert all(page["collections"]["pageInfo"]["hasNextPage"] for page in pages)
    after = pages[1]["collections"]["pageInfo"]["endCursor"]
    rest = (await api(asked, after=after))["organization"]["databases"]["nodes"][1]["collections"]
    assert ([each["name"] for each in rest["nodes"]], rest["pageInfo"]["hasNextPage"]) == (["there_2"], False)
