"""Awaitables of one column, waited for together."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from functools import lru_cache
from typing import TypeVar, cast

from graphql.pyutils import gather_with_cancel

T = TypeVar("T")

KINDS_REMEMBERED = 1024


@lru_cache(KINDS_REMEMBERED)
def is_ready(kind: type) -> bool:
    """Whether a value of this type is just a value: nothing to wait for, and no failure."""
    return not (hasattr(kind, "__await__") or issubclass(kind, BaseException))


async def settled(values: Sequence[object]) -> list[object]:
    """The same, with results in the place of awaitables; with the exception where one failed."""
    cells = list(values)
    rows = [row for row, value in enumerate(cells) if hasattr(type(value), "__await__")]
    results = await _results([cast("Awaitable[object]", cells[row]) for row in rows])
    for row, result in zip(rows, results, strict=True):
        if isinstance(result, asyncio.CancelledError):
            raise result
        cells[row] = result
    return cells


async def _results(awaitables: Sequence[Awaitable[object]]) -> list[object]:
    if len(awaitables) > 1:
        return await asyncio.gather(*awaitables, return_exceptions=True)
    try:
        return [await each for each in awaitables]
    except Exception as error:  # noqa: BLE001 - whatever it is, it is the failure of one field
        return [error]


async def all_of(parts: Sequence[Awaitable[T]]) -> list[T]:
    """Results of parts that fail only with the whole: what they are of the document they say in their cells."""
    if len(parts) > 1:
        return await gather_with_cancel(*parts)
    return [await each for each in parts]
