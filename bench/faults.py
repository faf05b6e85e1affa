"""Faults that lose nothing: gateways and PostgreSQL are killed at random while clients write, and then what they were told is looked for.

`uv run python -m bench.faults --minutes 5`: an embedded PostgreSQL of its own with the catalogue and a region of their own databases, two
gateway processes, a provider. Exits 1 when anything that was answered as done is missing, or done twice, or half done.
"""

from __future__ import annotations

import asyncio
import base64
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import orjson
import typer
from rich.console import Console
from rich.table import Table

from bench import machine
from bench.caller import Caller
from bench.chores import Founder, Migrator, Rotator
from bench.ledger import Ledger
from bench.processes import TOKEN, child, free_port
from bench.verdict import Checked, Found, check, settled
from bench.victims import GatewayVictim, PostgresVictim
from bench.writers import Place, Writer

KINDS = ("gateway", "PostgreSQL", "all at once")
WRITERS = 3
"""Of documents, and as many of rows."""
STILL = 600
"""Documents of the collection that jobs copy."""
DIMENSION = 64
CREDENTIAL = """
mutation C($ids: [ID!]!) {
  addCredential(input: {provider: "openai", name: "main", apiKey: "sk-benchmark-00000000", databaseIds: $ids}) { credential { id } }
}"""
DATABASE = """
mutation D($name: String!, $region: String!) { createDatabase(input: {name: $name, region: $region}) { database { id } } }"""
COLLECTION = """
mutation C($id: ID!, $name: String!, $dimension: Int!) {
  createCollection(input: {databaseId: $id, name: $name, embedding: {
    provider: "openai", credential: "main", model: "text-embedding-3-small", dimension: $dimension
  }}) { collection { id } }
}"""
TABLE = """
mutation T($id: ID!, $dimension: Int!) {
  createTable(input: {databaseId: $id, name: "rows", primaryKey: ["id"], columns: [
    {name: "id", type: INT}, {name: "text", type: TEXT}, {name: "meaning", type: VECTOR, sourceColumn: "text", embedding: {
      provider: "openai", credential: "main", model: "text-embedding-3-small", dimension: $dimension
    }}
  ]}) { table { id } }
}"""


@dataclass(frozen=True)
class Plan:
    """How much is to happen: for so many seconds, and so many kills at most."""

    seconds: float
    kills: int
    seed: int
    between: tuple[float, float] = (1.0, 6.0)
    """Seconds between a recovery and the next kill."""


@dataclass
class Outcome:
    """What happened."""

    kills: Counter[str] = field(default_factory=Counter)
    counts: Counter[str] = field(default_factory=Counter)
    """Calls, by what became of them; refusals by code."""
    acknowledged: int = 0
    unanswered: int = 0
    rotations: int = 0
    jobs: int = 0
    databases: int = 0
    checked: Checked = field(default_factory=Checked)
    violations: list[str] = field(default_factory=list)


@dataclass
class Stage:
    """Everything that plays a part."""

    postgres: PostgresVictim
    gateways: Sequence[GatewayVictim]
    catalogue_url: str
    region_url: str


def main(
    minutes: Annotated[float, typer.Option(help="How long to kill.")] = 5,
    seed: Annotated[int, typer.Option(help="What the moments and victims are drawn from.")] = 1,
) -> None:
    """Kill, recover, look, and print what was found."""
    typer.echo(machine.line())
    outcome = asyncio.run(suffer(Plan(60 * minutes, sys.maxsize, seed)))
    Console(width=120).print(_table(outcome))
    for violation in outcome.violations[:20]:
        typer.echo(violation)
    typer.echo(f"missing={len(outcome.violations)}")
    raise typer.Exit(1 if outcome.violations else 0)


async def suffer(plan: Plan) -> Outcome:
    """Set the stage, let clients write while things are killed, let all recover, and compare."""
    outcome = Outcome()
    async with _stage() as stage, Caller([each.url for each in stage.gateways], plan.seed) as call:
        found = await _prepared(call)
        documents, rows = Ledger(), Ledger()
        stop = asyncio.Event()
        rotator = Rotator(call, documents, found.credential_id)
        migrator = Migrator(call, documents, found.still_id, STILL)
        founder = Founder(call, "region")
        async with asyncio.TaskGroup() as group:
            for place, ledger in (
                (Place.collection(found.collection_id), documents),
                (Place.table(found.table_id), rows),
            ):
                for number in range(WRITERS):
                    group.create_task(Writer(call, place, ledger, number, plan.seed).write(stop))
            for chore in (rotator, migrator, founder):
                group.create_task(chore.work(stop))
            await _kill(stage, plan, outcome)
            stop.set()
        await _restart(stage)
        await settled(stage.catalogue_url, stage.region_url)
        outcome.checked = await check(call, found, documents, rows, stage.catalogue_url, stage.region_url)
        outcome.counts = call.counts
        outcome.acknowledged = documents.acknowledged.total() + rows.acknowledged.total()
        outcome.unanswered = documents.unanswered.total() + rows.unanswered.total()
        outcome.rotations, outcome.jobs, outcome.databases = rotator.rotations, migrator.ended, founder.dropped
        outcome.violations = documents.violations + rows.violations
    return outcome


async def _kill(stage: Stage, plan: Plan, outcome: Outcome) -> None:
    """One after another, each kind first once; after each all is brought back, and goes on by itself."""
    chance = random.Random(plan.seed)  # noqa: S311 - no secret comes of it
    end = time.monotonic() + plan.seconds
    while time.monotonic() < end and outcome.kills.total() < plan.kills:
        await asyncio.sleep(chance.uniform(*plan.between))
        number = outcome.kills.total()
        kind = KINDS[number] if number < len(KINDS) else chance.choices(KINDS, (4, 3, 1))[0]
        gateway = chance.choice(stage.gateways)
        if kind != "PostgreSQL":
            await asyncio.gather(*(each.kill() for each in (stage.gateways if kind == "all at once" else [gateway])))
        if kind != "gateway":
            await stage.postgres.kill()
        await asyncio.sleep(chance.uniform(0, 0.5))
        await asyncio.gather(
            stage.postgres.start() if kind != "gateway" else asyncio.sleep(0),
            *(
                each.start()
                for each in stage.gateways
                if kind == "all at once" or (kind == "gateway" and each is gateway)
            ),
        )
        outcome.kills[kind] += 1


async def _restart(stage: Stage) -> None:
    """A process sweeps when it starts: so nobody has to wait for the next sweep."""
    for each in stage.gateways[:1]:
        await each.stop()
        await each.start()


@asynccontextmanager
async def _stage() -> AsyncIterator[Stage]:
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="vectorgate-faults-")))
        await asyncio.to_thread(folder.chmod, 0o755)  # where this runs as root, PostgreSQL runs as a user of its own
        postgres = await asyncio.to_thread(PostgresVictim, folder)
        stack.callback(postgres.stop)
        catalogue, region = await postgres.make_database("catalogue"), await postgres.make_database("region")
        port = free_port()
        vendor = f"http://127.0.0.1:{port}"
        await stack.enter_async_context(child("bench.provider", {"PORT": str(port)}, f"{vendor}/ready"))
        settings = {
            "VECTORGATE_DATABASE_URL": catalogue,
            "VECTORGATE_REGIONS": orjson.dumps({"local": catalogue, "region": region}).decode(),
            "VECTORGATE_ENCRYPTION_KEYS": f"bench:{base64.b64encode(bytes(32)).decode()}",
            "VECTORGATE_BOOTSTRAP_TOKEN": TOKEN,
            "VECTORGATE_LOG_LEVEL": "error",
            "VECTORGATE_RATE_LIMIT_PER_TOKEN": "1000000",
            "VECTORGATE_RATE_LIMIT_PER_ADDRESS": "1000000",
            "VECTORGATE_PROVIDER_URLS": orjson.dumps({"openai": f"{vendor}/v1"}).decode(),
        }
        gateways = [GatewayVictim(settings) for _ in range(2)]
        for each in gateways:
            stack.push_async_callback(each.stop)
        await asyncio.gather(*(each.start() for each in gateways))
        yield Stage(postgres, gateways, catalogue, region)


async def _prepared(call: Caller) -> Found:
    """A collection in the region and a table beside the catalogue, and a collection that stays as it is."""
    near, far = [
        (await call(DATABASE, name=name, region=region))["createDatabase"]["database"]["id"]
        for name, region in (("near", "local"), ("far", "region"))
    ]
    credential = (await call(CREDENTIAL, ids=[near, far]))["addCredential"]["credential"]["id"]
    collection, still = [
        (await call(COLLECTION, id=far, name=name, dimension=DIMENSION))["createCollection"]["collection"]["id"]
        for name in ("documents", "still")
    ]
    table = (await call(TABLE, id=near, dimension=DIMENSION))["createTable"]["table"]["id"]
    place = Place.collection(still)
    records = [place.record(number, f"still {number}") for number in range(STILL)]
    await call(place.insert, id=still, records=records)
    return Found(credential, collection, table, still, DIMENSION)


def _table(outcome: Outcome) -> Table:
    table = Table("", "count")
    told = {
        **{f"kills: {kind}": number for kind, number in sorted(outcome.kills.items())},
        "writes acknowledged": outcome.acknowledged,
        "writes without an answer": outcome.unanswered,
        "rotations": outcome.rotations,
        "jobs": outcome.jobs,
        "databases made and dropped": outcome.databases,
        **{f"calls: {kind}": number for kind, number in sorted(outcome.counts.items())},
        "documents compared": outcome.checked.documents,
        "rows compared": outcome.checked.rows,
        "vectors compared with their texts": outcome.checked.vectors,
        "audit events compared": outcome.checked.events,
    }
    for name, number in told.items():
        table.add_row(name, f"{number:,}")
    return table


if __name__ == "__main__":
    typer.run(main)
