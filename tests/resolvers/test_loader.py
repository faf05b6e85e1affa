"""Each level of a query is one statement, whatever it branches into."""

from __future__ import annotations

import pytest

from tests.factory import Running
from tests.resolvers.documents import openai
from tests.resolvers.tables import ID, TITLE, vector

DOWN = """
{ organization { integrations { credentials { scopedDatabases { database { name } credential { name } } } } } }"""
ACROSS = """
{ organization { databases { nodes {
  name region { name } scopes { credential { name integration { provider { key } } } }
  availableIntegrations { integration { kind } credentials { name } }
  collections { totalCount nodes { name database { name } embedding { credential { name } integration { kind } status { available } } } }
  collection(name: "books") { id }
} } } }"""
TABLES = """
{ organization { databases(first: 5) { nodes { name
  tables(first: 5) { totalCount nodes { name database { name } primaryKey columns {
    name sourceColumn index { name } table { name } embedding { credential { name } integration { kind } status { available } } } } }
  table(name: "films") { id column(name: "v") { id } }
} } } }"""


async def add(running: Running, name: str) -> None:
    """A database in the scope of a credential, with a collection and a table that use it."""
    home = await running.api.database(name)
    await running.api.credential(name, databases=(home,))
    await running.api.collection(home, "books", embedding=openai(name))
    await running.api.table(home, columns=(ID, TITLE, vector("v", None, embedding=openai(name)), vector("w")))


@pytest.mark.parametrize(("document", "levels"), [(DOWN, 5), (ACROSS, 11), (TABLES, 9)])
async def test_the_number_of_statements_does_not_grow_with_what_is_found(
    running: Running, document: str, levels: int
) -> None:
    await add(running, "library")
    assert len(await running.statements_of(document)) == levels
    for number in range(3):
        await add(running, f"more_{number}")
    assert len(await running.statements_of(document)) == levels


async def test_what_a_mutation_changed_is_read_anew_in_the_same_request(running: Running) -> None:
    api = running.api
    home = await api.database()
    document = """mutation M($home: ID!, $again: ID!) {
      a: createCollection(input: {databaseId: $home, name: "books"}) { collection { database { collections { totalCount } } } }
      refused: createCollection(input: {databaseId: $home, name: "books"}) { collection { id } }
      b: createCollection(input: {databaseId: $again, name: "films"}) { collection { database { collections { totalCount } } } }
    }"""
    answer = (await api.post(document, {"home": home, "again": home})).json()
    counts = [answer["data"][name]["collection"]["database"]["collections"]["totalCount"] for name in ("a", "b")]
    assert counts == [1, 2]
    assert [error["extensions"]["code"] for error in answer["errors"]] == ["ALREADY_EXISTS"]
