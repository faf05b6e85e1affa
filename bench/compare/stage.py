"""Everything that a comparison needs, started once: the data, the gateway with it, and beside it the limit and the peers."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg

from bench import chroma
from bench.chroma import Chroma
from bench.collection import Collection
from bench.compare import servers
from bench.compare.servers import Cluster, Server
from bench.load import Client

VERSIONS = """
select 'PostgreSQL ' || current_setting('server_version') || ', pgvector ' || extversion from pg_extension where extname = 'vector'"""


@dataclass
class Stage:
    """What is there. `servers` by name; it grows as they are started."""

    folder: Path
    cluster: Cluster
    client: Client
    stack: AsyncExitStack
    servers: dict[str, Server] = field(default_factory=dict)

    @property
    def watched(self) -> dict[str, int]:
        return {"postgres": self.cluster.pid}

    async def settle(self) -> None:
        """Leave PostgreSQL nothing to tidy up while others are measured."""
        await self._sql("vacuum analyze")

    async def versions(self) -> str:
        """Of PostgreSQL and pgvector."""
        return str(await self._sql(VERSIONS))

    async def _sql(self, statement: str) -> object:
        connection = await asyncpg.connect(self.cluster.url)
        try:
            return await connection.fetchval(statement)
        finally:
            await connection.close()

    async def peers(self, place: Collection, ef_search: int) -> None:
        """The limit and the servers of Node, which search with so many candidates."""
        log = self.folder / "peers.log"
        started = {
            "limit": servers.limit(self.cluster, place.table, ef_search, log),
            "postgraphile": servers.postgraphile(self.cluster, log),
            "mercurius": servers.mercurius(self.cluster, place.table, ef_search, log),
        }
        for name, server in started.items():
            self.servers[name] = await self.stack.enter_async_context(server)

    async def chroma(self) -> Chroma:
        return await self.stack.enter_async_context(chroma.started(self.folder))


def folder() -> Path:
    """A new one, which PostgreSQL's own user can enter; it goes when this process ends, after PostgreSQL."""
    made = Path(tempfile.mkdtemp(prefix="vectorgate-bench-"))
    made.chmod(0o755)
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    return made


@asynccontextmanager
async def built(workers: int) -> AsyncIterator[Stage]:
    """PostgreSQL and the gateway."""
    home = folder()
    cluster = await servers.postgres(home)
    async with AsyncExitStack() as stack:
        gateway = await stack.enter_async_context(servers.gateway(home, workers))
        client = await stack.enter_async_context(Client(gateway.url))
        yield Stage(home, cluster, client, stack, {"gateway": gateway})
