"""A collection of texts in the gateway: made, filled, searched, through the API; and where its documents lie in PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from app.store.identifier import collection_table
from bench.load import Client
from bench.texts import ALIKE, Texts
from resolvers.node import split

MOST = 1000
"""Documents of a call."""

DATABASE = "mutation D($name: String!) { createDatabase(input: {name: $name}) { database { id } } }"
COLLECTION = """
mutation C($id: ID!, $name: String!) {
  createCollection(input: {databaseId: $id, name: $name, embedding: {provider: "local", model: "wordllama-256"}}) { collection { id } }
}"""
INSERT = """
mutation I($id: ID!, $documents: [JSONObject!]!) {
  insertDocuments(input: {collectionId: $id, documents: $documents}) { insertedCount }
}"""
SEARCH = """
query S($id: ID!, $text: String, $vector: Vector, $filter: JSONObject) {
  vectorSearch(targetId: $id, query: $text, vector: $vector, filter: $filter) { edges { similarity node { key fields } } }
}"""
BY_TEXT = """
query S($id: ID!, $text: String!) { vectorSearch(targetId: $id, query: $text) { edges { similarity node { key fields } } } }"""
BY_VECTOR = """
query S($id: ID!, $vector: Vector!) { vectorSearch(targetId: $id, vector: $vector) { edges { similarity node { key fields } } } }"""


@dataclass(frozen=True)
class Collection:
    """Its global id, and its table as a statement names it."""

    id: str
    table: str


async def database(client: Client, name: str) -> str:
    """A new database's id."""
    return str((await client(DATABASE, name=name))["createDatabase"]["database"]["id"])


async def create(client: Client, database_id: str, name: str) -> Collection:
    """A new collection that embeds with the local model, all its indexes in place."""
    made = str((await client(COLLECTION, id=database_id, name=name))["createCollection"]["collection"]["id"])
    return Collection(made, collection_table(_key(database_id), _key(made)))


async def insert(client: Client, collection: Collection, documents: Sequence[dict[str, Any]]) -> None:
    """A thousand a call, one call after another. Raises RuntimeError when one is not inserted."""
    for first in range(0, len(documents), MOST):
        part = documents[first : first + MOST]
        told = await client(INSERT, id=collection.id, documents=part)
        if told["insertDocuments"]["insertedCount"] != len(part):
            raise RuntimeError(told)


def hits(told: Any) -> list[tuple[int, float, Any]]:  # noqa: ANN401 - JSON
    """Number of the text, similarity, fields."""
    edges = told["data"]["vectorSearch"]["edges"]
    return [(each["node"]["key"], each["similarity"], _own(each["node"]["fields"])) for each in edges]


def _own(fields: dict[str, Any]) -> dict[str, Any]:
    """Without the key, which is a field for the gateway alone."""
    return {name: value for name, value in fields.items() if name != "_id"}


async def recall(
    client: Client, collection: Collection, texts: Texts, questions: Sequence[int], below: int = 100
) -> float:
    """Of the ten nearest by an exact scan, how many the API answers; `below`: among the texts whose part is below that."""
    found = 0
    for number in questions:
        asked: dict[str, Any] = {"id": collection.id, "text": texts.questions[number]}
        asked |= {} if below == 100 else {"filter": {"part": {"$lt": below}}}
        told = hits(await client.post({"query": SEARCH, "variables": asked}))
        found += near_enough([similarity for _, similarity, _ in told], texts.least(number, 10, below))
    return found / (10 * len(questions))


def near_enough(similarities: Sequence[float], least: float) -> int:
    """How many hits are as near as the tenth of an exact scan: those that are equally near are as good."""
    return sum(each >= least - ALIKE for each in similarities)


def _key(identifier: str) -> UUID:
    known = split(identifier)
    if known is None:
        raise ValueError(identifier)
    return UUID(known[1])
