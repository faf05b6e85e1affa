"""Housekeeping: halves are finished, debris removed, what is over erased, and one failure keeps nothing else from being done."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import UUID

import pytest
import structlog

from app.domain import database as database_rules
from app.domain import sweep
from app.errors import NotFound
from app.store.identifier import schema_name
from app.store.record import Database, new_id
from resolvers.node import global_id, local_id
from tests.factory import CREATE_COLLECTION, CREATE_DATABASE, Place, Run, Running
from tests.resolvers.test_database import schemas

HALF_DATABASE = """
insert into vectorgate.database (id, organization_id, name, region)
select $1, id, $2, $3 from vectorgate.organization"""
HALF_COLLECTION = """
insert into vectorgate.target (id, organization_id, database_id, kind, name, dimension, metric)
select $1, organization_id, id, 'COLLECTION', $2, 8, 'COSINE' from vectorgate.database where id = $3"""
HALF_TABLE = """
with made as (
    insert into vectorgate.target (id, organization_id, database_id, kind, name)
    select $1, organization_id, id, 'TABLE', $2 from vectorgate.database where id = $3 returning organization_id
)
insert into vectorgate.table_column
    (id, organization_id, target_id, name, type, nullable, position, key_position, dimension, index_name, index_metric, index_status)
select gen_random_uuid(), organization_id, $1, 'id', 'INT', false, 1, 1, null::integer, null, null, null from made union all
select gen_random_uuid(), organization_id, $1, 'v', 'VECTOR', true, 2, null, 3, 'v_index', 'COSINE', 'READY' from made"""
REMEMBERED = "insert into {}.idempotency values ($1, $2, ''::bytea, '{{}}', now() - $3::interval)"
LEFT = "select key from {}.idempotency"
DEBRIS = "insert into vectorgate.debris (id, region, database_id, target_id) values ($1, $2, $3, $4)"


@pytest.fixture(autouse=True)
def only_the_test_sweeps(monkeypatch: pytest.MonkeyPatch) -> None:
    """A gateway's own sweep, which begins when it starts, would finish what a test has just broken off."""

    async def never(_: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(sweep, "forever", never)


async def half_database(running: Running, name: str = "library", region: str = "local") -> UUID:
    """A database whose process died before it made the schema."""
    identifier = new_id()
    await running.sql(HALF_DATABASE, identifier, name, region)
    return identifier


async def half_collection(running: Running, database_id: str, name: str = "books") -> str:
    """A collection whose process died before it made the table."""
    identifier = new_id()
    await running.sql(HALF_COLLECTION, identifier, name, local_id("Database", database_id))
    return str(global_id("Collection", identifier))


async def half_table(running: Running, database_id: str, name: str = "films") -> str:
    """A table whose process died before it made it in its region."""
    identifier = new_id()
    await running.sql(HALF_TABLE, identifier, name, local_id("Database", database_id))
    return str(global_id("Table", identifier))


async def statuses(running: Running) -> dict[str, str]:
    rows = await running.sql("select name, status from vectorgate.database order by id")
    return {row["name"]: row["status"] for row in rows}


async def test_half_made_things_are_finished(running: Running) -> None:
    api = running.api
    half = await half_database(running)
    library = await api.database("other")
    books, films = await half_collection(running, library), await half_table(running, library)
    asked = 'query B($id: ID!) { node(id: $id) { ... on Database { collection(name: "books") { id } table(name: "films") { id } } } }'
    assert (await api(asked, id=library))["node"] == {"collection": None, "table": None}
    taken = await api.refusal(CREATE_COLLECTION, input={"databaseId": library, "name": "books"})
    assert taken.codes == ["ALREADY_EXISTS"]
    not_yet = await api.refusal(CREATE_COLLECTION, input={"databaseId": global_id("Database", half), "name": "books"})
    assert (not_yet.codes, not_yet.facts["retryable"]) == (["DATABASE_UNAVAILABLE"], True)

    await sweep.once(running.gateway)
    assert await statuses(running) == {"library": "ACTIVE", "other": "ACTIVE"}
    assert (await api(asked, id=library))["node"] == {"collection": {"id": books}, "table": {"id": films}}
    assert (await api.insert(books, {"$vector": [1.0] * 8}))["insertedCount"] == 1
    assert (await api.insert_rows(films, {"id": 1, "v": [1.0] * 3}))["insertedCount"] == 1
    assert len((await api.search(films, column="v", vector=[1.0] * 3))["edges"]) == 1
    await api.collection(str(global_id("Database", half)))


async def test_sweeps_of_many_replicas_at_once_do_not_collide(run: Run) -> None:
    replicas = [await run() for _ in range(3)]
    first = replicas[0]
    libraries = [await first.api.database(f"whole_{number}") for number in range(2)]
    for number in range(6):
        await half_database(first, f"half_{number}")
        await half_collection(first, libraries[number % 2], f"books_{number}")
        await half_table(first, libraries[number % 2], f"films_{number}")
        await first.sql(
            DEBRIS, new_id(), "local", local_id("Database", await first.api.database(f"gone_{number}")), None
        )
    with structlog.testing.capture_logs() as logged:
        await asyncio.gather(*(sweep.once(each.gateway) for each in replicas))
    assert logged == []
    assert await first.sql("select from vectorgate.debris") == []
    assert await first.sql("select from vectorgate.target where status <> 'ACTIVE'") == []
    assert {name: status for name, status in (await statuses(first)).items() if status != "ACTIVE"} == {}


async def test_what_is_created_now_does_not_collide_with_a_sweep(running: Running) -> None:
    api = running.api

    async def sweeping() -> None:
        for _ in range(15):
            await sweep.once(running.gateway)

    async def create(number: int) -> None:
        await api.collection(await api.database(f"library_{number}"), dimension=8)

    with structlog.testing.capture_logs() as logged:
        await asyncio.gather(sweeping(), *(create(number) for number in range(10)))
    assert [entry for entry in logged if entry["log_level"] in ("warning", "error")] == []
    assert set((await statuses(running)).values()) == {"ACTIVE"}


async def test_a_region_that_is_away_keeps_no_other_from_being_swept(two_regions: Running, place: Place) -> None:
    away = [new_id() for _ in range(3)]
    await place.away()
    for number, identifier in enumerate(away):
        await two_regions.sql(HALF_DATABASE, identifier, f"away_{number}", "europe")
        await two_regions.sql(DEBRIS, new_id(), "europe", new_id(), None)
    here = await half_database(two_regions)
    await two_regions.sql(DEBRIS, new_id(), "local", new_id(), None)
    await two_regions.sql(REMEMBERED.format("vectorgate_region"), new_id(), "old", timedelta(days=1))

    with structlog.testing.capture_logs() as logged:
        await sweep.once(two_regions.gateway)
    found = await statuses(two_regions)
    assert found["library"] == "ACTIVE"
    assert [found[f"away_{number}"] for number in range(3)] == ["INITIALIZING"] * 3
    assert [row["region"] for row in await two_regions.sql("select region from vectorgate.debris")] == ["europe"] * 3
    assert await two_regions.sql("select from vectorgate_region.idempotency") == []
    postponed = [(entry["task"], entry["region"]) for entry in logged if entry["event"] == "sweep_postponed"]
    tasks = ["forget_expired", "finish_database", "remove_debris", "move_events", "take_up_loads"]
    assert postponed == [(task, "europe") for task in tasks]

    await place.back()
    await sweep.once(two_regions.gateway)
    assert set((await statuses(two_regions)).values()) == {"ACTIVE"}
    assert await schemas(place.url) == [schema_name(each) for each in away]
    assert schema_name(here) not in await schemas(place.url)
    assert await two_regions.sql("select from vectorgate.debris") == []


async def test_an_item_that_fails_is_logged_and_keeps_no_other_from_being_done(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad, good = await half_database(running, "bad"), await half_database(running, "good")
    make = database_rules.make_schema

    async def fail_once(gateway: object, half: object, *rest: object) -> object:
        if getattr(half, "id", None) == bad:
            raise RuntimeError("a fault")
        return await make(gateway, half, *rest)  # type: ignore[arg-type] # handed on as it came

    monkeypatch.setattr(database_rules, "make_schema", fail_once)
    with structlog.testing.capture_logs() as logged:
        await sweep.once(running.gateway)
    assert await statuses(running) == {"bad": "INITIALIZING", "good": "ACTIVE"}
    [entry] = [entry for entry in logged if entry["event"] == "sweep_failed"]
    assert (entry["task"], entry["region"], entry["log_level"]) == ("finish_database", "local", "error")
    assert schema_name(good) in await schemas(running.gateway.postgres.catalogue.url)


async def test_a_catalogue_that_is_away_ends_no_sweep(run: Run, place: Place) -> None:
    running = await run(database_url=place.url)
    await place.away()
    with structlog.testing.capture_logs() as logged:
        await sweep.once(running.gateway)
    assert {entry["event"] for entry in logged if entry["event"].startswith("sweep")} == {"sweep_postponed"}
    await place.back()


async def test_a_database_dropped_while_its_schema_is_made_leaves_no_schema(running: Running) -> None:
    half = await half_database(running)
    [row] = await running.sql("select * from vectorgate.database")
    await running.sql("delete from vectorgate.database")
    record = Database(**dict(row.items()))
    with pytest.raises(NotFound, match="dropped while"):
        await database_rules.make_schema(running.gateway, record)
    assert schema_name(half) not in await schemas(running.gateway.postgres.catalogue.url)
    assert await running.sql("select from vectorgate.debris") == []


async def test_a_name_that_a_half_made_database_holds_is_taken(running: Running) -> None:
    await half_database(running)
    refused = await running.api.refusal(CREATE_DATABASE, input={"name": "library"})
    assert refused.codes == ["ALREADY_EXISTS"]


async def test_idempotency_records_are_forgotten_after_a_day(running: Running) -> None:
    for place in ("vectorgate", "vectorgate_region"):
        await running.sql(REMEMBERED.format(place), new_id(), "old", timedelta(days=1))
        await running.sql(REMEMBERED.format(place), new_id(), "young", timedelta(hours=23))
    await sweep.once(running.gateway)
    for place in ("vectorgate", "vectorgate_region"):
        left = await running.sql(LEFT.format(place))
        assert [row["key"] for row in left] == ["young"]
