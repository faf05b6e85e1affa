"""Filling in vectors that are missing: texts are read in batches by key, embedded, and stored where they still stand as they were read.

What is stored is never asked for again: a job that begins anew goes on with the vectors that are missing then.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from app.domain import embedding, usage
from app.domain.embedding import Embedded, Target
from app.domain.job import Run
from app.domain.vector import check_vector
from app.errors import GatewayError
from app.postgres import Cluster, Connection
from app.store import missing, table_version
from app.store.missing import Gap, Missing
from app.store.record import Metric, Resolved, Table, Vector
from app.store.table_version import TableChangedError

BATCH = 256
"""Texts that are embedded and committed together."""

IN_FLIGHT = 4
"""Batches under way at a time: with `BATCH`, the most texts that are embedded twice when a process is killed."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where vectors are missing, and how text is embedded there, as it is now."""

    resolved: Resolved[Target]
    gap: Gap
    metric: Metric | None
    """What the vectors must be fit for; None: to be stored."""


Find: TypeAlias = Callable[[], Awaitable[Place]]


class Filling:
    """One job's filling: counts over its attempts and passes."""

    def __init__(self, run: Run, find: Find) -> None:
        self._run = run
        self._find = find
        self._stored = run.job.processed - run.job.failed
        self._refused: set[int] = set()
        """Hashes of keys with texts that the provider refused: not asked again in this attempt."""

    async def settle(self, most_passes: int) -> None:
        """Pass after pass, while writes go on, until one finds nothing more to store."""
        for _ in range(most_passes):
            if not await self._pass():
                break
        await self._tell(self._stored + len(self._refused))

    async def _pass(self) -> bool:
        """Look at every text that has no vector once; answers whether anything was new."""
        before = (self._stored, len(self._refused))
        place = await self._find()
        async with self._region(place).connection() as connection:
            left = await missing.count(connection, place.gap)
        await self._tell(self._stored + left)
        slots = asyncio.Semaphore(IN_FLIGHT)
        try:
            async with asyncio.TaskGroup() as group:
                await self._go_through(place, group, slots)
        except BaseExceptionGroup as failures:
            if not isinstance(failures.exceptions[0], TableChangedError):
                raise failures.exceptions[0] from None
            return True
        return before != (self._stored, len(self._refused))

    async def _go_through(self, place: Place, group: asyncio.TaskGroup, slots: asyncio.Semaphore) -> None:
        after = None
        while True:
            async with self._region(place).connection() as connection:
                found = await missing.batch(connection, place.gap, after, BATCH)
            if not found:
                return
            after = found[-1].key
            await slots.acquire()
            group.create_task(self._one(found)).add_done_callback(lambda _: slots.release())

    async def _one(self, found: Sequence[Missing]) -> None:
        fresh = [each for each in found if hash((each.key, each.text)) not in self._refused]
        if not fresh:
            return
        while True:
            try:
                await self._run.patiently(lambda: self._fill(fresh))
            except TableChangedError:
                continue
            break
        await self._tell(None)

    async def _fill(self, found: Sequence[Missing]) -> None:
        """Embed with the configuration, credential and scope of this moment, and store if they have not changed meanwhile."""
        place = await self._find()
        texts = list(dict.fromkeys(each.text for each in found))
        gateway, actor = self._run.gateway, self._run.actor
        embedded = await embedding.embed(gateway, actor, place.resolved, texts)
        vectors = _usable(dict(zip(texts, embedded.outcomes, strict=True)), place.metric)
        ready = [(each, vectors[each.text]) for each in found if each.text in vectors]
        stored = await self._write(place, embedded, ready)
        self._stored += stored  # in one step: other batches count, too
        self._refused |= {hash((each.key, each.text)) for each in found if each.text not in vectors}

    async def _write(self, place: Place, embedded: Embedded, ready: Sequence[tuple[Missing, Vector]]) -> int:
        async def work(connection: Connection) -> int:
            stored = await missing.fill(connection, place.gap, ready) if ready else 0
            if isinstance(place.resolved.target, Table):
                await table_version.check(connection, place.resolved.target)
            return stored

        return await usage.write(self._run.gateway, place.resolved.target.region, [embedded.spent], work)

    async def _tell(self, total: int | None) -> None:
        refused = len(self._refused)
        await self._run.progress(total=total, processed=self._stored + refused, failed=refused)

    def _region(self, place: Place) -> Cluster:
        return self._run.gateway.postgres.region(place.resolved.target.region)


def _usable(outcomes: Mapping[str, Vector | GatewayError], metric: Metric | None) -> dict[str, Vector]:
    """The vectors that can be stored."""
    usable = {}
    for text, outcome in outcomes.items():
        try:
            if isinstance(outcome, GatewayError):
                raise outcome
            check_vector(outcome, metric)
        except GatewayError:
            continue  # counted as refused
        usable[text] = outcome
    return usable
