"""Scopes over HTTP: which databases a credential may serve (rules 7 and 10 to 12)."""

from __future__ import annotations

import asyncio

import pytest

from tests.factory import SEARCH, Api, Run, Running
from tests.resolvers.documents import (
    DESCOPE,
    DROP_DATABASE,
    NODE,
    REMOVE,
    SCOPE,
    credential_id,
    database_id,
    openai,
    status,
)


async def scope(api: Api, identifier: str) -> list[str]:
    """The names of the databases in a credential's scope."""
    asked = "query S($id: ID!) { node(id: $id) { ... on Credential { scopedDatabases { database { name } } } } }"
    found = (await api(asked, id=identifier))["node"]["scopedDatabases"]
    return [each["database"]["name"] for each in found]


async def test_adding_twice_is_no_error_and_changes_nothing(api: Api) -> None:
    identifier, library, archive = await api.credential(), await api.database(), await api.database("archive")
    [first] = (await api(SCOPE, credential=identifier, databases=[library]))["addScopedDatabases"]["added"]
    answer = (await api(SCOPE, credential=identifier, databases=[archive, library, archive]))["addScopedDatabases"]
    assert first in answer["added"]
    assert sorted(each["database"]["name"] for each in answer["added"]) == ["archive", "library"]
    assert answer["credential"] == {
        "id": identifier,
        "scopedDatabases": [{"database": {"name": "library"}}, {"database": {"name": "archive"}}],
    }
    assert (await api(NODE, id=first["id"]))["node"] == {"id": first["id"], "__typename": "ScopedDatabase"}


async def test_a_call_takes_1_to_10_databases_and_more_go_in_by_repeating(api: Api) -> None:
    identifier = await api.credential()
    databases = [await api.database(f"library_{number}") for number in range(11)]
    refused = await api.refusal(SCOPE, credential=identifier, databases=databases)
    assert (refused.codes, refused.facts["limit"], refused.facts["actual"]) == (["TOO_MANY_DATABASES"], 10, 11)
    assert "repeatedly" in refused.errors[0]["message"]
    none = await api.refusal(SCOPE, credential=identifier, databases=[])
    assert (none.codes, none.facts["limit"], none.facts["actual"]) == (["BAD_INPUT"], 1, 0)
    assert await scope(api, identifier) == []
    await api(SCOPE, credential=identifier, databases=databases[:10])
    await api(SCOPE, credential=identifier, databases=databases[10:])
    assert len(await scope(api, identifier)) == 11


async def test_one_unknown_database_keeps_all_out(api: Api) -> None:
    identifier, library = await api.credential(), await api.database()
    gone = await api.database("gone")
    await api(DROP_DATABASE, id=gone, name="gone")
    for wrong in (gone, identifier, "nonsense", ""):
        refused = await api.refusal(SCOPE, credential=identifier, databases=[library, wrong])
        assert refused.codes == ["NOT_FOUND"]
    assert (await api.refusal(SCOPE, credential=library, databases=[library])).codes == ["NOT_FOUND"]
    assert await scope(api, identifier) == []


async def test_a_database_that_is_initializing_can_be_put_in_scope(running: Running) -> None:
    identifier, library = await running.api.credential(), await running.api.database()
    await running.sql("update vectorgate.database set status = 'INITIALIZING'")
    added = (await running.api(SCOPE, credential=identifier, databases=[library]))["addScopedDatabases"]["added"]
    assert [each["database"]["name"] for each in added] == ["library"]


async def test_a_change_bites_on_the_next_request_of_every_replica(run: Run) -> None:
    here, there = await run(), await run()
    books = await here.api.openai_collection()
    identifier, library = await credential_id(here.api), await database_id(here.api)
    await there.api.search(books, query="whale")
    await here.api(DESCOPE, credential=identifier, database=library, name="library")
    assert (await there.api.refusal(SEARCH, id=books, query="whale")).codes == ["DATABASE_NOT_IN_SCOPE"]
    await there.api(SCOPE, credential=identifier, databases=[library])
    await here.api.search(books, query="whale")


async def test_removing_needs_the_database_s_name_and_says_what_it_disabled(api: Api) -> None:
    library, archive = await api.database("library"), await api.database("archive")
    identifier = await api.credential(databases=(library, archive))
    for home, name in ((library, "books"), (library, "films"), (archive, "books")):
        await api.collection(home, name, embedding=openai())

    for name in ("Library", "main", ""):
        refused = await api.refusal(DESCOPE, credential=identifier, database=library, name=name)
        assert refused.codes == ["CONFIRMATION_MISMATCH"]
    assert await scope(api, identifier) == ["library", "archive"]

    removed = (await api(DESCOPE, credential=identifier, database=library, name="library"))["removeScopedDatabase"]
    assert removed["credential"]["scopedDatabases"] == [{"database": {"name": "archive"}}]
    assert removed["database"] == {"name": "library", "scopes": []}
    assert removed["disabledCount"] == 2
    assert [each["target"]["name"] for each in removed["disabled"]] == ["books", "films"]
    assert (await api(NODE, id=removed["removedScopedDatabaseId"]))["node"] is None
    again = await api.refusal(DESCOPE, credential=identifier, database=library, name="library")
    assert again.codes == ["NOT_FOUND"]
    assert "'library'" in again.errors[0]["message"]


async def test_only_what_uses_that_very_credential_is_disabled(api: Api) -> None:
    library = await api.database()
    await api.credential("main", databases=(library,))
    second = await api.credential("second", databases=(library,))
    books = await api.collection(library, "books", embedding=openai("main"))
    films = await api.collection(library, "films", embedding=openai("second"))
    removed = (await api(DESCOPE, credential=second, database=library, name="library"))["removeScopedDatabase"]
    assert [each["target"]["name"] for each in removed["disabled"]] == ["films"]
    assert (await status(api, books))["available"]
    assert (await status(api, films))["reason"] == "DATABASE_NOT_IN_SCOPE"


async def test_dropping_a_database_takes_it_out_of_every_scope(api: Api) -> None:
    library, archive = await api.database("library"), await api.database("archive")
    identifier = await api.credential(databases=(library, archive))
    await api(DROP_DATABASE, id=library, name="library")
    assert await scope(api, identifier) == ["archive"]
    await api.database("library")
    assert await scope(api, identifier) == ["archive"]


@pytest.mark.parametrize("drop_first", [True, False])
async def test_adding_while_the_database_is_dropped_ends_one_way_or_the_other(
    running: Running, *, drop_first: bool
) -> None:
    """Neither a scope that holds a dropped database nor a fault of the gateway comes of it."""
    api = running.api
    identifier = await api.credential()
    databases = [await api.database(f"library_{number}") for number in range(6)]

    async def add(library: str) -> list[str]:
        answer = (await api.post(SCOPE, {"credential": identifier, "databases": [library]})).json()
        return [error["extensions"]["code"] for error in answer.get("errors", ())]

    async def drop(number: int) -> None:
        await api(DROP_DATABASE, id=databases[number], name=f"library_{number}")

    calls = [(add(library), drop(number)) for number, library in enumerate(databases)]
    ordered = [each for pair in calls for each in (reversed(pair) if drop_first else pair)]
    outcomes = [each for each in await asyncio.gather(*ordered) if each is not None]
    assert all(codes in ([], ["NOT_FOUND"]) for codes in outcomes)
    assert await scope(api, identifier) == []


async def test_removing_the_credential_removes_its_scope(api: Api) -> None:
    library = await api.database()
    identifier = await api.credential(databases=(library,))
    added = (await api(SCOPE, credential=identifier, databases=[library]))["addScopedDatabases"]["added"]
    await api(REMOVE, id=identifier, name="main")
    assert (await api(NODE, id=added[0]["id"]))["node"] is None
    assert (await api.refusal(SCOPE, credential=identifier, databases=[library])).codes == ["NOT_FOUND"]
