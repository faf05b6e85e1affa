"""The door to a collection or a table: what an import and an export need of it, whether it is in this process or behind a server."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from app.cli.process import CommandFailed
from app.domain.insertion import Item, OnConflict
from app.errors import GatewayError
from app.store.record import ColumnType

MOST_RECORDS: Final = 500
"""Of a page."""

ID: Final = "_id"
TEXT: Final = "$vectorize"
VECTOR: Final = "$vector"


Making: TypeAlias = Callable[[], None] | None
"""Whether a target that is missing is made, and what is called before that, which may refuse it by raising."""


class GatewayAwayError(CommandFailed):
    """The gateway did not answer, or something before it did: it may later."""


@dataclass(frozen=True, slots=True)
class Target:
    """A collection or table by name, as `DATABASE.NAME` on the command line."""

    database: str
    name: str
    is_table: bool

    def __str__(self) -> str:
        return f"{self.database}.{self.name}"


@dataclass(frozen=True, slots=True)
class TableColumn:
    """What a file has to know of a column; `follows`: whether it is a vector kept in step with a text, which is not written."""

    name: str
    type: ColumnType
    follows: bool


@dataclass(frozen=True, slots=True)
class Stretch:
    """Records in their order, and where the next ones begin; None: there are no more."""

    records: list[dict[str, Any]]
    after: str | None


@dataclass(frozen=True, slots=True)
class Question:
    """What to read: records that match a filter; `vectors`: also those that can be made again from a text."""

    given: Mapping[str, Any] | None
    vectors: bool


class Door(ABC):
    """An open way to one target. Its verbs raise GatewayError, and GatewayAwayError."""

    target: Target
    name: str
    """What tells the target from all others, of other servers and organizations too."""
    columns: tuple[TableColumn, ...]
    """A table's; none of a collection."""

    @abstractmethod
    async def insert(
        self, items: Sequence[Mapping[str, Any]], on_conflict: OnConflict, key: str | None
    ) -> Sequence[Item]:
        """What became of each item. With the same `key` and the same items it is done once."""

    @abstractmethod
    async def check(self, items: Sequence[Mapping[str, Any]]) -> Sequence[Item]:
        """Those items that would be refused before anything is embedded or written. Raises CommandFailed where nobody can tell."""

    @abstractmethod
    async def page(self, asked: Question, after: str | None, first: int) -> Stretch:
        """The next records, in order of creation, then key. Raises LimitExceeded where `first` of them are too large together."""

    @abstractmethod
    async def count(self, asked: Question) -> int:
        """How many records there are to read."""

    @asynccontextmanager
    async def loading(self, tell: Callable[[str], None]) -> AsyncIterator[None]:  # noqa: ARG002 - for doors that have something to do
        """Around many inserts: here a door can put off what is cheaper when all is there; it tells what it does then.

        What is raised within leaves that to the next time.
        """
        yield


def passes(error: BaseException) -> bool:
    """Whether what was refused may be granted later, unchanged."""
    return isinstance(error, GatewayAwayError) or (isinstance(error, GatewayError) and error.retryable)
