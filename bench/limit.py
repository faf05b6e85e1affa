"""The limit: the same answers from a Starlette route each, with one SQL statement whose bytes are handed on, and nothing else.

No authentication, no schema, no errors: what is faster than this is not over HTTP, or not from PostgreSQL. `PORT=9000
DATABASE_URL=… DOCUMENTS=schema.table EF_SEARCH=100 python -m bench.limit`.
"""

from __future__ import annotations

import base64
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import asyncpg
import numpy as np
import orjson
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app.codec import register_codecs
from providers.base import EmbeddingRequest, InputType
from providers.local import DIMENSION, LOCAL

POOL = 10
SMALL = """
select json_build_object('id', id, 'name', name, 'integrations', (
    select json_agg(json_build_object('id', id, 'createdAt', created_at) order by id)
    from vectorgate.integration where organization_id = $1
))::text from vectorgate.organization where id = $1"""
TREE = """
with scopes as (
    select s.credential_id, json_agg(json_build_object('database', json_build_object('name', d.name)) order by s.id) as list
    from vectorgate.scoped_database s join vectorgate.database d on d.id = s.database_id
    where s.organization_id = $1 group by 1
), credentials as (
    select c.integration_id, json_agg(json_build_object('id', c.id, 'name', c.name, 'scopedDatabases', s.list) order by c.id) as list
    from vectorgate.credential c join scopes s on s.credential_id = c.id where c.organization_id = $1 group by 1
)
select json_build_object('id', o.id, 'name', o.name, 'integrations', (
    select json_agg(json_build_object('id', i.id, 'credentials', c.list) order by i.id)
    from vectorgate.integration i join credentials c on c.integration_id = i.id where i.organization_id = o.id
))::text from vectorgate.organization o where o.id = $1"""
SEARCH = """
select json_agg(json_build_object('similarity', 1 - distance / 2, 'key', key, 'fields', body))::text from (
    select key, body, vector <=> $1 as distance from {documents} order by vector <=> $1 limit 10
) as nearest"""


class Limit:
    """The routes, over one pool of connections."""

    def __init__(self, database_url: str, documents: str, ef_search: str) -> None:
        self._search = SEARCH.format(documents=documents)
        self._url = database_url
        self._settings = {"jit": "off", "hnsw.ef_search": ef_search, "hnsw.iterative_scan": "strict_order"}
        self._pool: Any = None

    @asynccontextmanager
    async def lifespan(self, _: Starlette) -> AsyncIterator[None]:
        async with asyncpg.create_pool(
            self._url, min_size=POOL, max_size=POOL, init=register_codecs, reset=_keep, server_settings=self._settings
        ) as self._pool:
            await _embedded("the model is loaded before the first request")
            yield

    async def hello(self, request: Request) -> Response:
        await request.body()
        return _json('"Query"')

    async def small(self, request: Request) -> Response:
        return await self._told(SMALL, await _organization(request))

    async def tree(self, request: Request) -> Response:
        return await self._told(TREE, await _organization(request))

    async def search(self, request: Request) -> Response:
        return await self._told(self._search, await _embedded(orjson.loads(await request.body())["query"]))

    async def vector(self, request: Request) -> Response:
        given = base64.b64decode(orjson.loads(await request.body())["vector"])
        return await self._told(self._search, np.frombuffer(given, ">f4").astype(np.float32))

    async def _told(self, statement: str, value: object) -> Response:
        async with self._pool.acquire() as connection:
            return _json(await connection.fetchval(statement, value))


def _json(data: str) -> Response:
    return Response(f'{{"data":{data}}}', media_type="application/json")


async def _organization(request: Request) -> UUID:
    return UUID(orjson.loads(await request.body())["id"])


async def _embedded(text: str) -> np.ndarray:
    asked = EmbeddingRequest(
        texts=[text], model=LOCAL.models[0], dimension=DIMENSION, parameters={}, input_type=InputType.QUERY
    )
    return (await LOCAL.embed(asked)).vector(0)


async def _keep(_: object) -> None:
    """Pool reset: nothing, as in the gateway."""


async def _ready(_: Request) -> Response:
    return Response()


def create_app(limit: Limit) -> Starlette:
    """The routes: POST, but for the one that tells that it is there."""
    served = {each.__name__: each for each in (limit.hello, limit.small, limit.tree, limit.search, limit.vector)}
    routes = [Route(f"/{name}", route, methods=["POST"]) for name, route in served.items()]
    return Starlette(routes=[*routes, Route("/ready", _ready)], lifespan=limit.lifespan)


if __name__ == "__main__":
    uvicorn.run(
        create_app(Limit(*(os.environ[name] for name in ("DATABASE_URL", "DOCUMENTS", "EF_SEARCH")))),
        port=int(os.environ["PORT"]),
        log_level="error",
        access_log=False,
        loop="uvloop",
        http="httptools",
        timeout_graceful_shutdown=1,
    )
