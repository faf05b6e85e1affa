"""JSON that PostgreSQL writes: the same bytes as ours, and nothing of a key or a value that could end its place."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from app.postgres import Connection
from app.shape import Part, Shape
from app.store.identifier import Arguments, Statement
from app.store.written import Inner, Writer, identifier, listed, moment, number, text
from resolvers.node import global_id
from resolvers.scalar import SCALARS

INNER = Writer({"name": text("t.name")})
WRITER = Writer(
    {"name": text("t.name"), "count": number("t.count"), "at": moment("t.at"), "id": identifier("Thing", "t.name")},
    {
        "itself": Inner(INNER, lambda item: item),
        "all": Inner(INNER, lambda item: listed(Statement(f"({item})"), "t.name")),
    },
)
NAMES = ["plain", "", "\"'\\/", "\b\f\n\r\t\x01\x1f\x7f", "ü€\U0001f600\u2028", "$1 || '}'"]


async def one(connection: Connection, shape: Shape, *values: object) -> str:
    arguments = Arguments(*values)
    item = WRITER.object(shape, arguments)
    written: str = await connection.fetchval(
        f"select {item} from (values ($1::text, $2::bigint, $3::timestamptz)) as t (name, count, at)",  # noqa: S608 - a test's
        *arguments,
    )
    return written


@pytest.mark.parametrize("name", NAMES)
async def test_texts_are_written_as_orjson_does(connection: Connection, name: str) -> None:
    written = await one(
        connection, (Part("name", "name"), Part("more", "itself", (Part("alias_1", "name"),))), name, 1, None
    )
    assert written.encode() == orjson.dumps({"name": name, "more": {"alias_1": name}})


@pytest.mark.parametrize("count", [None, 0, -1, 2**53])
@pytest.mark.parametrize("at", [None, datetime(2026, 1, 2, 3, 4, 5, 0, UTC), datetime(987, 1, 2, 3, 4, 5, 60, UTC)])
async def test_numbers_and_times_are_written_as_scalars_do(
    connection: Connection, count: int | None, at: datetime | None
) -> None:
    written = await one(
        connection, (Part("c", "count"), Part("k", "x", constant='"Kind"'), Part("a", "at")), "", count, at
    )
    show: Any = SCALARS[datetime].serialize
    assert written.encode() == orjson.dumps({"c": count, "k": "Kind", "a": None if at is None else show(at)})


async def test_ids_are_global_ids(connection: Connection) -> None:
    longest = "k" * 200
    for key in ("a", "ab", "abc", "???>>>", longest):
        assert json.loads(await one(connection, (Part("id", "id"),), key, 1, None))["id"] == global_id("Thing", key)


async def test_rows_are_a_list_in_order_and_none_are_an_empty_one(connection: Connection) -> None:
    arguments = Arguments()
    item = listed(INNER.object((Part("n", "name"),), arguments), "t.name desc")
    for names, expected in (["b", "a", "c"], '[{"n":"c"},{"n":"b"},{"n":"a"}]'), ([], "[]"):
        statement = f"select {item} from unnest(${len(arguments) + 1}::text[]) as t (name)"  # noqa: S608 - a test's
        assert await connection.fetchval(statement, *arguments, names) == expected


@pytest.mark.parametrize(
    ("shape", "known"),
    [
        ((Part("a", "name"), Part("b", "itself", (Part("c", "name"),))), True),
        ((Part("a", "__typename", constant='"Thing"'),), True),
        ((), False),
        ((Part("a", "secret"),), False),
        ((Part("a", "name", (Part("b", "name"),)),), False),
        ((Part("a", "itself"),), False),
        ((Part("a", "itself", (Part("b", "count"),)),), False),
    ],
)
def test_a_shape_is_known_when_all_of_it_is(shape: Shape, known: bool) -> None:  # noqa: FBT001
    assert WRITER.knows(shape) is known
