"""A vector column moves to another model while its table is written to and searched, and its process is killed half-way."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import httpx
import numpy as np

from app.domain.filling import BATCH, IN_FLIGHT
from app.store import identifier
from app.store.record import Vector
from resolvers.node import local_id
from tests.factory import JOB, SEARCH, TOKEN, Api, RefusedError
from tests.fakes.openai import OpenAIFake
from tests.fakes.vendor import embed
from tests.patience import until
from tests.processes import Restarted

ROWS = 20_000
DIMENSION = 64
HALF = 8_000
LOCAL = {"provider": "local", "model": "wordllama-256"}
OPENAI = {"provider": "openai", "credential": "main", "model": "text-embedding-3-small", "dimension": DIMENSION}
CREATE_INDEX = "mutation C($input: CreateVectorIndexInput!) { createVectorIndex(input: $input) { job { id } } }"
MIGRATE = "mutation M($input: MigrateVectorColumnInput!) { migrateVectorColumn(input: $input) { job { id } } }"
COLUMNS = """
query C($id: ID!) {
  node(id: $id) { ... on Table { columns { id name dimension sourceColumn index { name status } embedding { model } } } }
}"""


@dataclass
class Traffic:
    """Inserts, updates and searches that never stop, and what was answered to them."""

    api: Api
    table_id: str
    texts: dict[int, str]
    """The newest text of each row, as far as it is known."""
    unsure: set[int] = field(default_factory=set)
    """Rows whose last write got no answer: it may be stored or not."""
    changed: set[str] = field(default_factory=set)
    """Texts that were written while the job ran."""
    answered: int = 0
    failed: list[object] = field(default_factory=list)
    stop: asyncio.Event = field(default_factory=asyncio.Event)

    async def searches(self) -> None:
        number = 0
        while not self.stop.is_set():
            number += 1
            asked = {"id": self.table_id, "column": "meaning", "query": f"question {number}", "first": 3}
            await self._tried(self.api(SEARCH, **asked))

    async def inserts(self) -> None:
        key = ROWS
        while not self.stop.is_set():
            key += 1
            text = f"a new text {key}"
            await self._wrote(key, text, self.api.insert_rows(self.table_id, {"id": key, "text": text}))

    async def updates(self) -> None:
        key = 0
        while not self.stop.is_set():
            key = (key + 997) % ROWS
            text = f"text {key} as changed"
            await self._wrote(key, text, self.api.update_rows(self.table_id, {"id": key}, text=text))

    async def goes_on(self) -> None:
        """Until more of it is answered."""
        goal = self.answered + 50

        async def further() -> bool:
            return self.answered >= goal

        await until(further)

    async def _wrote(self, key: int, text: str, write: Awaitable[Any]) -> None:
        self.texts[key] = text
        self.changed.add(text)
        if not await self._tried(write):
            self.unsure.add(key)

    async def _tried(self, asked: Awaitable[Any]) -> bool:
        """Whether there was an answer; one that is no success is a failure. While no process is there, there is none."""
        try:
            await asked
        except RefusedError as refused:
            self.failed.append(refused)
        except httpx.TransportError:
            await asyncio.sleep(0.02)
            return False
        self.answered += 1
        return True


async def filled(api: Api) -> str:
    """A table of many rows, embedded by the local model and indexed."""
    database_id = await api.database()
    await api.credential(databases=(database_id,))
    meaning = {"name": "meaning", "type": "VECTOR", "embedding": LOCAL, "sourceColumn": "text"}
    columns = ({"name": "id", "type": "INT"}, {"name": "text", "type": "TEXT"}, meaning)
    table_id = await api.table(database_id, "texts", columns)
    for first in range(0, ROWS, 1_000):
        rows = [{"id": key, "text": f"text {key}"} for key in range(first, first + 1_000)]
        assert (await api.insert_rows(table_id, *rows))["insertedCount"] == 1_000
    made = await api(CREATE_INDEX, input={"tableId": table_id, "column": "meaning"})
    assert (await api.ended(made["createVectorIndex"]["job"]["id"]))["status"] == "SUCCEEDED"
    return table_id


async def until_half_way(api: Api, job_id: str) -> None:
    async def half_way() -> bool:
        now = (await api(JOB, id=job_id))["node"]
        assert now["status"] in ("QUEUED", "RUNNING"), now
        return bool(now["processed"] >= HALF)

    await until(half_way)


async def stored(database_url: str, api: Api, table_id: str) -> dict[int, tuple[str, Vector | None]]:
    """Key -> text and vector of every row, as they are in PostgreSQL."""
    columns = (await api(COLUMNS, id=table_id))["node"]["columns"]
    names = {each["name"]: identifier.column(local_id("Column", each["id"])) for each in columns}
    connection = await asyncpg.connect(database_url)
    try:
        identity = local_id("Table", table_id)
        home = await connection.fetchval("select database_id from vectorgate.target where id = $1", identity)
        wanted = f"{names['id']} as id, {names['text']} as text, {names['meaning']}::text as vector"
        rows = await connection.fetch(f"select {wanted} from {identifier.row_table(home, identity)}")  # noqa: S608 - names of ours
    finally:
        await connection.close()
    return {row["id"]: (row["text"], vector_of(row["vector"])) for row in rows}


def vector_of(text: str | None) -> Vector | None:
    return np.array(text.strip("[]").split(","), np.float32) if text else None


async def test_killed_half_way_a_migration_goes_on_and_every_row_has_the_new_vector_of_its_newest_text(
    database_url: str, openai: OpenAIFake
) -> None:
    async with Restarted(database_url, openai) as server, Api(server.url, TOKEN) as api:
        table_id = await filled(api)
        traffic = Traffic(api, table_id, {key: f"text {key}" for key in range(ROWS)})
        async with asyncio.TaskGroup() as group:
            for busy in (traffic.searches, traffic.inserts, traffic.updates):
                group.create_task(busy())
            begun = await api(MIGRATE, input={"tableId": table_id, "column": "meaning", "embedding": OPENAI})
            job_id = begun["migrateVectorColumn"]["job"]["id"]
            await until_half_way(api, job_id)
            await server.killed_and_started_again()
            done = await api.ended(job_id)
            await traffic.goes_on()
            traffic.stop.set()

        assert (done["status"], done["failed"], done["error"]) == ("SUCCEEDED", 0, None)
        assert done["processed"] == done["total"] >= ROWS
        assert traffic.failed == []
        rows = await stored(database_url, api, table_id)
        assert rows.keys() - traffic.unsure == traffic.texts.keys() - traffic.unsure
        for key, (text, vector) in rows.items():
            assert key in traffic.unsure or text == traffic.texts[key]
            assert vector is not None, f"row {key} has no vector"
            assert np.allclose(vector, embed(text, DIMENSION), atol=1e-5)
        assert_swapped(await api(COLUMNS, id=table_id))
    sent = Counter(text for request in openai.received for text in request.body["input"])
    twice = sum(times - 1 for text, times in sent.items() if text not in traffic.changed)
    assert twice <= BATCH * IN_FLIGHT


def assert_swapped(answer: Any) -> None:  # noqa: ANN401 - JSON
    columns = {each.pop("name"): each for each in answer["node"]["columns"]}
    new, old = columns["meaning"], columns["meaning_previous"]
    assert (new["embedding"], new["sourceColumn"]) == ({"model": "text-embedding-3-small"}, "text")
    assert (new["index"]["name"], new["index"]["status"]) == ("meaning_index", "READY")
    assert (old["dimension"], old["sourceColumn"], old["index"], old["embedding"]) == (256, None, None, None)
