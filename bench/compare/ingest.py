"""`ingest`: many records with their vectors, by each way that there is, beside Chroma. All of them can be searched at the end."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from statistics import median
from typing import Any

import orjson

from bench import chroma, collection
from bench.chroma import Chroma
from bench.collection import MOST
from bench.compare.ratio import Target
from bench.compare.stage import Stage
from bench.sheet import Sheet
from bench.texts import Texts, encoded
from providers.local import DIMENSION

LEAST = 1.5
CLIENTS = 4
JOB_SECONDS = 0.02
"""Between looks whether an index is built."""
COLLECTION = """
mutation C($id: ID!, $name: String!, $dimension: Int!) {
  createCollection(input: {databaseId: $id, name: $name, dimension: $dimension}) { collection { id } }
}"""
INSERT = """
mutation I($id: ID!, $records: [JSONObject!]!) {
  done: insertDocuments(input: {collectionId: $id, documents: $records}) { insertedCount }
}"""
TABLE = """
mutation T($id: ID!, $name: String!, $dimension: Int!) {
  createTable(input: {databaseId: $id, name: $name, primaryKey: ["id"], columns: [
    {name: "id", type: INT}, {name: "title", type: TEXT}, {name: "part", type: INT}, {name: "text", type: TEXT},
    {name: "vector", type: VECTOR, dimension: $dimension}
  ]}) { table { id } }
}"""
INSERT_ROWS = "mutation I($id: ID!, $records: [JSONObject!]!) { done: insertRows(input: {tableId: $id, rows: $records}) { insertedCount } }"
INDEX = """
mutation X($id: ID!) { createVectorIndex(input: {tableId: $id, column: "vector", name: "near", metric: COSINE}) { job { id } } }"""
JOB = "query J($id: ID!) { node(id: $id) { ... on Job { status error } } }"


class Records:
    """The bodies of all calls: what a client does before it asks is not measured."""

    def __init__(self, texts: Texts, count: int) -> None:
        self._texts = texts
        self.parts = [range(first, min(first + MOST, count)) for first in range(0, count, MOST)]
        self.first = texts.vectors[0]
        self.documents = [orjson.dumps([self._document(number) for number in part]) for part in self.parts]
        self.rows = [orjson.dumps([self._row(number) for number in part]) for part in self.parts]
        self.chroma = [chroma.records(texts, part) for part in self.parts]

    @property
    def lines(self) -> bytes:
        """As JSON Lines."""
        return b"".join(orjson.dumps(self._document(number)) + b"\n" for part in self.parts for number in part)

    def _plain(self, number: int) -> dict[str, Any]:
        return {**self._texts.fields(number), "text": self._texts.stored[number]}

    def _document(self, number: int) -> dict[str, Any]:
        return {"_id": number, **self._plain(number), "$vector": encoded(self._texts.vectors[number])}

    def _row(self, number: int) -> dict[str, Any]:
        """A string in a vector column is a text to embed: its numbers are given as they are."""
        return {"id": number, **self._plain(number), "vector": self._texts.vectors[number].tolist()}


Way = Callable[[str], Awaitable[None]]
"""Takes a name that is new, and brings all records in."""


class Ingest:
    """The ways, each into something new every time."""

    def __init__(self, stage: Stage, peer: Chroma, chosen: Texts, count: int) -> None:
        self._stage = stage
        self._peer = peer
        self._records = Records(chosen, count)
        self._count = count
        self._database = ""
        self._file = stage.folder / "bulk.jsonl"

    async def rounds(self, count: int) -> tuple[Sheet, Target]:
        """Records a second of each way, and the best of the gateway's over Chroma's best."""
        self._database = await collection.database(self._stage.client, "bulk")
        self._file.write_bytes(self._records.lines)
        ours, theirs = self._ours(), self._theirs()
        rates: dict[str, list[float]] = {name: [] for name in (*ours, *theirs)}
        for number in range(count):
            for name, way in {**ours, **theirs}.items():
                await self._stage.settle()
                begun = time.perf_counter()
                await way(f"bulk_{number}_{len(rates[name])}_{list(rates).index(name)}")
                rates[name].append(self._count / (time.perf_counter() - begun))
        return self._told(rates, list(ours), list(theirs))

    def _ours(self) -> Mapping[str, Way]:
        return {
            "insertDocuments, index in place, 1 client": lambda name: self._documents(name, 1),
            f"insertDocuments, index in place, {CLIENTS} clients": lambda name: self._documents(name, CLIENTS),
            f"insertRows, {CLIENTS} clients, then createVectorIndex": self._rows,
            "vectorgate import": self._import,
        }

    def _theirs(self) -> Mapping[str, Way]:
        return {
            "Chroma, 1 client": lambda name: self._chroma(name, 1),
            f"Chroma, {CLIENTS} clients": lambda name: self._chroma(name, CLIENTS),
        }

    async def _documents(self, name: str, clients: int) -> None:
        client = self._stage.client
        made = await client(COLLECTION, id=self._database, name=name, dimension=DIMENSION)
        await self._sent(INSERT, made["createCollection"]["collection"]["id"], clients, self._records.documents)

    async def _rows(self, name: str) -> None:
        client = self._stage.client
        made = (await client(TABLE, id=self._database, name=name, dimension=DIMENSION))["createTable"]["table"]["id"]
        await self._sent(INSERT_ROWS, made, CLIENTS, self._records.rows)
        job = (await client(INDEX, id=made))["createVectorIndex"]["job"]["id"]
        while (state := (await client(JOB, id=job))["node"])["status"] in ("QUEUED", "RUNNING"):  # noqa: ASYNC110 - in another process
            await asyncio.sleep(JOB_SECONDS)
        if state["status"] != "SUCCEEDED":
            raise RuntimeError(state)

    async def _import(self, name: str) -> None:
        """The command, its start included; the collection is there."""
        made = await self._stage.client(COLLECTION, id=self._database, name=name, dimension=DIMENSION)
        command = [sys.executable, "-m", "app", "import", str(self._file), "--collection", f"bulk.{name}", "--quiet"]
        notes = ["--restart", "--checkpoint", str(self._file.with_suffix(".checkpoint"))]
        settings = {"VECTORGATE_DATA_DIR": str(self._stage.folder), "VECTORGATE_LOG_LEVEL": "warning"}
        process = await asyncio.create_subprocess_exec(
            *command,
            *notes,
            env={**os.environ, **settings},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await process.communicate()
        if process.returncode:
            raise RuntimeError(said.decode())
        await self._counted(made["createCollection"]["collection"]["id"])

    async def _chroma(self, name: str, clients: int) -> None:
        """It indexes what was added before it answers the next query."""
        identifier = await self._peer.create(name)
        await _in_turn(clients, [self._peer.add(identifier, each) for each in self._records.chroma])
        told = await self._peer.query(identifier, self._records.first)
        if told["ids"][0][0] != "0":
            raise RuntimeError(told)

    async def _sent(self, document: str, identifier: str, clients: int, calls: Sequence[bytes]) -> None:
        async def send(records: bytes, count: int) -> None:
            variables = {"id": identifier, "records": orjson.Fragment(records)}
            told = await self._stage.client.send(orjson.dumps({"query": document, "variables": variables}))
            if told.get("errors") or told["data"]["done"]["insertedCount"] != count:
                raise RuntimeError(told)

        await _in_turn(clients, [send(each, len(part)) for each, part in zip(calls, self._records.parts, strict=True)])

    async def _counted(self, identifier: str) -> None:
        asked = "query N($id: ID!) { node(id: $id) { ... on Collection { documentCount } } }"
        if (found := (await self._stage.client(asked, id=identifier))["node"]["documentCount"]) != self._count:
            raise RuntimeError(f"{found} of {self._count} records were imported")

    def _told(
        self, rates: Mapping[str, Sequence[float]], ours: Sequence[str], theirs: Sequence[str]
    ) -> tuple[Sheet, Target]:
        best, other = (max(names, key=lambda name: median(rates[name])) for names in (ours, theirs))
        sheet = Sheet(
            f"ingest: {self._count:,} records with their vectors, 1,000 a call, until all of them can be searched",
            ("", "records/s", "lowest to highest", "÷ Chroma's best"),
        )
        for name, found in rates.items():
            ratio = median(found) / median(rates[other])
            sheet.rows.append(
                (name, f"{median(found):,.0f}", f"{min(found):,.0f} to {max(found):,.0f}", f"{ratio:.2f}")
            )
        return sheet, Target(f"ingest: {best} ÷ {other}", median(rates[best]) / median(rates[other]), least=LEAST)


async def _in_turn(clients: int, works: Sequence[Awaitable[None]]) -> None:
    """So many at a time."""
    free = asyncio.Semaphore(clients)

    async def one(work: Awaitable[None]) -> None:
        async with free:
            await work

    async with asyncio.TaskGroup() as group:
        for work in works:
            group.create_task(one(work))
