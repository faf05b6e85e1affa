"""Carries the records of a collection or table into a file: page by page, in their order."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Final

from app.cli.transfer import shape, writing
from app.cli.transfer.door import MOST_RECORDS, Door, Question
from app.cli.transfer.options import Format
from app.cli.transfer.patience import Patience
from app.cli.transfer.progress import Meter
from app.cli.transfer.shape import Field, Shape
from app.cli.transfer.sink import Sink
from app.errors import LimitExceeded

PATIENCE_SECONDS: Final = 300.0


class Export:
    """One run of an export."""

    def __init__(self, door: Door, asked: Question, meter: Meter) -> None:
        self._door, self._asked, self._meter = door, asked, meter
        self.patience = Patience(PATIENCE_SECONDS, meter)
        self.count = 0

    async def run(self, sink: Sink, kind: Format, delimiter: str) -> None:
        """Raises GatewayError, GatewayAwayError and CommandFailed."""
        fields = await self._fields(kind)
        with writing.opened(sink, kind, fields, delimiter, is_table=self._door.target.is_table) as writer:
            self._meter.now("Exporting")
            async for records in self._pages():
                writer.write(records)
                self.count += len(records)
                self._meter.advance(len(records), self.count)

    async def _fields(self, kind: Format) -> list[Field]:
        """What columns there will be. Documents may have any: all of them are looked at."""
        if self._door.target.is_table:
            return shape.of_table(self._door.columns, self._asked)
        seen = Shape()
        if kind is not Format.JSONL:
            self._meter.now("Looking for fields")
            async for records in self._pages():
                seen.see(records)
        return seen.fields

    async def _pages(self) -> AsyncIterator[list[dict[str, Any]]]:
        """Pages of as many records as may be answered at once."""
        after, first, more = None, MOST_RECORDS, True
        while more:
            try:
                found = await self.patience.with_(lambda: self._door.page(self._asked, after, first))  # noqa: B023 - it is called at once
            except LimitExceeded:
                if first == 1:
                    raise
                first //= 2
                continue
            yield found.records
            after, more = found.after, found.after is not None
            first = min(first * 2, MOST_RECORDS)
