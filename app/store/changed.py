"""What happens to a statement whose table was dropped or changed after the request found it: as if the request had come later."""

from __future__ import annotations

import functools
from collections.abc import Callable, Coroutine
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar
from uuid import UUID

import asyncpg

from app.postgres import Connection
from app.store.dropped import dropped_is_not_found
from app.store.table_version import TableChangedError

P = ParamSpec("P")
R = TypeVar("R")


class Changing(Protocol):
    """A table, or what is searched in it."""

    @property
    def id(self) -> UUID: ...


T = TypeVar("T", bound=Changing)


def changed_is_told(
    run: Callable[Concatenate[Connection, T, P], Coroutine[Any, Any, R]],
) -> Callable[Concatenate[Connection, T, P], Coroutine[Any, Any, R]]:
    """Let a function of the store that works on a table's rows raise TableChangedError where a column is gone, or came and needs a value.

    It raises NotFound where the table is gone.
    """

    @functools.wraps(run)
    @dropped_is_not_found
    async def running(connection: Connection, table: T, /, *args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return await run(connection, table, *args, **kwargs)
        except (asyncpg.UndefinedColumnError, asyncpg.NotNullViolationError):
            raise TableChangedError(table.id) from None

    return running
