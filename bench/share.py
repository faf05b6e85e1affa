"""The gateway's own share of a search and of an insert: what is left when PostgreSQL and the provider are taken away.

`uv run python -m bench.share`: an embedded PostgreSQL, a provider without latency, the gateway in a process of its own.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import orjson
import typer
from rich.console import Console
from rich.table import Table

from bench import machine
from bench.load import Client, at_rate, saturate
from bench.started import started

DIMENSION = 1536
DOCUMENTS = 2000
SECONDS = 10
SEARCH = "query S($id: ID!, $text: String!) { vectorSearch(targetId: $id, query: $text) { edges { similarity node { key fields } } } }"
INSERT = """
mutation I($id: ID!, $documents: [JSONObject!]!) {
  insertDocuments(input: {collectionId: $id, documents: $documents}) { insertedCount }
}"""
DATABASE = 'mutation { createDatabase(input: {name: "bench"}) { database { id } } }'
CREDENTIAL = """
mutation C($ids: [ID!]!) {
  addCredential(input: {provider: "openai", name: "main", apiKey: "sk-benchmark", databaseIds: $ids}) { credential { id } }
}"""
COLLECTION = """
mutation C($id: ID!, $name: String!) {
  createCollection(input: {databaseId: $id, name: $name, embedding: {
    provider: "openai", credential: "main", model: "text-embedding-3-small"
  }}) { collection { id } }
}"""


def main() -> None:
    """Print the table."""
    typer.echo(machine.line())
    asyncio.run(_measure())


async def collection(client: Client) -> str:
    """A new collection that embeds through the fake provider."""
    database = (await client(DATABASE))["createDatabase"]["database"]["id"]
    await client(CREDENTIAL, ids=[database])
    return str((await client(COLLECTION, id=database, name="texts"))["createCollection"]["collection"]["id"])


def documents(first: int, count: int) -> list[dict[str, Any]]:
    """Documents with a text each."""
    return [
        {"_id": number, "title": f"text {number}", "$vectorize": f"this is text number {number}"}
        for number in range(first, first + count)
    ]


async def _measure() -> None:
    async with started() as (client, account):
        await _report(client, account)


async def _report(client: Client, account: Path) -> None:
    identifier = await collection(client)
    for first in range(0, DOCUMENTS, 1000):
        await client(INSERT, id=identifier, documents=documents(first, 1000))

    def search(number: int, text: str = "question") -> dict[str, Any]:
        return {"query": SEARCH, "variables": {"id": identifier, "text": f"{text} {number}"}}

    full = await saturate(client, search, SECONDS)
    seen = _lines(account)
    latencies = await at_rate(client, lambda number: search(number, "another question"), full / 2, SECONDS)
    searches = _lines(account)[len(seen) :]
    before = len(_lines(account))
    for first in range(DOCUMENTS, DOCUMENTS + 5000, 1000):
        await client(INSERT, id=identifier, documents=documents(first, 1000))
    await asyncio.sleep(1)
    inserts = _lines(account)[before:]

    table = Table("", "p50 ms", "p99 ms", "of it SQL p50", "provider p50", "own share p50", "own share p99")
    table.add_row(
        f"search at {full / 2:.0f}/s, half of {full:.0f}/s",
        f"{latencies.quantile(0.5):.2f}",
        f"{latencies.quantile(0.99):.2f}",
        *_shares(searches),
    )
    table.add_row("insert of 1,000 texts", "", "", *_shares(inserts))
    Console(width=160).print(table)


def _lines(account: Path) -> list[list[float]]:
    return [orjson.loads(line) for line in account.read_text().splitlines(keepends=True) if line.endswith("\n")]


def _shares(lines: list[list[float]]) -> list[str]:
    own = sorted(whole - sql - provider for whole, sql, provider in lines)
    middle = len(lines) // 2
    sql, provider = (sorted(line[position] for line in lines)[middle] for position in (1, 2))
    return [f"{each:.2f}" for each in (sql, provider, own[middle], own[min(len(own) - 1, int(len(own) * 0.99))])]


if __name__ == "__main__":
    main()
