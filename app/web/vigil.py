"""Over connections that outlive a request: they end when their token does, on every replica, and when the server stops."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator
from collections.abc import Set as AbstractSet
from contextlib import asynccontextmanager, contextmanager
from enum import Enum, auto
from typing import Final

import structlog

from app.errors import GatewayError
from app.notification import Hub, Topic

CHECK_SECONDS: Final = 5.0
"""A revocation is heard of at once; this is for tokens that expire, and for notifications that were lost."""

log = structlog.get_logger(__name__)


class End(Enum):
    """Why a connection has to end."""

    TOKEN = auto()
    STOP = auto()


OnEnd = Callable[[End], None]

InForce = Callable[[Collection[str]], Awaitable[AbstractSet[str]]]
"""Answers which of some tokens are in force. Raises GatewayError."""


class Vigil:
    """The lasting connections of this process, by token; None: a connection that has not shown its token yet."""

    def __init__(self, in_force: InForce, hub: Hub, check_seconds: float = CHECK_SECONDS) -> None:
        self._in_force = in_force
        self._hub = hub
        self._check_seconds = check_seconds
        self._watched: dict[str | None, set[OnEnd]] = {}
        self._stopped = False

    @contextmanager
    def watch(self, token: str | None, on_end: OnEnd) -> Iterator[None]:
        """Call `on_end` when the connection must end, as long as the block lasts."""
        watching = self._watched.setdefault(token, set())
        watching.add(on_end)
        if self._stopped:
            on_end(End.STOP)
        try:
            yield
        finally:
            watching.discard(on_end)
            if not watching:
                self._watched.pop(token, None)

    def stop(self) -> None:
        """The server stops: nothing lasts any longer. Doing it again changes nothing."""
        if not self._stopped:
            self._stopped = True
            for token in list(self._watched):
                self._end(token, End.STOP)

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """Check the tokens as long as the block lasts."""
        keeper = asyncio.create_task(self._keep())
        try:
            yield
        finally:
            keeper.cancel()
            await asyncio.gather(keeper, return_exceptions=True)

    async def _keep(self) -> None:
        with self._hub.changes(Topic.ACCESS_TOKEN) as changes:
            while True:
                try:
                    async with asyncio.timeout(self._check_seconds):
                        await changes.wait()
                except TimeoutError:
                    pass  # nobody said anything; time has passed all the same
                await self._check()

    async def _check(self) -> None:
        shown = {token for token in self._watched if token is not None}
        if not shown:
            return
        try:
            valid = await self._in_force(shown)
        except GatewayError as error:
            log.warning("access_tokens_not_checked", reason=error.message)
            return
        except Exception:
            log.exception("access_tokens_not_checked")  # a fault of ours must not end the vigil
            return
        for token in shown - valid:
            self._end(token, End.TOKEN)

    def _end(self, token: str | None, end: End) -> None:
        for on_end in list(self._watched.get(token, ())):
            on_end(end)
