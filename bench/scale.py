"""What a collection's growth costs: a search and an insert at 10⁴, 10⁵ and 10⁶ documents, through the API, in turn.

`uv run python -m bench.scale`: a collection for each size, brought in by COPY with its vector index built after, which is told apart.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Annotated, Any

import asyncpg
import typer

from app import embedded
from bench import collection, copying, corpus, machine, sheet, texts
from bench.collection import BY_TEXT, Collection
from bench.compare.ratio import Target
from bench.compare.stage import Stage, built
from bench.processes import interruptible
from bench.sheet import Sheet
from bench.spent import memory
from bench.texts import Texts

SIZES = (10_000, 100_000, 1_000_000)
QUESTIONS = 20_000
TRIED = 200
"""Questions of a recall."""
INSERTED = 2_000
"""Documents of a round of inserts."""
ROUNDS = 3
SECONDS = 10
"""Of searches in a round, one after another."""
MOST_GROWTH, MOST_FALL = 3.0, 2.0
MEMORY = {"shared_buffers": "3GB", "maintenance_work_mem": "2GB"}
"""As docs/scaling.md has it: the largest index is built, and searched, in memory."""
SECTION = "python -m bench.scale"


@dataclass
class Place:
    """A collection of one size, and what was measured there: milliseconds of searches, documents a second."""

    texts: Texts
    place: Collection
    copied: float
    built: float
    recall: float = 0.0
    searches: list[list[float]] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)

    @property
    def size(self) -> int:
        return len(self.texts.stored)

    def p(self, part: float) -> float:
        return median(sorted(each)[int(len(each) * part)] for each in self.searches)

    @property
    def rate(self) -> float:
        return median(self.rates)


def main(
    sizes: Annotated[list[int] | None, typer.Option("--size", help="A number of documents; repeat it.")] = None,
    file: Annotated[
        Path | None, typer.Option("--corpus", help="Real text, one a line; by default as bench.compare has it.")
    ] = None,
) -> None:
    """Print the table; with the sizes of the design it is kept in RESULTS.md."""
    begun, chosen = datetime.now(UTC), sorted(sizes or SIZES)
    typer.echo(machine.line())
    embedded.SETTINGS.update(MEMORY)
    sheets = asyncio.run(interruptible(_measure(chosen, file or corpus.default())))
    for each in sheets:
        each.show(sheet.console())
    if tuple(chosen) == SIZES:
        minutes = (datetime.now(UTC) - begun).seconds // 60
        sheet.write(SECTION, f"{begun:%Y-%m-%d %H:%M} UTC, {minutes} minutes. {machine.line()}", sheets)


async def _measure(sizes: Sequence[int], file: Path) -> list[Sheet]:
    most = sizes[-1] + ROUNDS * INSERTED + QUESTIONS
    chosen = await texts.read(file, sizes[-1], most - sizes[-1])
    fresh, asked = chosen.questions[: ROUNDS * INSERTED], chosen.questions[ROUNDS * INSERTED :]
    questions = chosen.question_vectors[ROUNDS * INSERTED :]
    async with built(1) as stage:
        database_id = await collection.database(stage.client, "scale")
        places = [
            await _filled(stage, database_id, Texts(chosen.stored[:size], chosen.vectors[:size], asked, questions))
            for size in sizes
        ]
        await stage.settle()
        for each in places:
            each.recall = await collection.recall(stage.client, each.place, each.texts, range(TRIED))
        for number in range(ROUNDS):
            for each in places:
                each.searches.append(await _searched(stage, each, number))
                each.rates.append(
                    await _inserted(stage, each, number, fresh[number * INSERTED : (number + 1) * INSERTED])
                )
        return _told(places, memory(stage.cluster.pid), memory(stage.servers["gateway"].pid))


async def _filled(stage: Stage, database_id: str, part: Texts) -> Place:
    size = len(part.stored)
    place = await collection.create(stage.client, database_id, f"texts_{size}")
    connection: Any = await asyncpg.connect(stage.cluster.url)
    try:
        begun = time.perf_counter()
        index = await copying.drop_vector_index(connection, place)
        await copying.copy(connection, place, part, range(size))
        copied = time.perf_counter() - begun
        await copying.build(connection, index)
        typer.echo(
            f"{size:,} documents copied in {copied:.0f} s, indexed in {time.perf_counter() - begun - copied:.0f} s"
        )
    finally:
        await connection.close()
    return Place(part, place, copied, time.perf_counter() - begun - copied)


async def _searched(stage: Stage, place: Place, number: int) -> list[float]:
    """Milliseconds of each search of a round; no text is asked for twice."""
    found: list[float] = []
    texts_left = iter(place.texts.questions[number * (len(place.texts.questions) // ROUNDS) :])
    end = time.perf_counter() + SECONDS
    while (begun := time.perf_counter()) < end:
        told = await stage.client.post(
            {"query": BY_TEXT, "variables": {"id": place.place.id, "text": next(texts_left)}}
        )
        found.append((time.perf_counter() - begun) * 1000)
        if len(collection.hits(told)) != 10:
            raise RuntimeError(told)
    return found


async def _inserted(stage: Stage, place: Place, number: int, fresh: Sequence[str]) -> float:
    """Documents a second."""
    first = place.size + number * INSERTED
    documents = [{"_id": first + offset, "$vectorize": text} for offset, text in enumerate(fresh)]
    begun = time.perf_counter()
    await collection.insert(stage.client, place.place, documents)
    return len(documents) / (time.perf_counter() - begun)


def _told(places: Sequence[Place], postgres: float, gateway: float) -> list[Sheet]:
    header = ("documents", "search p50 ms", "p99 ms", "recall@10", "insert rows/s", "COPY s", "index build s")
    found = Sheet("scale: searches one after another, inserts of 1,000 a call, 256 dimensions, the local model", header)
    for each in places:
        numbers = (each.p(0.5), each.p(0.99), each.recall, each.rate, each.copied, each.built)
        shown = [
            f"{number:{form}}"
            for number, form in zip(numbers, (".2f", ".2f", ".4f", ",.0f", ".0f", ".0f"), strict=True)
        ]
        found.rows.append((f"{each.size:,}", *shown))
    found.note = f"Memory at the end: PostgreSQL {postgres:,.0f} MiB, gateway {gateway:,.0f} MiB."
    first, last = places[0], places[-1]
    growth = f"from {first.size:,} to {last.size:,} documents"
    targets = [
        Target(f"search time, {growth}, times", last.p(0.5) / first.p(0.5), most=MOST_GROWTH),
        Target(f"insert rate, {growth}, divided by", first.rate / last.rate, most=MOST_FALL),
    ]
    return [Sheet("Targets of scale", ("", "found", "target", "met"), [each.row for each in targets]), found]


if __name__ == "__main__":
    typer.run(main)
