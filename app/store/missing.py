"""SQL of texts that have no vector: read in batches by key, and filled in. Documents and rows alike."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from pgvector import Vector as Wire

from app.postgres import Connection
from app.store.changed import changed_is_told
from app.store.identifier import Arguments
from app.store.record import Vector

MOST_BYTES = 8 * 1024 * 1024
"""Of the texts of a batch: a single one may be longer."""


WHITESPACE = "".join(character for character in map(chr, range(sys.maxunicode + 1)) if character.isspace())
"""A text of nothing else is blank, and has no vector."""


@dataclass(frozen=True, slots=True)
class Gap:
    """Where vectors are missing: a table with its key columns and their PostgreSQL types, its text column and its vector column."""

    id: UUID
    """The collection's or table's."""
    home: str
    key: Mapping[str, str]
    text: str
    vector: str

    def condition(self, arguments: Arguments) -> str:
        return f"{self.vector} is null and btrim({self.text}, {arguments.text(WHITESPACE)}) <> ''"

    @property
    def keys(self) -> str:
        """The key columns, in order."""
        return ", ".join(self.key)


@dataclass(frozen=True, slots=True)
class Missing:
    """A text without a vector, and the key of where it is."""

    key: tuple[Any, ...]
    text: str


@dataclass(frozen=True, slots=True)
class Extent:
    """How many texts have no vector, and the last key of all there are; None where there is nothing."""

    count: int
    last: tuple[Any, ...] | None


@changed_is_told
async def extent(connection: Connection, gap: Gap) -> Extent:
    """How much there is to look at."""
    arguments = Arguments()
    home, keys, condition = gap.home, gap.keys, gap.condition(arguments)
    backwards = ", ".join(f"{name} desc" for name in gap.key)
    number = await connection.fetchval(f"select count(*) from {home} where {condition}", *arguments)
    last = await connection.fetchrow(f"select {keys} from {home} order by {backwards} limit 1")
    return Extent(number, tuple(last) if last is not None else None)


@changed_is_told
async def batch(
    connection: Connection, gap: Gap, after: tuple[Any, ...] | None, last: tuple[Any, ...], limit: int
) -> list[Missing]:
    """The first of them behind a key and up to another, in order of keys; fewer where their texts are long."""
    arguments = Arguments()
    home, keys, text, condition = gap.home, gap.keys, gap.text, gap.condition(arguments)
    behind = f"and ({keys}) <= ({_row(gap, last, arguments)})"
    if after is not None:
        behind += f" and ({keys}) > ({_row(gap, after, arguments)})"
    rows = await connection.fetch(
        f"""
        select {keys}, {text} as text from (
            select {keys}, {text}, row_number() over so_far as number, sum(octet_length({text})) over so_far as bytes
            from (
                select {keys}, {text} from {home} where {condition} {behind} order by {keys} limit {arguments.put(limit)}
            ) as these window so_far as (order by {keys})
        ) as measured where number = 1 or bytes <= {MOST_BYTES:d} order by {keys}""",
        *arguments,
    )
    return [Missing(tuple(row)[:-1], row["text"]) for row in rows]


@changed_is_told
async def fill(connection: Connection, gap: Gap, found: Sequence[tuple[Missing, Vector]]) -> int:
    """Store vectors where they still are missing and the text is still the one they were made from; answers how many were stored.

    Rows are locked in order of their keys, as in every other write.
    """
    arguments = Arguments()
    home, keys, text, vector = gap.home, gap.keys, gap.text, gap.vector
    own = ", ".join(f"home.{name}" for name in gap.key)
    same = " and ".join(f"home.{name} = given.{name}" for name in gap.key)
    done: str = await connection.execute(
        f"""
        with given as materialized (
            select * from unnest({_arrays(gap, found, arguments)}) as given ({keys}, given_text, given_vector)
        ), met as materialized (
            select {own}, given_vector from {home} as home join given on {same}
            where home.{vector} is null and home.{text} = given_text order by {own} for update of home
        )
        update {home} as home set {vector} = given_vector from met as given where {same}""",
        *arguments,
    )
    return int(done.rpartition(" ")[2])


def _arrays(gap: Gap, found: Sequence[tuple[Missing, Vector]], arguments: Arguments) -> str:
    """One array a key column, then the texts and the vectors, as placeholders."""
    columns = zip(*(missing.key for missing, _ in found), strict=True)
    keys = [f"{arguments.put(list(values))}::{kind}[]" for values, kind in zip(columns, gap.key.values(), strict=True)]
    texts = f"{arguments.put([missing.text for missing, _ in found])}::text[]"
    vectors = f"{arguments.put([Wire(vector) for _, vector in found])}::vector[]"
    return ", ".join([*keys, texts, vectors])


def _row(gap: Gap, key: tuple[Any, ...], arguments: Arguments) -> str:
    return ", ".join(f"{arguments.put(value)}::{kind}" for value, kind in zip(key, gap.key.values(), strict=True))
