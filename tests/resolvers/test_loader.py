"""Each level of a query is one statement, whatever it branches into."""

from __future__ import annotations

import pytest

from tests.factory import Running
from tests.resolvers.documents import openai
from tests.resolvers.tables import ID, TITLE, vector
from tests.socket_client import socket

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


SIBLINGS = """
query S($id: ID!) {
  __schema { queryType { name } }
  a: node(id: $id) { ... on Database { collections(first: 0) { nodes { name } } scopes { addedAt } } }
  b: node(id: $id) { ... on Database { name scopes { addedAt } } }
}"""
"""With the schema asked for, graphql-core executes it: where a field that may not be null fails, it cancels the fields beside it."""


async def test_a_field_that_fails_takes_what_it_shares_from_no_other(running: Running) -> None:
    home = await running.api.database("library")
    expected = {"a": None, "b": {"name": "library", "scopes": []}}
    answer = (await running.api.post(SIBLINGS, {"id": home})).json()
    assert {name: answer["data"][name] for name in expected} == expected
    assert [each["path"][0] for each in answer["errors"]] == ["a"]
    async with socket(running.url) as client:
        await client.init()
        await client.ask("1", SIBLINGS, id=home)
        told = (await client.heard())["payload"]
        assert {name: told["data"][name] for name in expected} == expected
