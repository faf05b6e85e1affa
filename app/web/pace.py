"""Items of a source as they come, with a beat while it is silent, and an end that does not wait for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any, TypeVar

T = TypeVar("T")


async def paced(
    source: AsyncGenerator[T, None], beat_seconds: float, ended: asyncio.Future[Any]
) -> AsyncGenerator[T | None, None]:
    """What `source` yields, and None after every `beat_seconds` without anything; the end comes with the source's, or with `ended`.

    The source is closed, whichever way it ends. It must not yield None.
    """
    coming: asyncio.Future[T | None] | None = None
    try:
        while not ended.done():
            coming = coming or asyncio.ensure_future(anext(source, None))
            await asyncio.wait({coming, ended}, timeout=beat_seconds, return_when=asyncio.FIRST_COMPLETED)
            if not coming.done():
                if not ended.done():
                    yield None
                continue
            item, coming = coming.result(), None
            if item is None:
                return
            yield item
    finally:
        if coming is not None:
            coming.cancel()
            await asyncio.wait({coming})
        await source.aclose()
