"""Chroma over HTTP: its own server program, vectors given, HNSW with pgvector's default shape."""

from __future__ import annotations

import base64
import os
import shutil
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import orjson

from bench.processes import free_port, program
from bench.texts import Floats, Texts

SHAPE = {"space": "cosine", "max_neighbors": 16, "ef_construction": 64}
"""pgvector's `m` and `ef_construction`, where nothing else is said."""

SILENT = {"ANONYMIZED_TELEMETRY": "False", "NO_COLOR": "1"}


@dataclass(frozen=True)
class Chroma:
    """A server. Collections are told by their ids."""

    url: str
    pid: int
    session: aiohttp.ClientSession

    async def create(self, name: str, ef_search: int = 100) -> str:
        """The new collection's id."""
        configuration = {"hnsw": {**SHAPE, "ef_search": ef_search}}
        made = await self._ask("POST", "", {"name": name, "configuration": configuration})
        return str(made["id"])

    async def add(self, identifier: str, body: bytes) -> None:
        """What `records` made."""
        await self._send("POST", f"/{identifier}/add", body)

    async def look_wide(self, identifier: str, ef_search: int) -> None:
        """How many candidates a query looks at."""
        await self._ask("PUT", f"/{identifier}", {"new_configuration": {"hnsw": {"ef_search": ef_search}}})

    async def query(self, identifier: str, vector: Floats) -> Any:  # noqa: ANN401 - JSON
        return await self._ask("POST", f"/{identifier}/query", question(vector))

    def query_url(self, identifier: str) -> str:
        return f"{self.url}/{identifier}/query"

    async def _ask(self, method: str, path: str, body: Mapping[str, Any]) -> Any:  # noqa: ANN401 - JSON
        return orjson.loads(await self._send(method, path, orjson.dumps(body)))

    async def _send(self, method: str, path: str, body: bytes) -> bytes:
        headers = {"content-type": "application/json"}
        async with self.session.request(method, self.url + path, data=body, headers=headers) as answer:
            said = await answer.read()
        if answer.status >= 300:
            raise RuntimeError(f"Chroma answers {answer.status}: {said!r}")
        return said


def records(texts: Texts, numbers: Sequence[int]) -> bytes:
    """The body that adds these texts."""
    body = {
        "ids": [str(number) for number in numbers],
        "embeddings": [base64.b64encode(texts.vectors[number].tobytes()).decode() for number in numbers],
        "documents": [texts.stored[number] for number in numbers],
        "metadatas": [texts.fields(number) for number in numbers],
    }
    return orjson.dumps(body)


def question(vector: Floats) -> dict[str, Any]:
    """The body that asks for ten hits of three fields. It takes numbers alone."""
    return {"query_embeddings": [vector.tolist()], "n_results": 10, "include": ["metadatas", "distances"]}


def hits(told: Any) -> list[tuple[int, float, Any]]:  # noqa: ANN401 - JSON
    """Number of the text, similarity, fields."""
    found = zip(told["ids"][0], told["distances"][0], told["metadatas"][0], strict=True)
    return [(int(key), 1 - distance / 2, fields) for key, distance, fields in found]


@asynccontextmanager
async def started(folder: Path) -> AsyncIterator[Chroma]:
    """Its data is in `folder`, and its log beside it."""
    port = free_port()
    command = [_program(), "run", "--path", str(folder / "chroma"), "--host", "127.0.0.1", "--port", str(port)]
    ready = f"http://127.0.0.1:{port}/api/v2/heartbeat"
    home = f"http://127.0.0.1:{port}/api/v2/tenants/default_tenant/databases/default_database/collections"
    async with (
        program(command, SILENT, ready, log=folder / "chroma.log") as pid,
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=600)) as session,
    ):
        yield Chroma(home, pid, session)


def _program() -> str:
    found = shutil.which("chroma", path=os.pathsep.join([str(Path(sys.executable).parent), os.defpath]))
    if found is None:
        raise RuntimeError("Chroma is not installed: run `uv sync --group bench` first.")
    return found
