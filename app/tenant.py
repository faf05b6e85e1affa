"""Whom a task works for: one organization, all of them, or nobody. Every connection that it then takes sees those rows alone.

It follows the task without being handed on: whoever forgets a condition in a statement cannot forget this as well.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final
from uuid import UUID

SETTING: Final = "vectorgate.organization"
"""What the policies of the catalogue and the regions compare `organization_id` with."""

EVERYONE: Final = "*"
"""The gateway's own work: start, housekeeping, looking for jobs, the operator's commands."""

NOBODY: Final = ""
"""A request that has not shown who it is for."""

_current: ContextVar[str] = ContextVar("tenant", default=EVERYONE)


def current() -> str:
    """Whom this task works for, as `SETTING` has it."""
    return _current.get()


def become(organization_id: UUID | None) -> None:
    """From here on this task, and those that it starts, work for this organization; None: for nobody."""
    _current.set(NOBODY if organization_id is None else str(organization_id))


@contextmanager
def working_for(organization_id: UUID) -> Iterator[None]:
    """Work for this organization as long as the block lasts."""
    token = _current.set(str(organization_id))
    try:
        yield
    finally:
        _current.reset(token)
