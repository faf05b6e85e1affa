"""The load of a soak: all kinds of calls by chance, at a steady rate, on data that is replaced and does not grow."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp

from bench.caller import Caller, RefusedError, UnansweredError
from bench.chores import DROP, JOB, MIGRATE, ROTATE
from bench.faults import COLLECTION, CREDENTIAL, DATABASE, TABLE
from bench.processes import TOKEN
from bench.writers import Place

LIVE = 3000
"""Documents, and as many rows: what is older is deleted."""
REMEMBERED = 16_384
"""Questions that are more than what the gateway remembers of their vectors: its memory is full before it is measured."""
ASKED_AT_ONCE = 16
STILL = 200
"""Documents of the collection that jobs copy."""
DIMENSION = 256
MOST_IN_FLIGHT = 200
SEARCH = """
query S($id: ID!, $column: String, $text: String, $vector: Vector, $filter: JSONObject) {
  vectorSearch(targetId: $id, column: $column, query: $text, vector: $vector, filter: $filter) {
    edges { similarity node { key fields } }
  }
}"""
HANGING_CREDENTIAL = """
mutation C($ids: [ID!]!) {
  addCredential(input: {provider: "mistral", name: "main", apiKey: "sk-benchmark", databaseIds: $ids}) { credential { id } }
}"""
HANGING = """
mutation C($id: ID!) {
  createCollection(input: {databaseId: $id, name: "hanging", embedding: {
    provider: "mistral", credential: "main", model: "mistral-embed"
  }}) { collection { id } }
}"""
INDEX = """
mutation I($id: ID!) {
  createVectorIndex(input: {tableId: $id, column: "meaning", name: "near", metric: COSINE}) { job { id } }
}"""
EVENTS = "subscription { auditEvents { action } }"


class Mixed:
    """`prepare`, then `forever`. What is refused is counted by the caller."""

    def __init__(self, call: Caller, url: str, rate: float, seed: int) -> None:
        self._call = call
        self._stream = f"{url}/stream"
        self._rate = rate
        self._chance = random.Random(seed)  # noqa: S311 - no secret comes of it
        self._numbers = {"documents": 0, "rows": 0}
        self._rotations = self._jobs = 0
        self._places: dict[str, Place] = {}
        self._session: aiohttp.ClientSession | None = None

    async def prepare(self) -> None:
        """Make everything, with as many documents and rows as there will be."""
        near = (await self._call(DATABASE, name="near", region="local"))["createDatabase"]["database"]["id"]
        self._credential = (await self._call(CREDENTIAL, ids=[near]))["addCredential"]["credential"]["id"]
        await self._call(HANGING_CREDENTIAL, ids=[near])
        self._hanging = (await self._call(HANGING, id=near))["createCollection"]["collection"]["id"]
        documents, self._still = [await self._collection(near, name) for name in ("documents", "still")]
        table = (await self._call(TABLE, id=near, dimension=DIMENSION))["createTable"]["table"]["id"]
        self._places = {"documents": Place.collection(documents), "rows": Place.table(table)}
        still = Place.collection(self._still)
        await self._call(still.insert, id=still.id, records=[still.record(n, f"still {n}") for n in range(STILL)])
        for name in self._places:
            for _ in range(LIVE // 100):
                await self._insert(name, 100)
        await self._ended((await self._call(INDEX, id=table))["createVectorIndex"]["job"]["id"])
        await self._fill()

    async def forever(self) -> None:
        """Begin a call whenever one is due, whatever became of those before; no more than so many at a time."""
        headers = {"authorization": f"Bearer {TOKEN}"}
        free = asyncio.Semaphore(MOST_IN_FLIGHT)
        async with aiohttp.ClientSession(headers=headers) as self._session, asyncio.TaskGroup() as group:
            group.create_task(self._now_and_then(self._rotate, 10))
            group.create_task(self._now_and_then(self._migrate, 30))
            group.create_task(self._now_and_then(self._look_on, 1))
            group.create_task(self._now_and_then(self._hang, 5))
            begun, number = time.perf_counter(), 0
            while True:
                number += 1
                await asyncio.sleep(max(0.0, begun + number / self._rate - time.perf_counter()))
                await free.acquire()
                group.create_task(self._tried(self._any())).add_done_callback(lambda _: free.release())

    def _any(self) -> Awaitable[object]:
        name = self._chance.choice(list(self._places))
        works: list[Callable[[str], Awaitable[object]]] = [self._search, self._by_vector, self._filtered]
        works += [self._replace, self._update]
        [work] = self._chance.choices(works, (4, 2, 2, 2, 1))
        return work(name)

    async def _search(self, name: str) -> None:
        await self._call(SEARCH, **self._where(name), text=f"question {self._chance.randrange(10**9)}")

    async def _by_vector(self, name: str) -> None:
        await self._call(SEARCH, **self._where(name), vector=[self._chance.gauss() for _ in range(DIMENSION)])

    async def _filtered(self, name: str) -> None:
        key = "_id" if name == "documents" else "id"
        filter_ = {key: {"$gte": self._numbers[name] - LIVE // 2}}
        await self._call(SEARCH, **self._where(name), text=f"question {self._chance.randrange(1000)}", filter=filter_)

    async def _replace(self, name: str) -> None:
        """A new one for the oldest."""
        key = await self._insert(name, 1)
        await self._call(self._places[name].delete, id=self._places[name].id, keys=[key - LIVE])

    async def _update(self, name: str) -> None:
        place, key = self._places[name], self._numbers[name] - self._chance.randrange(1, LIVE)
        text = f"changed {self._chance.randrange(10**9)}"
        await self._call(place.update, id=place.id, filter={place.key_field: key}, set={place.text_field: text})

    async def _rotate(self) -> None:
        self._rotations += 1
        given = {"key": f"sk-benchmark-{self._rotations:08}", "once": f"rotation number {self._rotations:08}"}
        await self._call(ROTATE, id=self._credential, **given)

    async def _migrate(self) -> None:
        self._jobs += 1
        name = f"copy_{self._jobs}"
        begun = (await self._call(MIGRATE, id=self._still, name=name, dimension=32))["done"]
        await self._ended(begun["job"]["id"])
        await self._call(DROP, id=begun["collection"]["id"], name=name)

    async def _look_on(self) -> None:
        """A subscription for some seconds, which its client leaves."""
        assert self._session is not None  # noqa: S101 - it is there as long as the load runs
        headers = {"accept": "text/event-stream"}
        async with self._session.post(self._stream, json={"query": EVENTS}, headers=headers) as events:
            try:
                async with asyncio.timeout(self._chance.uniform(0.5, 5)):
                    async for _ in events.content:
                        pass
            except TimeoutError:
                self._call.counts["subscriptions"] += 1

    async def _hang(self) -> None:
        await self._call(SEARCH, id=self._hanging, text=f"question {self._chance.randrange(10**9)}")

    async def _fill(self) -> None:
        """Ask until as many query vectors are remembered as ever will be: what grows from then on is a leak."""
        questions = (f"remembered {number}" for number in range(REMEMBERED))

        async def ask() -> None:
            for question in questions:
                await self._call(SEARCH, **self._where("documents"), text=question)

        await asyncio.gather(*(ask() for _ in range(ASKED_AT_ONCE)))

    async def _insert(self, name: str, count: int) -> int:
        """The first of the new keys."""
        place, first = self._places[name], self._numbers[name]
        self._numbers[name] += count
        records = [place.record(key, f"{name} {key}") for key in range(first, first + count)]
        await self._call(place.insert, id=place.id, records=records)
        return first

    async def _ended(self, job_id: str) -> None:
        while True:
            if (await self._call.until_answered(JOB, id=job_id))["node"]["status"] not in ("QUEUED", "RUNNING"):
                return
            await asyncio.sleep(0.2)

    async def _now_and_then(self, work: Callable[[], Awaitable[None]], seconds: float) -> None:
        while True:
            await self._tried(work())
            await asyncio.sleep(seconds)

    async def _tried(self, work: Awaitable[object]) -> None:
        with contextlib.suppress(UnansweredError, RefusedError):  # counted by their codes
            await work

    async def _collection(self, database_id: str, name: str) -> str:
        made = await self._call(COLLECTION, id=database_id, name=name, dimension=DIMENSION)
        return str(made["createCollection"]["collection"]["id"])

    def _where(self, name: str) -> dict[str, Any]:
        return {"id": self._places[name].id, "column": "meaning" if name == "rows" else None}
