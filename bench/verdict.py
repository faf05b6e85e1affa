"""What is stored, held against what clients were told: records, vectors, usage, audit events, and that nothing half-made is left."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

import asyncpg
import numpy as np

from app.store.identifier import schema_name
from bench.caller import Caller
from bench.ledger import Ledger
from bench.provider import shape, vector

SETTLING_SECONDS = 120.0
"""Within which all that was cut off must have been finished, or undone, by the gateways themselves."""

DOCUMENTS = """
query D($id: ID!, $after: String) {
  node(id: $id) { ... on Collection { found: documents(first: 500, after: $after) {
    nodes { key text: vectorize vector } pageInfo { hasNextPage endCursor }
  } } }
}"""
ROWS = """
query R($id: ID!, $after: String) {
  node(id: $id) { ... on Table { found: rows(first: 500, after: $after) {
    nodes { key fields vector(column: "meaning") } pageInfo { hasNextPage endCursor }
  } } }
}"""
USAGE = "{ organization { usage(groupBy: [TARGET]) { targetName texts } } }"
UNFINISHED = """
select
  (select count(*) from vectorgate.database where status <> 'ACTIVE') as databases,
  (select count(*) from vectorgate.target where status <> 'ACTIVE') as targets,
  (select count(*) from vectorgate.debris) as debris,
  (select count(*) from vectorgate.job where unclean or status in ('QUEUED', 'RUNNING')) as jobs"""
OUTBOX = "select count(*) from vectorgate_region.audit_outbox"
CAPTURES = "select count(*) from vectorgate_region.capture"
EVENTS = "select action, count(*) from vectorgate.audit_event where outcome = 'done' group by 1"
SCHEMAS = "select nspname from pg_namespace where nspname ~ '^vg_'"
TABLES = """
select substr(relname, 3) from pg_class join pg_namespace on pg_namespace.oid = relnamespace where nspname ~ '^vg_' and relkind = 'r'"""
KNOWN_DATABASES = "select id from vectorgate.database where region = $1"
KNOWN_TARGETS = """
select t.id from vectorgate.target as t join vectorgate.database as d on d.id = t.database_id where d.region = $1"""


@dataclass(frozen=True)
class Found:
    """The ids of what is written to."""

    credential_id: str
    collection_id: str
    table_id: str
    still_id: str
    dimension: int


@dataclass
class Checked:
    """How much was compared."""

    documents: int = 0
    rows: int = 0
    vectors: int = 0
    events: int = 0


async def settled(catalogue_url: str, region_url: str) -> None:
    """Wait until nothing is half-made any more. Raises TimeoutError, naming what is."""
    end = time.monotonic() + SETTLING_SECONDS
    while left := await _left(catalogue_url, region_url):
        if time.monotonic() > end:
            raise TimeoutError(f"still left after {SETTLING_SECONDS:g} seconds: {left}")
        await asyncio.sleep(0.5)


async def check(
    call: Caller, found: Found, documents: Ledger, rows: Ledger, catalogue_url: str, region_url: str
) -> Checked:
    """Enter in the ledgers whatever is not as it was told."""
    stored = await _stored(call, DOCUMENTS, found.collection_id, lambda node: node["text"])
    stored_rows = await _stored(call, ROWS, found.table_id, lambda node: node["fields"]["text"])
    checked = Checked(
        documents.compare("document", {key: text for key, (text, _) in stored.items()}),
        rows.compare("row", {key: text for key, (text, _) in stored_rows.items()}),
    )
    for ledger, records in ((documents, stored), (rows, stored_rows)):
        checked.vectors += _check_vectors(ledger, records, found.dimension)
    await _check_usage(call, {"documents": documents, "rows": rows})
    checked.events = await _check_events(catalogue_url, documents, rows)
    for region, url in (("local", catalogue_url), ("region", region_url)):
        await _check_physical(documents, catalogue_url, region, url)
    return checked


async def _left(*urls: str) -> dict[str, int]:
    [unfinished] = await _sql(urls[0], UNFINISHED)
    left = dict(unfinished)
    for url in urls:
        left["events in the outbox"] = left.get("events in the outbox", 0) + (await _sql(url, OUTBOX))[0][0]
        left["captures"] = left.get("captures", 0) + (await _sql(url, CAPTURES))[0][0]
    return {name: number for name, number in left.items() if number}


async def _stored(call: Caller, query: str, identifier: str, text: Any) -> dict[Hashable, tuple[str, str | None]]:  # noqa: ANN401 - a function of JSON
    """Key -> text and vector, of every record."""
    stored: dict[Hashable, tuple[str, str | None]] = {}
    after = None
    while True:
        page = (await call.until_answered(query, id=identifier, after=after))["node"]["found"]
        stored |= {node["key"]: (text(node), node["vector"]) for node in page["nodes"]}
        if not page["pageInfo"]["hasNextPage"]:
            return stored
        after = page["pageInfo"]["endCursor"]


def _check_vectors(ledger: Ledger, stored: Mapping[Hashable, tuple[str, Any]], dimension: int) -> int:
    """Each text has its own vector."""
    for key, (text, found) in stored.items():
        own = np.frombuffer(base64.b64decode(vector(shape(text), dimension)), "<f4")
        if found is None or len(found) != dimension or not np.array_equal(np.asarray(found, "<f4"), own):
            ledger.violation(f"{key} has a vector that is not its text's, or none")
    return len(stored)


async def _check_usage(call: Caller, ledgers: Mapping[str, Ledger]) -> None:
    answer = await call.until_answered(USAGE)
    used = {each["targetName"]: each["texts"] for each in answer["organization"]["usage"]}
    for name, ledger in ledgers.items():
        if used.get(name, 0) < ledger.committed:
            ledger.violation(f"usage tells of {used.get(name, 0)} texts of {name}, and {ledger.committed} are stored")


async def _check_events(catalogue_url: str, *ledgers: Ledger) -> int:
    """Each write that was answered has its event, and no other has, but those that may have been done without an answer."""
    events: dict[str, int] = {row["action"]: row["count"] for row in await _sql(catalogue_url, EVENTS)}
    for ledger in ledgers:
        for action, least in ledger.acknowledged.items():
            extra = 1 if action == "insert_documents" else 0  # the one that filled the collection that stays as it is
            most = least + ledger.unanswered[action] + extra
            if not least + extra <= events.get(action, 0) <= most:
                ledger.violation(
                    f"{events.get(action, 0)} audit events of {action}, possible are {least + extra} to {most}"
                )
    return sum(events.values())


async def _check_physical(ledger: Ledger, catalogue_url: str, region: str, url: str) -> None:
    """A region has what the catalogue says, and nothing beside it."""
    known = {schema_name(row["id"]) for row in await _sql(catalogue_url, KNOWN_DATABASES, region)}
    targets = {row["id"].hex for row in await _sql(catalogue_url, KNOWN_TARGETS, region)}
    for what, expected, query in (("schemas", known, SCHEMAS), ("tables", targets, TABLES)):
        there = {row[0] for row in await _sql(url, query)}
        if there != expected:
            ledger.violation(f"{what} in {region}: {there - expected} are left over, {expected - there} are missing")


async def _sql(url: str, statement: str, *arguments: object) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetch(statement, *arguments)
    finally:
        await connection.close()
