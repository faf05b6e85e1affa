"""`insert`: documents through the API beside the same work by hand, into collections alike, their indexes in place.

By hand means: embed with the same model, and a binary COPY into the table of a collection that the gateway made.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from statistics import median
from typing import Any

import asyncpg
import orjson

from bench import collection, copying
from bench.collection import INSERT, MOST, Collection
from bench.compare.ratio import Target
from bench.compare.stage import Stage
from bench.sheet import Sheet
from bench.spent import Meter, Spent
from bench.texts import Texts

LEAST = 0.8


class Inserting:
    """Rounds of both, in turn, each into a new collection."""

    def __init__(self, stage: Stage, chosen: Texts, count: int) -> None:
        self._stage = stage
        self._numbers = [range(first, min(first + MOST, count)) for first in range(0, count, MOST)]
        self._texts = chosen
        self._count = count

    async def rounds(self, count: int) -> tuple[Sheet, Target]:
        """Rows a second of each, and their ratio."""
        database_id = await collection.database(self._stage.client, "inserts")
        found: dict[str, list[tuple[float, Spent]]] = {"gateway": [], "by hand": []}
        for number in range(count):
            for name, work in (("gateway", self._by_api), ("by hand", self._by_hand)):
                place = await collection.create(self._stage.client, database_id, f"{name.replace(' ', '_')}_{number}")
                found[name].append(await self._timed(work, place))
                await self._stage.settle()
        return self._sheet(found)

    async def _timed(self, work: Any, place: Collection) -> tuple[float, Spent]:  # noqa: ANN401 - one of the two below
        prepared = await self._prepared(place)
        meter = Meter({**self._stage.watched, "server": self._stage.servers["gateway"].pid})
        begun = time.perf_counter()
        await work(place, prepared)
        return self._count / (time.perf_counter() - begun), meter.read()

    async def _prepared(self, place: Collection) -> Sequence[bytes]:
        """The calls' bodies: what a client does before is not measured."""
        return [
            orjson.dumps(
                {"query": INSERT, "variables": {"id": place.id, "documents": list(map(self._texts.document, part))}}
            )
            for part in self._numbers
        ]

    async def _by_api(self, _: Collection, calls: Sequence[bytes]) -> None:
        for body, part in zip(calls, self._numbers, strict=True):
            told = await self._stage.client.send(body)
            if told.get("errors") or told["data"]["insertDocuments"]["insertedCount"] != len(part):
                raise RuntimeError(told)

    async def _by_hand(self, place: Collection, _: object) -> None:
        connection: Any = await asyncpg.connect(self._stage.cluster.url)
        try:
            await copying.embed_and_copy(connection, place, self._texts, self._numbers)
        finally:
            await connection.close()

    def _sheet(self, found: dict[str, list[tuple[float, Spent]]]) -> tuple[Sheet, Target]:
        rates = {name: [rate for rate, _ in rounds] for name, rounds in found.items()}
        gateway, hand = (median(each) for each in rates.values())
        sheet = Sheet(
            f"insert: {self._count:,} documents, 1,000 a call, one after another, the local model, indexes in place",
            ("", "rows/s", "lowest to highest", "gateway ÷ it", "PostgreSQL CPU", "gateway CPU"),
        )
        for name, rounds in found.items():
            shares = [f"{median(spent.share(who) for _, spent in rounds):.0%}" for who in ("postgres", "server")]
            here = rates[name]
            ratio = gateway / median(here)
            sheet.rows.append(
                (name, f"{median(here):,.0f}", f"{min(here):,.0f} to {max(here):,.0f}", f"{ratio:.2f}", *shares)
            )
        return sheet, Target("insert: gateway ÷ by hand", gateway / hand, least=LEAST)
