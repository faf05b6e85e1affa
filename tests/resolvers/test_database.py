"""Databases over HTTP: a row in the catalogue and a schema in a region (rules 17 and 18)."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from app.domain import sweep
from app.store.identifier import schema_name
from resolvers.node import local_id
from tests.factory import CREATE_COLLECTION, CREATE_DATABASE, INSERT, Api, Place, Running
from tests.resolvers.documents import DROP_DATABASE, NODE, REMOVE, SCOPE, openai

DATABASE = """
query Database($id: ID!) {
  node(id: $id) { ... on Database {
    name status createdAt region { name hostedProviders } scopes { credential { name } }
    availableIntegrations { integration { kind provider { key } } credentials { name } }
    collections { totalCount nodes { name } } collection(name: "books") { name } nothing: collection(name: "Books") { name }
  } }
}"""


async def database(api: Api, identifier: str) -> dict[str, Any]:
    found: dict[str, Any] = (await api(DATABASE, id=identifier))["node"]
    return found


async def names(api: Api) -> list[str]:
    """The databases of the organization that the caller sees."""
    return [
        each["name"]
        for each in (await api("{ organization { databases { nodes { name } } } }"))["organization"]["databases"][
            "nodes"
        ]
    ]


async def schemas(url: str) -> list[str]:
    """The schemas of databases in a region."""
    connection = await asyncpg.connect(url)
    try:
        rows = await connection.fetch("select nspname from pg_namespace where nspname like 'vg\\_%' order by nspname")
    finally:
        await connection.close()
    return [row["nspname"] for row in rows]


def uuid_of(identifier: str) -> UUID:
    return local_id("Database", identifier)


# --- creating ---
async def test_a_new_database_is_a_schema_in_the_default_region(running: Running, database_url: str) -> None:
    identifier = await running.api.database()
    found = await database(running.api, identifier)
    assert (found["name"], found["status"]) == ("library", "ACTIVE")
    assert found["region"] == {"name": "local", "hostedProviders": ["local"]}
    assert found["scopes"] == []
    assert found["collections"] == {"totalCount": 0, "nodes": []}
    assert await schemas(database_url) == [schema_name(uuid_of(identifier))]


async def test_a_database_is_made_in_the_region_that_is_asked_for(
    two_regions: Running, database_url: str, place: Place
) -> None:
    api = two_regions.api
    here, there = await api.database("here"), await api.database("there", region="europe")
    assert await schemas(database_url) == [schema_name(uuid_of(here))]
    assert await schemas(place.url) == [schema_name(uuid_of(there))]
    assert (await database(api, there))["region"]["name"] == "europe"
    books = await api.local_collection(database="elsewhere")
    await api.insert(books, {"_id": 1})
    refused = await api.refusal(CREATE_DATABASE, input={"name": "nowhere", "region": "moon"})
    assert refused.codes == ["BAD_INPUT"]
    assert "local, europe" in refused.errors[0]["message"]
    assert (await api("{ organization { regions { name } } }"))["organization"]["regions"] == [
        {"name": "local"},
        {"name": "europe"},
    ]


@pytest.mark.parametrize(
    "name", ["", "1st", "my library", "größe", "a-b", "_a", "a" * 49, 'a"; drop', "a.b", "library\n"]
)
async def test_a_name_is_1_to_48_letters_digits_and_underscores(api: Api, name: str) -> None:
    refused = await api.refusal(CREATE_DATABASE, input={"name": name})
    assert (refused.codes, refused.facts["limit"], refused.facts["actual"]) == (["BAD_INPUT"], 48, len(name))
    assert await names(api) == []


async def test_a_name_is_unique_and_case_counts(api: Api) -> None:
    await api.database("library")
    refused = await api.refusal(CREATE_DATABASE, input={"name": "library"})
    assert (refused.codes, refused.facts["database"]) == (["ALREADY_EXISTS"], "library")
    await api.database("Library")
    await api.database("l" * 48)
    assert await names(api) == ["library", "Library", "l" * 48]


async def test_a_database_can_begin_in_the_scope_of_credentials(api: Api) -> None:
    first, second = await api.credential("first"), await api.credential("second")
    identifier = await api.database(credentialIds=[first, second])
    found = await database(api, identifier)
    assert [each["credential"]["name"] for each in found["scopes"]] == ["first", "second"]
    for wrong in (identifier, "nonsense"):
        refused = await api.refusal(CREATE_DATABASE, input={"name": "more", "credentialIds": [first, wrong]})
        assert refused.codes == ["NOT_FOUND"]
    await api(REMOVE, id=second, name="second")
    refused = await api.refusal(CREATE_DATABASE, input={"name": "more", "credentialIds": [first, second]})
    assert refused.codes == ["NOT_FOUND"]
    assert await names(api) == ["library"]


async def test_putting_it_in_scope_needs_a_permission_more(api: Api) -> None:
    identifier = await api.credential()
    async with await api.with_token("Database Administrator") as administrator:
        refused = await administrator.refusal(CREATE_DATABASE, input={"name": "1", "credentialIds": [identifier]})
        assert (refused.codes, refused.facts["permission"]) == (["PERMISSION_DENIED"], "WRITE_INTEGRATIONS")
        assert await names(administrator) == []
        await administrator.database("library")


async def test_what_may_be_attached_is_hosted_in_the_region_or_external_in_scope(api: Api) -> None:
    library, archive = await api.database("library"), await api.database("archive")
    first, _ = await api.credential("first", databases=(library, archive)), await api.credential("second")
    await api(SCOPE, credential=await api.credential("third"), databases=[library])
    hosted = {"integration": {"kind": "HOSTED", "provider": {"key": "local"}}, "credentials": []}
    external = {"kind": "EXTERNAL", "provider": {"key": "openai"}}
    assert (await database(api, library))["availableIntegrations"] == [
        hosted,
        {"integration": external, "credentials": [{"name": "first"}, {"name": "third"}]},
    ]
    await api(REMOVE, id=first, name="first")
    assert (await database(api, archive))["availableIntegrations"] == [hosted]


async def test_databases_are_paged_in_order_of_creation(api: Api) -> None:
    for number in range(5):
        await api.database(f"library_{number}")
    asked = """query P($after: String) { organization { databases(first: 2, after: $after) {
      totalCount pageInfo { hasNextPage hasPreviousPage endCursor } edges { cursor node { name } } } } }"""
    seen, after = [], None
    for _ in range(3):
        page = (await api(asked, after=after))["organization"]["databases"]
        seen += [edge["node"]["name"] for edge in page["edges"]]
        assert (page["totalCount"], page["pageInfo"]["hasPreviousPage"]) == (5, after is not None)
        after = page["pageInfo"]["endCursor"]
    assert seen == [f"library_{number}" for number in range(5)]
    assert not page["pageInfo"]["hasNextPage"]
    for cursor in ("nonsense", "", "WzFd", "♥"):
        refused = await api.refusal(asked, after=cursor)
        assert refused.codes == ["BAD_INPUT"]


# --- a region that is away ---
async def test_a_region_that_is_away_leaves_the_database_in_error_to_be_dropped(
    two_regions: Running, place: Place
) -> None:
    api = two_regions.api
    await place.away()
    refused = await api.refusal(CREATE_DATABASE, input={"name": "library", "region": "europe"})
    assert (refused.codes, refused.facts["region"]) == (["DATABASE_UNAVAILABLE"], "europe")
    assert (refused.facts["retryable"], refused.facts["family"]) == (False, "SERVER")
    assert "drop it with dropDatabase" in refused.errors[0]["message"]
    [left] = (await api("{ organization { databases { nodes { id name status } } } }"))["organization"]["databases"][
        "nodes"
    ]
    assert (left["name"], left["status"]) == ("library", "ERROR")
    in_vain = await api.refusal(CREATE_COLLECTION, input={"databaseId": left["id"], "name": "books"})
    assert (in_vain.codes, in_vain.facts["retryable"]) == (["DATABASE_UNAVAILABLE"], False)
    assert "drop it" in in_vain.errors[0]["message"]

    await api(DROP_DATABASE, id=left["id"], name="library")
    assert await names(api) == []
    await place.back()
    await api.database("library", region="europe")


async def test_other_regions_go_on_while_one_is_away(two_regions: Running, place: Place) -> None:
    api = two_regions.api
    there = await api.collection(await api.database("there", region="europe"))
    await place.away()
    here = await api.local_collection(database="here")
    await api.insert(here, {"$vectorize": "a white whale"})
    assert len((await api.search(here, query="whale"))["edges"]) == 1
    refused = await api.refusal(INSERT, input={"collectionId": there, "documents": [{"a": 1}]})
    assert (refused.codes, refused.facts["region"]) == (["DATABASE_UNAVAILABLE"], "europe")
    assert (await api(NODE, id=there))["node"] is not None
    await place.back()
    assert (await api.insert(there, {"a": 1}))["insertedCount"] == 1


async def test_a_region_that_is_not_configured_any_more_is_unavailable(two_regions: Running, running: Running) -> None:
    books = await two_regions.api.collection(await two_regions.api.database("there", region="europe"))
    refused = await running.api.refusal(INSERT, input={"collectionId": books, "documents": [{"a": 1}]})
    assert (refused.codes, refused.facts["retryable"]) == (["DATABASE_UNAVAILABLE"], False)
    assert "not configured" in refused.errors[0]["message"]


# --- dropping ---
async def test_dropping_removes_the_schema_and_all_that_is_in_it(running: Running, database_url: str) -> None:
    api = running.api
    library = await api.database()
    await api.credential(databases=(library,))
    books = await api.collection(library, "books", embedding=openai())
    await api.collection(library, "films")
    found = await database(api, library)
    assert (found["collections"]["totalCount"], found["collection"], found["nothing"]) == (2, {"name": "books"}, None)

    for name in ("Library", "books", ""):
        assert (await api.refusal(DROP_DATABASE, id=library, name=name)).codes == ["CONFIRMATION_MISMATCH"]
    assert len(await schemas(database_url)) == 1
    dropped = (await api(DROP_DATABASE, id=library, name="library"))["dropDatabase"]
    assert dropped == {"droppedDatabaseId": library, "organization": {"databases": {"nodes": []}}}
    assert await schemas(database_url) == []
    for identifier in (library, books):
        assert (await api(NODE, id=identifier))["node"] is None
    for table in ("database", "target", "attachment", "scoped_database", "debris"):
        assert await running.sql(f"select from vectorgate.{table}") == []
    assert (await api.refusal(DROP_DATABASE, id=library, name="library")).codes == ["NOT_FOUND"]


async def test_what_a_region_that_is_away_still_holds_is_removed_later(two_regions: Running, place: Place) -> None:
    api = two_regions.api
    library = await api.database("library", region="europe")
    archive = await api.database("archive", region="europe")
    books = await api.collection(archive, "books")
    await place.away()
    await api(DROP_DATABASE, id=library, name="library")
    dropped = await api(
        'mutation D($id: ID!) { dropCollection(input: {collectionId: $id, confirmName: "books"}) { droppedCollectionId } }',
        id=books,
    )
    assert dropped["dropCollection"]["droppedCollectionId"] == books
    assert await names(api) == ["archive"]
    await sweep.once(two_regions.gateway)
    assert len(await two_regions.sql("select from vectorgate.debris")) == 2

    await place.back()
    await sweep.once(two_regions.gateway)
    assert await two_regions.sql("select from vectorgate.debris") == []
    assert await schemas(place.url) == [schema_name(uuid_of(archive))]


async def test_dropping_while_collections_are_created_loses_nothing_and_faults_nowhere(running: Running) -> None:
    api = running.api
    databases = [await api.database(f"library_{number}") for number in range(4)]

    async def create(number: int) -> list[str]:
        given = {"databaseId": databases[number // 2], "name": f"books_{number}", "dimension": 8}
        answer = (await api.post(CREATE_COLLECTION, {"input": given})).json()
        return [error["extensions"]["code"] for error in answer.get("errors", ())]

    async def drop(number: int) -> None:
        await api(DROP_DATABASE, id=databases[number], name=f"library_{number}")

    creations = [asyncio.create_task(create(number)) for number in range(8)]
    await asyncio.gather(*(drop(number) for number in range(4)))
    assert all(codes in ([], ["NOT_FOUND"]) for codes in await asyncio.gather(*creations))
    assert await running.sql("select from vectorgate.target") == []
    await sweep.once(running.gateway)
    assert await running.sql("select from vectorgate.debris") == []
    assert await schemas(running.gateway.postgres.catalogue.url) == []
