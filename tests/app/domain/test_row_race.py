"""Tables that change while rows are being written: nothing is committed as the table was before, and nobody sees an INTERNAL."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.app.domain.inserting import codes
from tests.factory import Running
from tests.resolvers.documents import openai
from tests.resolvers.tables import ADD_COLUMNS, ATTACH, DETACH, DROP_COLUMNS, ID, TITLE, vector

SMALL = openai(dimension=256)
LARGE = openai(dimension=256, model="text-embedding-3-large")
OWN = [1, *[0] * 255]
USAGE = "{ organization { usage(groupBy: [MODEL]) { model texts } } }"


@pytest.fixture
async def films(running: Running) -> str:
    """Films by id and title, with a vector that follows the title and one for strings."""
    api = running.api
    database_id = await api.database()
    await api.credential(databases=(database_id,))
    columns = (ID, TITLE, vector("v", 256, embedding=SMALL, sourceColumn="title"), vector("own", 256, embedding=SMALL))
    return await api.table(database_id, columns=columns)


async def during(running: Running, write: Awaitable[Any], change: Callable[[], Awaitable[Any]]) -> Any:  # noqa: ANN401 - JSON
    """What a write answers when the table is changed while its texts are being embedded."""
    running.openai.gate.clear()
    call = asyncio.ensure_future(write)
    await running.openai.until_in_flight(1)
    await change()
    running.openai.gate.set()
    return await call


async def models(running: Running) -> list[tuple[str, int]]:
    """The models that were asked, in order, each with the number of its texts; all of it is in the usage."""
    used = (await running.api(USAGE))["organization"]["usage"]
    asked = [(each.body["model"], len(each.body["input"])) for each in running.openai.received]
    assert sum(each["texts"] for each in used) == sum(count for _, count in asked)
    return asked


async def test_an_insert_is_made_with_the_model_that_takes_the_place_of_another(running: Running, films: str) -> None:
    api = running.api
    inserted = await during(
        running,
        api.insert_rows(films, {"id": 1, "title": "a whale"}, idempotencyKey="one-call-of-sixteen"),
        lambda: api(ATTACH, id=films, column="v", embedding=LARGE, replace=True),
    )
    assert codes(inserted) == [None]
    assert (await api.vectors(films))[1] is not None
    assert await models(running) == [("text-embedding-3-small", 1), ("text-embedding-3-large", 1)]


async def test_a_retry_that_finds_another_model_in_the_place_of_its_own_begins_anew_with_that(
    running: Running, films: str
) -> None:
    api = running.api
    running.openai.fail(503)
    inserted = await during(
        running,
        api.insert_rows(films, {"id": 1, "title": "a whale"}),
        lambda: api(ATTACH, id=films, column="v", embedding=LARGE, replace=True),
    )
    assert codes(inserted) == [None]
    assert [each.body["model"] for each in running.openai.received] == [SMALL["model"], LARGE["model"]]


async def test_an_insert_into_a_column_that_stops_embedding_fails_its_rows(running: Running, films: str) -> None:
    api = running.api
    rows = [{"id": 1, "own": "a whale"}, {"id": 2, "own": OWN}, {"id": 3, "title": "x"}]
    inserted = await during(running, api.insert_rows(films, *rows), lambda: api(DETACH, id=films, column="own"))
    assert codes(inserted) == ["EMBEDDING_NOT_CONFIGURED", None, None]
    assert await api.vectors(films, "own") == {2: OWN, 3: None}


async def test_an_insert_into_a_column_that_goes_fails_its_rows(running: Running, films: str) -> None:
    api = running.api
    rows = [{"id": 1, "own": "a whale"}, {"id": 2, "title": "x"}]
    change = lambda: api(DROP_COLUMNS, id=films, columns=["own"])  # noqa: E731 - said in one line
    inserted = await during(running, api.insert_rows(films, *rows), change)
    assert codes(inserted) == ["COLUMN_UNKNOWN", None]
    assert await api.rows(films) == [{"id": 2, "title": "x"}]


async def test_an_insert_into_an_empty_table_that_gets_a_column_which_needs_a_value_fails_its_rows(
    running: Running, films: str
) -> None:
    api = running.api
    must = {"name": "must", "type": "INT", "nullable": False}
    rows = [{"id": 1, "title": "x"}]
    inserted = await during(running, api.insert_rows(films, *rows), lambda: api(ADD_COLUMNS, id=films, columns=[must]))
    assert codes(inserted) == ["BAD_INPUT"]
    assert await api.rows(films) == []


async def test_an_update_is_made_with_the_model_that_takes_the_place_of_another(running: Running, films: str) -> None:
    api = running.api
    await api.insert_rows(films, {"id": 1, "title": "old"})
    updated = await during(
        running,
        api.update_rows(films, {}, title="a whale"),
        lambda: api(ATTACH, id=films, column="v", embedding=LARGE, replace=True),
    )
    assert updated["modifiedCount"] == 1
    assert (await models(running))[1:] == [("text-embedding-3-small", 1), ("text-embedding-3-large", 1)]


async def test_an_update_of_a_column_that_goes_is_refused_and_one_that_comes_to_follow_is_embedded(
    running: Running, films: str
) -> None:
    api = running.api
    await api.insert_rows(films, {"id": 1, "title": "old"})
    refusal = api.refusal(
        'mutation U($id: ID!) { updateRows(input: {tableId: $id, filter: {}, set: {own: "a", title: "b"}}) { matchedCount } }',
        id=films,
    )
    refused = await during(running, refusal, lambda: api(DROP_COLUMNS, id=films, columns=["own"]))
    assert refused.codes == ["COLUMN_UNKNOWN"]
    assert await api.rows(films) == [{"id": 1, "title": "old"}]

    await api(ADD_COLUMNS, id=films, columns=[vector("w", 256, embedding=SMALL)])
    await during(
        running,
        api.update_rows(films, {}, title="new"),
        lambda: api(ATTACH, id=films, column="w", embedding=LARGE, source="title", replace=True),
    )
    assert (await api.vectors(films, "w"))[1] is not None


async def test_reads_go_on_while_columns_come_and_go(running: Running, films: str) -> None:
    """A page whose column is dropped between finding the table and reading its rows is read from the table as it is then."""
    api = running.api
    await api.insert_rows(films, {"id": 1, "title": "a"})
    year = {"name": "year", "type": "INT"}

    async def churn() -> None:
        for _ in range(10):
            await api(ADD_COLUMNS, id=films, columns=[year])
            await api(DROP_COLUMNS, id=films, columns=["year"])

    changing = asyncio.ensure_future(churn())
    while not changing.done():
        [found] = await api.rows(films)
        assert found["title"] == "a"
        assert (await api.delete_rows(films, keys=[2]))["deletedCount"] == 0
    await changing
