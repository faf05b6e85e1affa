"""Carries the lines of a file through a door: several batches at a time, settled in the order of the file, each once."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from app.cli.transfer.ahead import Ahead
from app.cli.transfer.batch import Batch, batches
from app.cli.transfer.checkpoint import Notes, Tally, no_key
from app.cli.transfer.door import Door, GatewayAwayError, passes
from app.cli.transfer.line import Line, Rejected
from app.cli.transfer.mapping import Fields
from app.cli.transfer.patience import Patience
from app.cli.transfer.progress import Meter
from app.cli.transfer.rejects import Rejects
from app.domain.insertion import Item, ItemStatus, OnConflict
from app.errors import GatewayError


@dataclass(frozen=True, slots=True)
class Manner:
    """How lines become items, and how these are sent. `patience`: seconds without progress after which it gives up."""

    fields: Fields
    makes_keys: bool
    on_conflict: OnConflict
    batch_size: int
    in_flight: int
    patience: float


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of a batch."""

    batch: Batch
    results: Sequence[Item]
    rejected: Sequence[Rejected]

    def count(self, status: ItemStatus) -> int:
        return sum(each.status is status for each in self.results)


class _StoppedError(Exception):
    """Nothing more was begun, because somebody asked for it."""


class Import:
    """One run of an import. `position`: how much of the file has been read with a batch, as the meter counts it."""

    def __init__(
        self, door: Door, manner: Manner, notes: Notes, rejects: Rejects, meter: Meter, position: Callable[[Batch], int]
    ) -> None:
        self._door, self._manner, self._notes, self._rejects, self._meter = door, manner, notes, rejects, meter
        self._position = position
        self._patience = Patience(manner.patience, meter)
        self._read: Ahead[Batch] | None = None
        self._looked = False

    @property
    def is_stopping(self) -> bool:
        return self._patience.is_over

    def stop(self) -> None:
        """Begin nothing more: `run` returns when what is under way has ended."""
        self._patience.end()
        if self._read is not None:
            self._read.end()

    async def run(self, lines: Iterator[Line | Rejected]) -> None:
        """Raises GatewayError and GatewayAwayError for what refuses a batch as a whole, with all before it settled."""
        try:
            await self._load(lines)
        except _StoppedError:
            return
        self._notes.note(replace(self._notes.tally, done=True))

    async def _load(self, lines: Iterator[Line | Rejected]) -> None:
        """Where all is there, and what the door had put off could not be done, that alone is tried again."""
        carried = False
        try:
            async with self._door.loading(self._meter.now):
                await self._carry(lines)
                carried = True
        except (GatewayError, GatewayAwayError) as error:
            if not carried or not passes(error):
                raise
            await self._patience.with_(self._end)

    async def _end(self) -> None:
        async with self._door.loading(self._meter.now):
            pass

    async def _carry(self, lines: Iterator[Line | Rejected]) -> None:
        self._read = Ahead(batches(lines, self._manner.batch_size, self._position))
        sent: deque[asyncio.Task[Settled]] = deque()
        try:
            async for batch in self._read:
                if self.is_stopping:
                    break
                self._look(batch)
                sent.append(asyncio.create_task(self._send(batch)))
                if len(sent) >= self._manner.in_flight:
                    self._settle(await sent.popleft())
            while sent:
                self._settle(await sent.popleft())
            if self.is_stopping:
                raise _StoppedError
        except (GatewayError, GatewayAwayError) as error:
            if self.is_stopping and passes(error):
                raise _StoppedError from error
            raise
        finally:
            for task in sent:
                task.cancel()
            await asyncio.gather(*sent, return_exceptions=True)

    def _look(self, batch: Batch) -> None:
        """Tell at once what looks wrong in the first batch that is read."""
        if not self._looked:
            self._looked = True
            for each in doubts(batch, self._manner.fields):
                self._meter.warn(each)

    async def _send(self, batch: Batch) -> Settled:
        items, lines, rejected = self._items(batch)
        if not items:
            return Settled(batch, [], rejected)
        self._notes.sending()
        key = f"import-{self._notes.keys.seed}-{batch.first}"
        results = await self._patience.with_(lambda: self._door.insert(items, self._manner.on_conflict, key))
        refused = [rejection(lines[each.index], each) for each in results if each.status is ItemStatus.FAILED]
        return Settled(batch, results, [*rejected, *refused])

    def _items(self, batch: Batch) -> tuple[list[dict[str, Any]], list[Line], list[Rejected]]:
        """What is sent, the line that each of it comes from, and what is not sent."""
        return items_of(batch, self._manner.fields, self._notes.keys.of if self._manner.makes_keys else no_key)

    def _settle(self, settled: Settled) -> None:
        """Write down what became of a batch: its rejected records first, since a note says how much of them counts."""
        self._rejects.add(settled.rejected)
        self._rejects.flush()
        before = self._notes.tally
        tally = Tally(
            line=settled.batch.last,
            inserted=before.inserted + settled.count(ItemStatus.INSERTED),
            replaced=before.replaced + settled.count(ItemStatus.REPLACED),
            skipped=before.skipped + settled.count(ItemStatus.SKIPPED),
            rejected=before.rejected + len(settled.rejected),
            rejected_bytes=self._rejects.size,
            rejected_mark=self._rejects.mark,
            at=time.time(),
            sent=before.sent,
        )
        self._notes.note(tally)
        self._meter.advance(tally.records - before.records, settled.batch.position)


def items_of(
    batch: Batch, mapped: Fields, key: Callable[[int], object]
) -> tuple[list[dict[str, Any]], list[Line], list[Rejected]]:
    """The items of a batch, the line that each of them comes from, and the records that are none."""
    items, lines, rejected = [], [], list(batch.rejected)
    for line in batch.lines:
        try:
            items.append(mapped.item(line.record, key(line.number)))
        except GatewayError as error:
            rejected.append(Rejected(line.number, error.code, error.message, line.record))
        else:
            lines.append(line)
    return items, lines, rejected


def doubts(batch: Batch, mapped: Fields) -> Iterator[str]:
    """What is no fault of any one record, and is likely to be one of the options."""
    if batch.lines:
        for name in mapped.absent([each.record for each in batch.lines]):
            yield f"No record of the lines {batch.first} to {batch.last} has the field {name!r}, which --text-field names."


def rejection(line: Line, item: Item) -> Rejected:
    """An item that was refused, as the record that it was made of."""
    return Rejected(line.number, item.code or "", item.message or "", line.record)
