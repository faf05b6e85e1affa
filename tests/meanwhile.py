"""What others do while a function is at work: writes that come at the worst moment, in tests of what holds all the same."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


def within(
    block: Callable[[], AbstractAsyncContextManager[object]], work: Callable[P, Awaitable[R]]
) -> Callable[P, Awaitable[R]]:
    """The same function, each call of it in a block of its own."""

    async def both(*args: P.args, **kwargs: P.kwargs) -> R:
        async with block():
            return await work(*args, **kwargs)

    return both
