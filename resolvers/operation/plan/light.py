"""Resolvers that wait for nothing but futures: all that a level calls of one run in a single task, which is most of their cost."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final, TypeAlias, TypeVar, cast

F = TypeVar("F")

Future: TypeAlias = "asyncio.Future[Any] | None"
"""What a coroutine waits for; None: only for the next turn of the loop."""

Light: TypeAlias = "Coroutine[Future, None, object]"

MARK: Final = "is_light"


def light(resolver: F) -> F:
    """Say of an async resolver that it awaits nothing but futures, such as what loaders promise, and so needs no task of its own.

    All of a level then run in one task. Whatever belongs to a task is not for it: timeouts, task groups, context variables.
    """
    setattr(resolver, MARK, True)
    return resolver


async def driven(values: Sequence[object]) -> list[object]:
    """As `settled`, for light coroutines: each goes on when what all of them wait for is there."""
    cells = list(values)
    under_way = {row: cast("Light", value) for row, value in enumerate(cells) if asyncio.iscoroutine(value)}
    awaited = dict[int, Future]()
    try:
        while under_way:
            awaited = {}
            for row, coroutine in under_way.items():
                _step(coroutine, row, cells, awaited)
            under_way = {row: under_way[row] for row in awaited}
            for future in awaited.values():
                if future is None or not future.done():
                    await _done(future)
    finally:
        _given_up(under_way, awaited)
    return cells


def _step(coroutine: Light, row: int, cells: list[object], awaited: dict[int, Future]) -> None:
    """Run it up to what it waits for next, or to its end."""
    try:
        future = awaited[row] = coroutine.send(None)
    except StopIteration as ended:
        cells[row] = ended.value
    except Exception as error:  # noqa: BLE001 - whatever it is, it is the failure of one field
        cells[row] = error
    else:
        if future is not None:
            future._asyncio_future_blocking = False  # noqa: SLF001 - what a task does that was handed a future to wait for


async def _done(future: Future) -> None:
    if future is None:
        await asyncio.sleep(0)
    else:
        with suppress(Exception):  # it is raised again in the coroutine that waits for it
            await future


def _given_up(under_way: Mapping[int, Light], awaited: Mapping[int, Future]) -> None:
    for row, coroutine in under_way.items():
        future = awaited.get(row)
        if future is not None:
            future.cancel()
        coroutine.close()


def is_light(resolver: object) -> bool:
    return bool(getattr(resolver, MARK, False))
