"""Collections to search in, and what the tests of searching read out of its answers."""

from __future__ import annotations

import math
from typing import Any

from tests.factory import SEARCH, Api

BOOKS = {
    "whale": "a captain hunts a white whale",
    "island": "a sailor on an island",
    "ball": "a ball in a country house",
}


async def keys(api: Api, collection_id: str, **arguments: Any) -> list[Any]:  # noqa: ANN401 - JSON
    return [edge["node"]["key"] for edge in (await api.search(collection_id, **arguments))["edges"]]


async def refused(api: Api, collection_id: str, document: str = SEARCH, **arguments: Any) -> tuple[str, dict[str, Any]]:  # noqa: ANN401 - JSON
    """Code and facts of a search that is refused."""
    refusal = await api.refusal(document, id=collection_id, **arguments)
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
