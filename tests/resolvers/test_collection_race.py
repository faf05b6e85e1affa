"""Creating a collection while its region fails or its surroundings go: nothing is left half-made, and no fault is shown."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from app.domain import sweep
from app.errors import DatabaseUnavailable
from app.store import target
from tests.factory import CREATE_COLLECTION, Place, Running
from tests.patience import until
from tests.resolvers.documents import DROP_DATABASE, openai

NAMED = """
query N($id: ID!) { node(id: $id) { ... on Database { collection(name: "books") { id documentCount } } } }"""
LOCAL = {"provider": "local", "model": "wordllama-256"}


async def test_a_region_that_fails_leaves_no_trace_and_the_name_free(two_regions: Running, place: Place) -> None:
    api = two_regions.api
    home = await api.database("library", region="europe")
    await place.away()
    given = {"databaseId": home, "name": "books", "embedding": LOCAL}
    assert (await api.refusal(CREATE_COLLECTION, input=given)).codes == ["DATABASE_UNAVAILABLE"]
    assert await two_regions.sql("select from vectorgate.target") == []
    assert await two_regions.sql("select from vectorgate.attachment") == []
    await place.back()
    books = (await api(CREATE_COLLECTION, input=given))["createCollection"]["collection"]["id"]
    assert (await api.insert(books, {"$vectorize": "a white whale"}))["insertedCount"] == 1


async def test_a_fault_of_the_gateway_leaves_no_trace_either(running: Running) -> None:
    home = await running.api.database()
    schema = (await running.sql("select nspname from pg_namespace where nspname like 'vg\\_%'"))[0]["nspname"]
    await running.sql(f"alter schema {schema} rename to hidden")
    refused = await running.api.refusal(CREATE_COLLECTION, input={"databaseId": home, "name": "books"})
    assert refused.codes == ["INTERNAL"]
    assert schema not in str(refused.errors)
    assert await running.sql("select from vectorgate.target") == []
    await running.sql(f"alter schema hidden rename to {schema}")
    await running.api.collection(home, "books")


async def test_a_database_dropped_before_its_collection_is_entered_is_not_found(running: Running) -> None:
    """The drop holds the database's row until it is committed; the creation waits for it."""
    home = await running.api.database()
    async with running.gateway.postgres.catalogue.transaction() as dropping:
        await dropping.execute("delete from vectorgate.database")
        creating = asyncio.create_task(
            running.api.refusal(CREATE_COLLECTION, input={"databaseId": home, "name": "books"})
        )
        await until_waiting(running, 1)
    assert (await creating).codes == ["NOT_FOUND"]


async def test_a_database_dropped_before_its_collection_s_table_is_made_is_not_found(running: Running) -> None:
    """The schema is locked, so that the creation stops behind its entry; then the whole database goes."""
    home = await running.api.database()
    [schema] = await running.sql("select nspname from pg_namespace where nspname like 'vg\\_%'")
    async with running.gateway.postgres.catalogue.transaction() as held:
        await held.execute(f"drop schema {schema['nspname']}")
        creating = asyncio.create_task(
            running.api.refusal(CREATE_COLLECTION, input={"databaseId": home, "name": "books"})
        )
        await until_waiting(running, 1)
        dropping = asyncio.create_task(running.api(DROP_DATABASE, id=home, name="library"))
        await until_waiting(running, 2)
    refused = await creating
    assert refused.codes == ["NOT_FOUND"]
    assert "dropped while" in refused.errors[0]["message"]
    await dropping
    for table in ("database", "target", "debris"):
        assert await running.sql(f"select from vectorgate.{table}") == []


async def test_an_integration_deactivated_before_a_collection_is_entered_is_not_enabled(running: Running) -> None:
    home = await running.api.database()
    await running.api.credential(databases=(home,))
    async with running.gateway.postgres.catalogue.transaction() as deactivating:
        await deactivating.execute("select from vectorgate.integration for update")
        given = {"databaseId": home, "name": "books", "embedding": openai()}
        creating = asyncio.create_task(running.api.refusal(CREATE_COLLECTION, input=given))
        await until_waiting(running, 1)
        await deactivating.execute("delete from vectorgate.credential")
        await deactivating.execute("delete from vectorgate.integration")
    assert (await creating).codes == ["INTEGRATION_NOT_ENABLED"]
    assert await running.sql("select from vectorgate.target") == []


async def until_waiting(running: Running, count: int) -> None:
    """Until so many statements wait for locks."""
    waiting = "select from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"

    async def wait() -> bool:
        return len(await running.sql(waiting)) >= count

    await until(wait)


async def test_what_a_sweep_has_finished_meanwhile_is_not_undone_with_what_was_written_to_it(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = await running.api.database()
    activate, inserted = target.activate, list[Any]()

    async def fail_after_a_sweep(*_: object) -> bool:
        monkeypatch.setattr(target, "activate", activate)
        await sweep.finish_halves(running.gateway)
        books = await running.api(NAMED, id=home)
        inserted.append(await running.api.insert(books["node"]["collection"]["id"], {"_id": "a"}))
        raise DatabaseUnavailable("All connections are in use.")

    monkeypatch.setattr(target, "activate", fail_after_a_sweep)
    refused = await running.api.refusal(CREATE_COLLECTION, input={"databaseId": home, "name": "books"})
    assert refused.codes == ["DATABASE_UNAVAILABLE"]
    assert [each["insertedCount"] for each in inserted] == [1]
    assert (await running.api(NAMED, id=home))["node"]["collection"]["documentCount"] == 1
