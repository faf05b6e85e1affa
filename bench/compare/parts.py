"""The parts of a comparison, in the order in which they run on one stage: the data is made once."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from bench import catalogue as inventory
from bench import chroma, collection, share
from bench.chroma import Chroma
from bench.collection import MOST, Collection
from bench.compare import catalogue, search
from bench.compare.contest import Contest
from bench.compare.findings import Findings
from bench.compare.ingest import Ingest
from bench.compare.insert import Inserting
from bench.compare.ratio import Target
from bench.compare.stage import Stage
from bench.sheet import Sheet
from bench.texts import Texts

SELECTIVITIES = (100, 50, 10, 1)
"""Percent of the documents that a filter leaves."""
LEAST_RECALL = 0.98
OWN_SHARE_P50, OWN_SHARE_P99 = 1.0, 10.0
"""Milliseconds."""
VECTORS = 10_000
"""Of the questions, those that are asked by vector: a body of numbers takes 5 kB."""


@dataclass(frozen=True)
class Size:
    """How much is measured. `tried`: questions of a recall; `inserts`, `records`: of a round of `insert`, of `ingest`."""

    rounds: int
    seconds: int
    documents: int
    questions: int
    tried: int
    inserts: int
    records: int


@dataclass(frozen=True)
class Filled:
    """A collection with all texts in it, and what it answers of the ten nearest."""

    texts: Texts
    place: Collection
    questions: Sequence[int]
    recall: float


async def fill(stage: Stage, size: Size, texts: Texts, findings: Findings) -> Filled:
    """Insert every text, and measure recall."""
    place = await collection.create(stage.client, await collection.database(stage.client, "texts"), "texts")
    begun = time.perf_counter()
    documents = [texts.document(number) for number in range(len(texts.stored))]
    await collection.insert(stage.client, place, documents)
    await stage.settle()
    findings.say(f"{len(documents):,} documents inserted and settled in {time.perf_counter() - begun:.0f} s")
    questions = range(size.tried)
    recalls = {below: await collection.recall(stage.client, place, texts, questions, below) for below in SELECTIVITIES}
    found = Sheet(
        f"recall: the ten nearest of {len(documents):,}, against an exact scan, {len(questions)} questions",
        ("documents that a filter leaves", "recall@10"),
    )
    for below, recall in recalls.items():
        found.rows.append(("all" if below == 100 else f"{below} %", f"{recall:.4f}"))
        findings.target(Target(f"recall@10, {below} % of the documents", recall, least=LEAST_RECALL))
    findings.sheet(found)
    return Filled(texts, place, questions, recalls[100])


async def catalogued(stage: Stage, contest: Contest, findings: Findings, organization_id: str) -> None:
    """`hello`, `small`, `tree`."""
    expected = await catalogue.expected(stage.cluster.url, organization_id)
    for case in catalogue.cases(stage.servers, organization_id, expected):
        findings.case(case, await contest.run(case))


async def searched(stage: Stage, contest: Contest, findings: Findings, filled: Filled, peer: Chroma) -> None:
    """`search` and `vector`, with Chroma at the gateway's recall."""
    texts = filled.texts
    peer_id = await peer.create("texts")
    for first in range(0, len(texts.stored), MOST):
        await peer.add(peer_id, chroma.records(texts, range(first, min(first + MOST, len(texts.stored)))))
    width, recall = await search.chroma_least_wide(peer, peer_id, texts, filled.questions, filled.recall)
    note = f"Chroma with ef_search {width} has recall@10 {recall:.4f}; the gateway {filled.recall:.4f}."
    for case in search.cases(stage.servers, filled.place, texts, peer, peer_id, VECTORS):
        findings.case(case, await contest.run(case), note if case.name == "vector" else "")


async def inserted(stage: Stage, size: Size, chosen: Texts, peer: Chroma, findings: Findings) -> None:
    """`insert` and `ingest`."""
    for work in (Inserting(stage, chosen, size.inserts), Ingest(stage, peer, chosen, size.records)):
        found, target = await work.rounds(size.rounds)
        findings.sheet(found)
        findings.target(target)


async def provided(size: Size, findings: Findings) -> None:
    """`provider`, on a stage of its own: a gateway that keeps an account of its time."""
    found = await share.measured(size.seconds)
    findings.sheet(found.sheet())
    for name, part, most in (("p50", 0.5, OWN_SHARE_P50), ("p99", 0.99, OWN_SHARE_P99)):
        findings.target(
            Target(f"provider: own share of a search at half load, {name}, ms", found.searches.own(part), most=most)
        )


async def organization(stage: Stage) -> str:
    """An organization with everything that `tree` reads; its id."""
    return await inventory.fill(stage.client)
