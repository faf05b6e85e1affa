"""Filling a vector column of a table that has its texts already: embedMissing with the local model, next to the same work by hand.

`uv run python -m bench.missing`: an embedded PostgreSQL, the gateway with its worker in a process of its own. By hand means: read the
texts, embed them with the same model, and write keys and vectors with a binary COPY into a table of their own.
"""

from __future__ import annotations

import asyncio
import time
from itertools import cycle, islice
from pathlib import Path
from statistics import median
from typing import Any

import asyncpg
import typer
from pgvector import Vector
from pgvector.asyncpg import register_vector

from app import embedded
from app.cli.corpus import docstrings
from bench import machine
from bench.load import Client
from bench.started import started
from providers.base import EmbeddingRequest, InputType
from providers.local import LOCAL

ROWS = 20_000
ROUNDS = 3
BATCH = 1_000
DIMENSION = 256
DATABASE = 'mutation { createDatabase(input: {name: "bench"}) { database { id } } }'
TABLE = """
mutation T($id: ID!, $name: String!) {
  createTable(input: {databaseId: $id, name: $name, primaryKey: ["id"], columns: [
    {name: "id", type: INT}, {name: "text", type: TEXT}, {name: "meaning", type: VECTOR, dimension: 256}
  ]}) { table { id } }
}"""
INSERT = (
    "mutation I($id: ID!, $rows: [JSONObject!]!) { insertRows(input: {tableId: $id, rows: $rows}) { insertedCount } }"
)
ATTACH = """
mutation A($id: ID!) {
  attachIntegration(input: {
    tableId: $id, column: "meaning", sourceColumn: "text", embedding: {provider: "local", model: "wordllama-256"}
  }) { warnings }
}"""
FILL = "mutation F($id: ID!) { embedMissing(input: {targetId: $id}) { job { id } } }"
JOB = "query J($id: ID!) { node(id: $id) { ... on Job { status processed total failed startedAt finishedAt error } } }"


def main() -> None:
    """Print rows a second of both, in turn, and the ratio."""
    typer.echo(machine.line())
    asyncio.run(_measure())


async def _measure() -> None:
    texts = [f"{number}: {entry.text}" for number, entry in enumerate(islice(cycle(list(docstrings())), ROWS))]
    async with started() as (client, account):
        database = (await client(DATABASE))["createDatabase"]["database"]["id"]
        rates = [
            (await _by_job(client, database, number, texts), await _by_hand(account.parent, texts))
            for number in range(ROUNDS)
        ]
    job, hand = (median(each) for each in zip(*rates, strict=True))
    typer.echo(
        f"embedMissing {job:,.0f} rows/s, by hand {hand:,.0f} rows/s (medians of {ROUNDS} in turn): ratio {job / hand:.2f}"
    )


async def _by_job(client: Client, database: str, number: int, texts: list[str]) -> float:
    identifier = (await client(TABLE, id=database, name=f"texts_{number}"))["createTable"]["table"]["id"]
    for first in range(0, len(texts), BATCH):
        rows = [{"id": first + offset, "text": text} for offset, text in enumerate(texts[first : first + BATCH])]
        await client(INSERT, id=identifier, rows=rows)
    await client(ATTACH, id=identifier)
    begun = time.perf_counter()
    job = (await client(FILL, id=identifier))["embedMissing"]["job"]["id"]
    while (state := (await client(JOB, id=job))["node"])["status"] in ("QUEUED", "RUNNING"):  # noqa: ASYNC110 - in another process
        await asyncio.sleep(0.05)
    seconds = time.perf_counter() - begun
    if (state["status"], state["processed"], state["failed"]) != ("SUCCEEDED", len(texts), 0):
        raise RuntimeError(state)
    return len(texts) / seconds


async def _by_hand(folder: Path, texts: list[str]) -> float:
    connection: Any = await asyncpg.connect(await asyncio.to_thread(embedded.start, folder))
    try:
        await register_vector(connection)
        await connection.execute(
            f"drop table if exists by_hand; create table by_hand (id integer primary key, text text, meaning vector({DIMENSION}))"
        )
        begun = time.perf_counter()
        for first in range(0, len(texts), BATCH):
            part = texts[first : first + BATCH]
            embedding = await LOCAL.embed(
                EmbeddingRequest(
                    texts=part, model=LOCAL.models[0], dimension=DIMENSION, parameters={}, input_type=InputType.DOCUMENT
                )
            )
            records = [(first + offset, text, Vector(embedding.vector(offset))) for offset, text in enumerate(part)]
            await connection.copy_records_to_table("by_hand", records=records, columns=["id", "text", "meaning"])
        return len(texts) / (time.perf_counter() - begun)
    finally:
        await connection.close()


if __name__ == "__main__":
    main()
