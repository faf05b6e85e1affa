"""Collections and tables to search in, and what the tests of searching read out of its answers."""

from __future__ import annotations

import math
from typing import Any

from tests.factory import SEARCH, Api
from tests.resolvers.tables import LOCAL, vector

BOOKS = {
    "whale": "a captain hunts a white whale",
    "island": "a sailor on an island",
    "ball": "a ball in a country house",
}

FILMS = {
    "whale": ("a captain hunts a white whale", "a ship on the sea"),
    "island": ("a sailor on an island", "a palm tree"),
    "ball": ("a ball in a country house", "dancers in a hall"),
}


async def keys(api: Api, target_id: str, **arguments: Any) -> list[Any]:  # noqa: ANN401 - JSON
    return [edge["node"]["key"] for edge in (await api.search(target_id, **arguments))["edges"]]


async def refused(api: Api, target_id: str, document: str = SEARCH, **arguments: Any) -> tuple[str, dict[str, Any]]:  # noqa: ANN401 - JSON
    """Code and facts of a search that is refused."""
    refusal = await api.refusal(document, id=target_id, **arguments)
    [code] = refusal.codes
    return code, refusal.facts


async def by_hand(api: Api, *vectors: list[float], metric: str = "COSINE") -> str:
    """A collection of vectors of the caller's own, their places the keys."""
    collection_id = await api.collection(await api.database(), dimension=len(vectors[0]), metric=metric)
    inserted = await api.insert(collection_id, *({"_id": n, "$vector": each} for n, each in enumerate(vectors)))
    assert inserted["insertedCount"] == len(vectors)
    return collection_id


async def books(api: Api, dimension: int = 64) -> str:
    """A collection of texts that OpenAI embeds."""
    collection_id = await api.openai_collection(dimension=dimension)
    await api.insert(collection_id, *({"_id": key, "$vectorize": text} for key, text in BOOKS.items()))
    return collection_id


def on_circle(count: int) -> list[list[float]]:
    """Vectors that go ever farther away from [1, 0]."""
    return [[math.cos(step / count), math.sin(step / count)] for step in range(count)]


async def films(api: Api) -> str:
    """A table with the vector columns `plot`, which OpenAI embeds, and `scene`, which the local model embeds."""
    database_id = await api.database()
    await api.credential(databases=(database_id,))
    openai = {"provider": "openai", "credential": "main", "model": "text-embedding-3-small", "dimension": 64}
    columns = (
        {"name": "title", "type": "TEXT"},
        {"name": "year", "type": "INT"},
        vector("plot", None, embedding=openai, index={"metric": "COSINE"}),
        vector("scene", None, embedding=LOCAL, index={"metric": "EUCLIDEAN"}),
    )
    table_id = await api.table(database_id, columns=columns, key=("title",))
    rows = [
        {"title": title, "year": 1900 + number, "plot": plot, "scene": scene}
        for number, (title, (plot, scene)) in enumerate(FILMS.items())
    ]
    assert (await api.insert_rows(table_id, *rows))["insertedCount"] == len(rows)
    return table_id


async def points(api: Api, *vectors: list[float] | None, key: tuple[str, ...] = ("id",)) -> str:
    """A table of vectors of the caller's own in `v`, the only vector column.

    The first column of the key says half of a row's place (or, alone, all of it), the next one the whole of it.
    """
    dimension = len(next(each for each in vectors if each))
    columns = (
        *({"name": name, "type": "INT"} for name in key),
        {"name": "shelf", "type": "TEXT"},
        vector("v", dimension, index={"metric": "COSINE"}),
    )
    table_id = await api.table(await api.database(), columns=columns, key=key)
    rows = [
        {name: number // 2 ** (len(key) - at) for at, name in enumerate(key, 1)}
        | {"shelf": "ab"[number % 2], "v": each}
        for number, each in enumerate(vectors)
    ]
    assert (await api.insert_rows(table_id, *rows))["insertedCount"] == len(vectors)
    return table_id
