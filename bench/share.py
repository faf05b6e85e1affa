"""The gateway's own share of a search and of an insert: what is left when PostgreSQL and the provider are taken away.

`uv run python -m bench.share`: an embedded PostgreSQL, a provider without latency, the gateway in a process of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import typer

from bench import machine, sheet
from bench.load import Client, Latencies, at_rate, saturate
from bench.sheet import Sheet
from bench.started import started

DIMENSION = 1536
DOCUMENTS = 2000
SECONDS = 10
INSERTED = 5000
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

LITELLM = (
    "For scale: LiteLLM publishes an overhead of its proxy of 2 ms at p50 and 13 ms at p99 on four machines of 4 cores at "
    "1,170 requests/s, 12 and 43 ms on two of them (docs.litellm.ai/docs/benchmarks). Its release 1.106, measured once on a 2-core "
    "machine with a provider like this one, added 14.3 ms at p50 without load, and answered 80 requests/s a worker."
)


@dataclass(frozen=True)
class Shares:
    """Of requests: milliseconds in all, in SQL, in the provider, a line each."""

    lines: Sequence[Sequence[float]]

    def own(self, part: float) -> float:
        """What this part of the requests did not exceed, without SQL and the provider."""
        own = sorted(whole - sql - provider for whole, sql, provider in self.lines)
        return own[min(len(own) - 1, int(len(own) * part))]

    def middle(self, position: int) -> float:
        """The median in SQL (1) or in the provider (2)."""
        return sorted(line[position] for line in self.lines)[len(self.lines) // 2]


@dataclass(frozen=True)
class Share:
    """What was found: answers a second at full load; latencies and shares at half of that; the shares of inserts."""

    full: float
    latencies: Latencies
    searches: Shares
    inserts: Shares

    def sheet(self) -> Sheet:
        header = ("", "p50 ms", "p99 ms", "of it SQL p50", "provider p50", "own share p50", "own share p99")
        latencies = [f"{self.latencies.quantile(part):.2f}" for part in (0.5, 0.99)]
        rows = [
            (f"search at {self.full / 2:.0f}/s, half of {self.full:.0f}/s", *latencies, *_numbers(self.searches)),
            ("insert of 1,000 texts", "", "", *_numbers(self.inserts)),
        ]
        title = f"provider: the gateway's own share with an external provider without latency, {DIMENSION:,} dimensions"
        return Sheet(title, header, list(rows), LITELLM)


def main() -> None:
    """Print the table."""
    typer.echo(machine.line())
    asyncio.run(measured(SECONDS)).sheet().show(sheet.console())


async def measured(seconds: float) -> Share:
    """Start everything, and load it for so long at full and as long at half."""
    async with started() as (client, account):
        return await _measured(client, account, seconds)


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


async def _measured(client: Client, account: Path, seconds: float) -> Share:
    identifier = await collection(client)
    for first in range(0, DOCUMENTS, 1000):
        await client(INSERT, id=identifier, documents=documents(first, 1000))

    def search(number: int, text: str = "question") -> dict[str, Any]:
        return {"query": SEARCH, "variables": {"id": identifier, "text": f"{text} {number}"}}

    full = await saturate(client, search, seconds)
    seen = len(_lines(account))
    latencies = await at_rate(client, lambda number: search(number, "another question"), full / 2, seconds)
    if latencies.refused:
        raise RuntimeError(f"{latencies.refused} searches were refused")
    searches = _lines(account)[seen:]
    before = len(_lines(account))
    for first in range(DOCUMENTS, DOCUMENTS + INSERTED, 1000):
        await client(INSERT, id=identifier, documents=documents(first, 1000))
    await asyncio.sleep(1)
    return Share(full, latencies, Shares(searches), Shares(_lines(account)[before:]))


def _lines(account: Path) -> list[list[float]]:
    return [orjson.loads(line) for line in account.read_text().splitlines(keepends=True) if line.endswith("\n")]


def _numbers(shares: Shares) -> list[str]:
    return [f"{each:.2f}" for each in (shares.middle(1), shares.middle(2), shares.own(0.5), shares.own(0.99))]


if __name__ == "__main__":
    main()
