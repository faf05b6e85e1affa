"""Changes of a table and the work that they interrupt: begun anew, a few times."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID, uuid4

import pytest

from app.domain import table_version
from app.domain.table_version import anew, changing
from app.errors import BadInput, DatabaseUnavailable
from app.store import table
from app.store.record import Table
from app.store.table_version import TableChangedError
from resolvers.node import local_id
from tests.factory import Running
from tests.resolvers.tables import version


class Work:
    """Counts how often it is done, and is interrupted so many times."""

    def __init__(self, interrupted: int) -> None:
        self.interrupted = interrupted
        self.done = 0

    async def __call__(self) -> str:
        self.done += 1
        if self.done <= self.interrupted:
            raise TableChangedError(uuid4())
        return "done"


@pytest.fixture(autouse=True)
def without_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_version, "WAITS", (0.0, 0.0, 0.0))


@pytest.mark.parametrize("interrupted", [0, 1, 3])
async def test_work_that_a_change_interrupts_is_begun_anew(interrupted: int) -> None:
    work = Work(interrupted)
    assert (await anew(work), work.done) == ("done", interrupted + 1)


async def test_work_that_is_interrupted_again_and_again_is_given_up_and_may_be_sent_again() -> None:
    work = Work(4)
    with pytest.raises(DatabaseUnavailable, match="again and again") as refused:
        await anew(work)
    assert (refused.value.retryable, work.done) == (True, 4)


async def test_any_other_refusal_is_the_work_s_own() -> None:
    async def refuse() -> None:
        raise BadInput("no")

    with pytest.raises(BadInput, match="no"):
        await anew(refuse)


async def find(running: Running, table_id: str) -> Table:
    [row] = await running.sql("select id from vectorgate.organization")
    organization: UUID = row["id"]
    async with running.gateway.postgres.catalogue.connection() as connection:
        [found] = await table.by_ids(connection, organization, None, [local_id("Table", table_id)])
    return found


async def test_a_change_is_committed_with_its_version_and_announced(running: Running) -> None:
    films = await running.api.table(await running.api.database())
    async with changing(running.gateway, await find(running, films)) as connection:
        await connection.execute("update vectorgate.table_column set name = 'headline' where name = 'title'")
        assert await version(running, films) == (1, None)
    assert await version(running, films) == (2, 2)
    assert (await find(running, films)).column("headline")


async def test_a_change_that_fails_leaves_the_version_and_announces_nothing(running: Running) -> None:
    films = await running.api.table(await running.api.database())
    with pytest.raises(BadInput):
        async with changing(running.gateway, await find(running, films)):
            raise BadInput("no")
    assert await version(running, films) == (1, None)


async def test_a_table_that_is_not_as_it_was_found_is_not_changed(running: Running) -> None:
    films = await running.api.table(await running.api.database())
    found = await find(running, films)
    for other in (replace(found, version=2), replace(found, id=uuid4()), replace(found, organization_id=uuid4())):
        with pytest.raises(TableChangedError):
            async with changing(running.gateway, other):
                raise AssertionError("never begun")
    assert await version(running, films) == (1, None)
