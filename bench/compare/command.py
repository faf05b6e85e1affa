"""`python -m bench.compare`: start everything, check that all answer alike, measure in turn, print, and keep the tables in RESULTS.md."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from bench import corpus, machine, node, sheet, texts
from bench.compare import parts, search
from bench.compare.contest import Contest
from bench.compare.findings import Findings
from bench.compare.parts import Size
from bench.compare.stage import built
from bench.processes import interruptible

FULL = Size(rounds=3, seconds=8, documents=50_000, questions=60_000, tried=300, inserts=10_000, records=20_000)
QUICK = Size(rounds=3, seconds=2, documents=10_000, questions=20_000, tried=100, inserts=2_000, records=3_000)


def main(
    *,
    quick: Annotated[
        bool, typer.Option("--quick", help="Less data and shorter rounds; RESULTS.md stays as it is.")
    ] = False,
    file: Annotated[
        Path | None, typer.Option("--corpus", help="Real text, one a line; by default docstrings and descriptions.")
    ] = None,
    documents: Annotated[
        int | None, typer.Option(min=1000, help="Documents to search, in place of 50,000, or 10,000 with --quick.")
    ] = None,
    seconds: Annotated[int | None, typer.Option(min=1, help="Of a round, in place of 8, or 2 with --quick.")] = None,
    workers: Annotated[int, typer.Option(min=1, help="Worker processes of the gateway.")] = 1,
) -> None:
    """Compare the gateway with routes of one SQL statement each, with PostGraphile, with mercurius and graphql-jit, and with Chroma."""
    begun = datetime.now(UTC)
    typer.echo(where := f"{machine.line(['chromadb'])}; {node.versions()}")
    findings, size = Findings(sheet.console()), QUICK if quick else FULL
    size = replace(size, documents=documents or size.documents, seconds=seconds or size.seconds)
    asyncio.run(interruptible(_run(size, file or corpus.default(), workers, findings)))
    sheets = findings.all()
    sheets[0].show(sheet.console())
    if not quick:
        when = f"{begun:%Y-%m-%d %H:%M} UTC, {(datetime.now(UTC) - begun).seconds // 60} minutes, {workers} worker(s)"
        sheet.write("python -m bench.compare", f"{when}. {where}; {findings.server}", sheets)


async def _run(size: Size, file: Path, workers: int, findings: Findings) -> None:
    chosen = await texts.read(file, size.documents, size.questions)
    findings.say(f"{len(chosen.stored):,} distinct texts are stored, {len(chosen.questions):,} others asked for")
    async with built(workers) as stage:
        findings.server = await stage.versions()
        organization_id = await parts.organization(stage)
        filled = await parts.fill(stage, size, chosen, findings)
        width = await search.least_wide(stage.cluster, filled.place, chosen, filled.questions, filled.recall)
        findings.say(f"hnsw.ef_search of the limit and of mercurius: {width}, the least with the gateway's recall")
        await stage.peers(filled.place, width)
        contest = Contest(stage.folder, stage.watched, size.rounds, size.seconds)
        await parts.catalogued(stage, contest, findings, organization_id)
        peer = await stage.chroma()
        await parts.searched(stage, contest, findings, filled, peer)
        await parts.inserted(stage, size, chosen, peer, findings)
    await parts.provided(size, findings)
