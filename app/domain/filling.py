"""Filling in vectors that are missing: texts are read in batches by key, embedded, and stored where they still stand as they were read.

What is stored is never asked for again: a job that begins anew goes on with the vectors that are missing then.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias, TypeVar

from app.bounded import Begin, bounded
from app.domain import embedding, usage
from app.domain.embedding import Embedded, Target
from app.domain.job import Run
from app.domain.table_version import anew, announce
from app.domain.vector import usable
from app.postgres import Connection
from app.store import missing, table_version
from app.store.missing import Gap, Missing
from app.store.record import Metric, Resolved, Table, Vector

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
R = TypeVar("R")


class Filling:
    """One job's filling: counts over its attempts and passes."""

    def __init__(self, run: Run, find: Find) -> None:
        self._run = run
        self._find = find
        self._stored = run.job.processed - run.job.failed
        self._whole_before: int | None = run.job.total
        """What an attempt before this one has told of as the total; None once its count has been put right."""
        self._refused: set[int] = set()
        """Hashes of keys with texts that the provider refused: not asked again in this attempt."""

    async def settle(self, most_passes: int) -> None:
        """Pass after pass, while writes go on, until one finds nothing more to store.

        First of all nobody writes any more who does not know of the vectors: they would outlive a text that is changed so.
        """
        await self._run.patiently(self._fence)
        for _ in range(most_passes):
            if not await self._pass():
                break
        await self._tell(self._stored + len(self._refused))

    async def _fence(self) -> None:
        """The change that a job comes from may be on its way to those who write, or have got lost with its process."""
        place = await self._find()
        if isinstance(place.resolved.target, Table):
            await announce(self._run.gateway, place.resolved.target)

    async def _pass(self) -> bool:
        """Look at every text that has no vector once, of those that are there now; answers whether anything was new."""
        extent = await self._read(missing.extent)
        self._put_right(extent.count)
        before = (self._stored, len(self._refused))
        await self._tell(self._stored + extent.count)
        if extent.last is not None:
            await bounded(IN_FLIGHT, partial(self._each, extent.last))
        return before != (self._stored, len(self._refused))

    def _put_right(self, left: int) -> None:
        """What a killed attempt had stored, and not come to tell, is not missing any more."""
        if self._whole_before is not None:
            self._stored = max(self._stored, self._whole_before - left)
            self._whole_before = None

    async def _each(self, last: tuple[Any, ...], begin: Begin) -> None:
        """Up to the key that was last: what writers add behind it is the next pass's, or this one would follow them."""
        after = None
        while found := await self._read(partial(missing.batch, after=after, last=last, limit=BATCH)):
            after = found[-1].key
            await begin(self._one(found))

    async def _read(self, read: Callable[[Connection, Gap], Awaitable[R]]) -> R:
        """What is missing, as it is now. Outside the pool: where little is, looking at all the rest may take long."""

        async def work() -> R:
            place = await self._find()
            async with self._run.gateway.postgres.region(place.resolved.target.region).outside() as connection:
                return await read(connection, place.gap)

        return await self._run.patiently(lambda: anew(work))

    async def _one(self, found: Sequence[Missing]) -> None:
        if fresh := [each for each in found if hash((each.key, each.text)) not in self._refused]:
            await self._run.patiently(lambda: anew(lambda: self._fill(fresh)))
            await self._tell(None)

    async def _fill(self, found: Sequence[Missing]) -> None:
        """Embed with the configuration, credential and scope of this moment, and store if they have not changed meanwhile."""
        place = await self._find()
        texts = list(dict.fromkeys(each.text for each in found))
        gateway, actor = self._run.gateway, self._run.actor
        embedded = await embedding.embed(gateway, actor, place.resolved, texts)
        vectors = usable(dict(zip(texts, embedded.outcomes, strict=True)), place.metric)
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
        """Of texts that came meanwhile some count, too: there are never more done than there are."""
        refused = len(self._refused)
        done = self._stored + refused
        known = self._run.job.total if total is None else total
        await self._run.progress(total=max(known, done), processed=done, failed=refused)
