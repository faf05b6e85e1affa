"""What pages take for granted. A page's front matter names it, `given: [database, credential]`, and it is made in that order."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from tests.factory import KEY, SECOND_KEY, Api

Known = dict[str, Any]

SECRETS = {"your-openai-key": KEY, "your-new-openai-key": SECOND_KEY}
"""What a reader has from the provider; the fake of OpenAI accepts both."""

BOOKS = (
    {"_id": "moby-dick", "year": 1851, "$vectorize": "A captain hunts a white whale across the oceans."},
    {"_id": "frankenstein", "year": 1818, "$vectorize": "A scientist gives life to a creature and flees from it."},
    {"_id": "time-machine", "year": 1895, "$vectorize": "An inventor travels to the far future of mankind."},
)
LOCAL = {"provider": "local", "model": "wordllama-256"}
OPENAI = {"provider": "openai", "credential": "production", "model": "text-embedding-3-small", "dimension": 512}


async def database(api: Api, known: Known) -> None:
    """The database `library`."""
    known["database"] = await api.database("library")


async def archive(api: Api, known: Known) -> None:
    """A second database, `archive`."""
    known["archive"] = await api.database("archive")


async def credential(api: Api, known: Known) -> None:
    """The OpenAI credential `production`, its scope the database `library`."""
    known["credential"] = await api.credential("production", databases=(known["database"],))


async def books(api: Api, known: Known) -> None:
    """The collection `books` with three documents, embedded with the local model."""
    known["books"] = await api.collection(known["database"], "books", embedding=LOCAL)
    await api.insert(known["books"], *BOOKS)


async def articles(api: Api, known: Known) -> None:
    """The collection `articles`, empty, which embeds through the credential `production`."""
    known["articles"] = await api.collection(known["database"], "articles", embedding=OPENAI)


async def films(api: Api, known: Known) -> None:
    """The table `films` with two rows, whose column `meaning` follows `plot` with the local model."""
    meaning = {"name": "meaning", "type": "VECTOR", "embedding": LOCAL, "sourceColumn": "plot", "index": {}}
    plain = ({"name": "id", "type": "INT"}, {"name": "title", "type": "TEXT"}, {"name": "plot", "type": "TEXT"})
    known["films"] = await api.table(known["database"], "films", (*plain, meaning))
    await api.insert_rows(
        known["films"],
        {"id": 1, "title": "Jaws", "plot": "A police chief hunts a shark that kills swimmers."},
        {"id": 2, "title": "Alien", "plot": "A creature kills the crew of a spaceship, one by one."},
    )


GIVEN: Mapping[str, Callable[[Api, Known], Awaitable[None]]] = {
    each.__name__: each for each in (database, archive, credential, books, articles, films)
}
