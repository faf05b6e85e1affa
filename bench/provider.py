"""A provider without latency: OpenAI's wire format with vectors made once, so that what is measured is the gateway.

`PORT=9000 python -m bench.provider`. POST /hang answers never: for measuring what one bad provider does to the others.
"""

from __future__ import annotations

import asyncio
import base64
import os
from functools import lru_cache
from zlib import crc32

import numpy as np
import orjson
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

SHAPES = 8192
"""So many different vectors there are; a text has one of them."""


def shape(text: str) -> int:
    """Which vector a text has, in whichever process."""
    return crc32(text.encode()) % SHAPES


@lru_cache(maxsize=SHAPES)
def vector(number: int, dimension: int) -> str:
    """A unit vector as base64 of little-endian float32."""
    values = np.random.default_rng(number).standard_normal(dimension).astype("<f4")
    return base64.b64encode((values / np.linalg.norm(values)).astype("<f4").tobytes()).decode()


async def embeddings(request: Request) -> Response:
    """OpenAI's POST /embeddings."""
    asked = orjson.loads(await request.body())
    dimension = asked.get("dimensions", 1536)
    data = [
        {"object": "embedding", "index": index, "embedding": vector(shape(text), dimension)}
        for index, text in enumerate(asked["input"])
    ]
    usage = {"prompt_tokens": len(data), "total_tokens": len(data)}
    body = orjson.dumps({"object": "list", "data": data, "model": asked["model"], "usage": usage})
    return Response(body, media_type="application/json")


async def hang(_: Request) -> Response:
    """A provider that has stopped answering."""
    await asyncio.sleep(3600)
    return Response(status_code=503)


async def ready(_: Request) -> Response:
    return Response()


app = Starlette(
    routes=[
        Route("/v1/embeddings", embeddings, methods=["POST"]),
        Route("/hang/embeddings", hang, methods=["POST"]),
        Route("/ready", ready),
    ]
)

if __name__ == "__main__":
    uvicorn.run(
        app,
        port=int(os.environ["PORT"]),
        log_level="error",
        loop="uvloop",
        http="httptools",
        timeout_graceful_shutdown=1,
    )
