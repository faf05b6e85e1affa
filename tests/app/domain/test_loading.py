"""Loading: an empty collection is filled without its vector index, and has it in the end, whoever ends the load."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from app import tenant
from app.access import Actor
from app.domain import collection as collections
from app.domain import loading, sweep
from app.gateway import Gateway
from app.store.record import Collection
from resolvers.node import local_id
from tests.factory import Running
from tests.patience import until
from tests.resolvers.documents import DROP_COLLECTION
from tests.resolvers.jobs import JOBS

INDEXES = r"select from pg_index join pg_class on oid = indexrelid where relname like 'c\_%\_vector' and indisvalid"
LEFT = "select collection_id from vectorgate_region.loading"
TEXTS = ["a white whale", "a deserted island", "a small kitchen"]


@pytest.fixture(autouse=True)
def only_the_test_sweeps(monkeypatch: pytest.MonkeyPatch) -> None:
    """A gateway's own sweep would take up what a test has just broken off."""

    async def never(_: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(sweep, "forever", never)


@pytest.fixture
async def books(running: Running) -> AsyncIterator[tuple[str, Collection]]:
    """A new collection: its id, and how the domain knows it."""
    identifier = await running.api.local_collection()
    [organization] = await running.sql("select id from vectorgate.organization")
    with tenant.working_for(organization["id"]):
        actor = Actor.system(organization["id"])
        yield identifier, await collections.find(running.gateway, actor, local_id("Collection", identifier))


async def indexes(running: Running) -> int:
    """How many vector indexes there are."""
    return len(await running.sql(INDEXES))


async def put(running: Running, identifier: str, *texts: str) -> None:
    await running.api.insert(identifier, *({"_id": text, "$vectorize": text} for text in texts))


async def nearest(running: Running, identifier: str) -> str:
    found = await running.api.search(identifier, query="whale", first=1)
    return str(found["edges"][0]["node"]["key"])


async def broken_off(gateway: Gateway, home: Collection) -> None:
    """A load whose process has died, as far as PostgreSQL can tell."""
    with pytest.raises(RuntimeError):
        async with loading.into(gateway, home):
            raise RuntimeError


async def test_an_empty_collection_is_filled_without_its_index_and_searched_meanwhile(
    running: Running, books: tuple[str, Collection]
) -> None:
    identifier, home = books
    assert await indexes(running) == 1
    async with loading.into(running.gateway, home):
        await put(running, identifier, *TEXTS)
        assert await indexes(running) == 0
        assert await nearest(running, identifier) == TEXTS[0]
    assert await indexes(running) == 1
    assert await running.sql(LEFT) == []
    assert await nearest(running, identifier) == TEXTS[0]


async def test_where_vectors_are_the_index_stays(running: Running, books: tuple[str, Collection]) -> None:
    identifier, home = books
    await put(running, identifier, TEXTS[0])
    async with loading.into(running.gateway, home):
        assert await indexes(running) == 1
        assert await running.sql(LEFT) == []
    assert await indexes(running) == 1


async def test_a_collection_without_vectors_has_nothing_to_put_off(running: Running) -> None:
    identifier = await running.api.collection(await running.api.database())
    [organization] = await running.sql("select id from vectorgate.organization")
    actor = Actor.system(organization["id"])
    home = await collections.find(running.gateway, actor, local_id("Collection", identifier))
    async with loading.into(running.gateway, home):
        await running.api.insert(identifier, {"_id": 1})
    assert await running.sql(LEFT) == []


async def test_of_two_loads_at_once_the_first_builds_the_index(running: Running, books: tuple[str, Collection]) -> None:
    _, home = books
    async with AsyncExitStack() as first:
        await first.enter_async_context(loading.into(running.gateway, home))
        async with loading.into(running.gateway, home):
            pass
        assert await indexes(running) == 0
    assert await indexes(running) == 1


async def test_a_load_that_was_broken_off_is_ended_by_a_job(running: Running, books: tuple[str, Collection]) -> None:
    identifier, home = books
    await broken_off(running.gateway, home)
    await put(running, identifier, *TEXTS)
    assert await indexes(running) == 0
    await sweep.once(running.gateway)

    async def is_built() -> bool:
        return await indexes(running) == 1 and await running.sql(LEFT) == []

    await until(is_built)
    jobs = (await running.api(JOBS))["organization"]["jobs"]["nodes"]
    assert [(each["kind"], each["targetName"], each["column"]) for each in jobs] == [("BUILD_INDEX", "books", None)]
    await sweep.once(running.gateway)
    assert (await running.api(JOBS))["organization"]["jobs"]["totalCount"] == 1


async def test_a_load_that_was_broken_off_can_be_gone_on_with(running: Running, books: tuple[str, Collection]) -> None:
    identifier, home = books
    await broken_off(running.gateway, home)
    await put(running, identifier, TEXTS[0])
    async with loading.into(running.gateway, home):
        await sweep.once(running.gateway)
        assert await indexes(running) == 0, "a job took it away from those who load"
    assert await indexes(running) == 1
    assert (await running.api(JOBS))["organization"]["jobs"]["totalCount"] == 0


async def test_of_a_collection_that_was_dropped_nothing_is_to_be_built(
    running: Running, books: tuple[str, Collection]
) -> None:
    identifier, home = books
    await broken_off(running.gateway, home)
    await running.api(DROP_COLLECTION, id=identifier, name="books")
    await sweep.once(running.gateway)
    assert await running.sql(LEFT) == []
    assert (await running.api(JOBS))["organization"]["jobs"]["totalCount"] == 0
