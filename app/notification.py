"""What one process hears of another through PostgreSQL: that something of an organization has changed, never what.

A reader that is told reads what is stored. Its wake-up is a flag and no queue: it cannot overflow, and when notifications
were lost with a connection, raising every flag is all it takes to lose nothing.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import Final
from uuid import UUID

import structlog

from app.errors import GatewayError
from app.postgres import Cluster

RETRY_SECONDS: Final = 1.0
"""Between attempts to listen again, on average; each waits for a time of its own, so that not all replicas come at once."""

log = structlog.get_logger(__name__)


class Topic(StrEnum):
    """What may change. The value is the channel in PostgreSQL; the payload there is the organization's id."""

    AUDIT_EVENT = "vectorgate_audit_event"
    ACCESS_TOKEN = "vectorgate_access_token"  # noqa: S105 - a channel's name
    JOB = "vectorgate_job"
    """A job's state, for those who look on."""
    WORK = "vectorgate_work"
    """There is something to do, or to leave off, for workers."""


class Changes:
    """One reader's flag."""

    def __init__(self) -> None:
        self._raised = asyncio.Event()
        self.tell()

    def tell(self) -> None:
        self._raised.set()

    async def wait(self) -> None:
        """Until something may have changed since the last wait; the first one ends at once."""
        await self._raised.wait()
        self._raised.clear()


class Hub:
    """The readers of this process."""

    def __init__(self) -> None:
        self._readers: dict[tuple[str, str | None], set[Changes]] = {}

    @contextmanager
    def changes(self, topic: Topic, organization_id: UUID | None = None) -> Iterator[Changes]:
        """The flag of a new reader, for an organization or for all of them, as long as the block lasts."""
        key = (topic.value, str(organization_id) if organization_id else None)
        reader = Changes()
        readers = self._readers.setdefault(key, set())
        readers.add(reader)
        try:
            yield reader
        finally:
            readers.discard(reader)
            if not readers:
                del self._readers[key]

    async def listen(self, cluster: Cluster) -> None:
        """Listen until cancelled, again and again: connections break, and clusters restart."""
        while True:
            try:
                await cluster.listen(Topic, self._tell_all, self._heard)
            except GatewayError as error:
                log.warning("not_listening", reason=error.message)
            except Exception:
                log.exception("not_listening")  # a fault of ours must not make this process deaf for good
            await asyncio.sleep(RETRY_SECONDS * 2 * secrets.SystemRandom().random())

    def _heard(self, channel: str, payload: str) -> None:
        for key in ((channel, payload), (channel, None)):
            for reader in self._readers.get(key, ()):
                reader.tell()

    def _tell_all(self) -> None:
        """Whatever happened before this connection listened was not heard."""
        for readers in self._readers.values():
            for reader in readers:
                reader.tell()
