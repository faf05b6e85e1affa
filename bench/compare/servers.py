"""The servers that are compared, each a process of its own on loopback, ended when its block ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from app import embedded
from bench import node
from bench.processes import TOKEN, UNLIMITED, child, free_port, program
from bench.spent import postmaster


@dataclass(frozen=True)
class Server:
    """Where it answers, and its process; its children belong to it."""

    url: str
    pid: int


@dataclass(frozen=True)
class Cluster:
    """The embedded PostgreSQL."""

    url: str
    pid: int

    @property
    def environment(self) -> Mapping[str, str]:
        """As node's pg wants it: the superuser, for whom there is no row-level security."""
        [host] = parse_qs(urlsplit(self.url).query)["host"]
        return {"PGHOST": host, "PGUSER": "postgres", "PGDATABASE": "postgres", "NODE_ENV": "production"}


async def postgres(folder: Path) -> Cluster:
    """It stops with the last process that uses it, this one included."""
    url = await asyncio.to_thread(embedded.start, folder)
    return Cluster(url, postmaster(folder))


@asynccontextmanager
async def gateway(folder: Path, workers: int) -> AsyncIterator[Server]:
    """`vectorgate serve` with its defaults, but for rate limits out of reach."""
    port = free_port()
    settings = {
        "VECTORGATE_DATA_DIR": str(folder),
        "VECTORGATE_PORT": str(port),
        "VECTORGATE_WORKERS": str(workers),
        "VECTORGATE_BOOTSTRAP_TOKEN": TOKEN,
        "VECTORGATE_LOG_LEVEL": "warning",
        **UNLIMITED,
    }
    async with child("app serve", settings, f"http://127.0.0.1:{port}/readyz", log=folder / "gateway.log") as pid:
        yield Server(f"http://127.0.0.1:{port}/graphql", pid)


@asynccontextmanager
async def limit(cluster: Cluster, documents: str, ef_search: int, log: Path) -> AsyncIterator[Server]:
    """The limit routes; the URL has none of them yet."""
    port = free_port()
    settings = {
        "PORT": str(port),
        "DATABASE_URL": cluster.url,
        "DOCUMENTS": documents,
        "EF_SEARCH": str(ef_search),
    }
    async with child("bench.limit", settings, f"http://127.0.0.1:{port}/ready", log=log) as pid:
        yield Server(f"http://127.0.0.1:{port}", pid)


@asynccontextmanager
async def mercurius(cluster: Cluster, documents: str, ef_search: int, log: Path) -> AsyncIterator[Server]:
    settings = {"DOCUMENTS": documents, "EF_SEARCH": str(ef_search)}
    async with _node("mercurius.js", "/ready", {**cluster.environment, **settings}, log) as server:
        yield server


@asynccontextmanager
async def postgraphile(cluster: Cluster, log: Path) -> AsyncIterator[Server]:
    settings = {"GRAPHILE_ENV": "production"}
    async with _node("postgraphile.js", "/graphql", {**cluster.environment, **settings}, log) as server:
        yield server


@asynccontextmanager
async def _node(source: str, ready: str, environment: Mapping[str, str], log: Path) -> AsyncIterator[Server]:
    port, folder = free_port(), await asyncio.to_thread(node.peers)
    url = f"http://127.0.0.1:{port}"
    command = [node.executable(), folder / source]
    async with program(command, {**environment, "PORT": str(port)}, url + ready, log=log) as pid:
        yield Server(f"{url}/graphql", pid)
