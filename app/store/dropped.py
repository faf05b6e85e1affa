"""What happens to a statement whose table was dropped after the request found it: the same as if it had come a moment later."""

from __future__ import annotations

import functools
from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec, TypeVar

import asyncpg

from app.errors import NotFound

P = ParamSpec("P")
R = TypeVar("R")


def dropped_is_not_found(run: Callable[P, Coroutine[Any, Any, R]]) -> Callable[P, Coroutine[Any, Any, R]]:
    """Let a function of the store that works on a collection's or table's own table raise NotFound where that is gone."""

    @functools.wraps(run)
    async def running(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return await run(*args, **kwargs)
        except (asyncpg.UndefinedTableError, asyncpg.InvalidSchemaNameError):
            raise NotFound("What this is about was dropped meanwhile.") from None

    return running
