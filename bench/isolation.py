"""What a provider that hangs does to searches on another: their median latency beside it, over their median latency alone.

`uv run python -m bench.isolation`: alone and beside it in turn, three times.
"""

from __future__ import annotations

import asyncio
from statistics import median
from typing import Any

import typer
from rich.console import Console
from rich.table import Table

from bench import machine
from bench.load import Client, at_rate
from bench.share import DATABASE, INSERT, SEARCH, documents
from bench.started import started

RATE = 50
SECONDS = 8
ROUNDS = 3
HANGING = 60
"""Searches on the hanging provider that are in flight at a time: more than its lane lets through."""

CREDENTIAL = """
mutation C($provider: String!, $ids: [ID!]!) {
  addCredential(input: {provider: $provider, name: "main", apiKey: "sk-benchmark", databaseIds: $ids}) { credential { id } }
}"""
COLLECTION = """
mutation C($id: ID!, $name: String!, $provider: String!, $model: String!) {
  createCollection(input: {databaseId: $id, name: $name, embedding: {provider: $provider, credential: "main", model: $model}}) {
    collection { id }
  }
}"""


def main() -> None:
    """Print the table."""
    typer.echo(machine.line())
    asyncio.run(_measure())


async def _measure() -> None:
    async with started() as (client, _):
        database = (await client(DATABASE))["createDatabase"]["database"]["id"]
        good = await _collection(client, database, "openai", "text-embedding-3-small")
        bad = await _collection(client, database, "mistral", "mistral-embed")
        await client(INSERT, id=good, documents=documents(0, 1000))
        alone, beside = [], []
        for _round in range(ROUNDS):
            alone.append(await _searches(client, good))
            async with _hanging(client, bad):
                beside.append(await _searches(client, good))
    table = Table("searches on one provider", "median p50 ms", "ratio")
    table.add_row("alone", f"{median(alone):.2f}", "1.00")
    table.add_row(
        f"while {HANGING} searches hang on another", f"{median(beside):.2f}", f"{median(beside) / median(alone):.2f}"
    )
    Console().print(table)


async def _collection(client: Client, database: str, provider: str, model: str) -> str:
    await client(CREDENTIAL, provider=provider, ids=[database])
    created = await client(COLLECTION, id=database, name=provider, provider=provider, model=model)
    return str(created["createCollection"]["collection"]["id"])


async def _searches(client: Client, collection_id: str) -> float:
    latencies = await at_rate(client, lambda number: _search(collection_id, number), RATE, SECONDS)
    if latencies.refused:
        raise RuntimeError(f"{latencies.refused} searches were refused")
    return latencies.quantile(0.5)


def _search(collection_id: str, number: int) -> dict[str, Any]:
    return {"query": SEARCH, "variables": {"id": collection_id, "text": f"question {number}"}}


class _hanging:  # noqa: N801 - reads as a statement
    """`async with _hanging(client, id):` keeps searches waiting on the provider that never answers."""

    def __init__(self, client: Client, collection_id: str) -> None:
        self._client = client
        self._collection_id = collection_id
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> None:
        self._tasks = [asyncio.create_task(self._keep_asking(number)) for number in range(HANGING)]
        await asyncio.sleep(0.5)

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _keep_asking(self, number: int) -> None:
        while True:
            await self._client.post(_search(self._collection_id, number))


if __name__ == "__main__":
    main()
