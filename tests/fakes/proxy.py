"""A TCP proxy before PostgreSQL's socket: a network that a test can cut, silence and mend, while the server goes on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Self
from urllib.parse import parse_qs, urlsplit


class Proxy:
    """Forwards a port of its own. `accepted` counts connections; `silent` swallows what clients send."""

    def __init__(self, database_url: str) -> None:
        """`database_url` leads to a Unix socket, as the tests' server's does."""
        parts = urlsplit(database_url)
        self._target = f"{parse_qs(parts.query)['host'][0]}/.s.PGSQL.5432"
        self._path = parts.path
        self._port = 0
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self.accepted = 0
        self.silent = False

    @property
    def url(self) -> str:
        return f"postgresql://postgres:@127.0.0.1:{self._port}{self._path}?sslmode=disable"

    async def mend(self) -> Self:
        """Let connections through, on the same port as before."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]
        return self

    async def cut(self) -> None:
        """Break every connection, and refuse new ones."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in list(self._writers):
            writer.transport.abort()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        self._writers.add(writer)
        behind_reader, behind = await asyncio.open_unix_connection(self._target)
        self._writers.add(behind)
        try:
            await asyncio.gather(self._pass_on(reader, behind), self._pass_on(behind_reader, writer))
        finally:
            self._writers -= {writer, behind}

    async def _pass_on(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        try:
            while data := await source.read(65536):
                if not self.silent:
                    target.write(data)
                    await target.drain()
        except ConnectionError:
            pass  # cut, or the other end is gone
        finally:
            target.close()


@asynccontextmanager
async def proxied(database_url: str) -> AsyncIterator[Proxy]:
    """A proxy that lets connections through, for the block."""
    proxy = await Proxy(database_url).mend()
    try:
        yield proxy
    finally:
        await proxy.cut()
