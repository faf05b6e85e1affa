"""Vector search in tables over HTTP: one vector column a search, through its own integration and by its own index (rules 31 to 33)."""

from __future__ import annotations

import json

import pytest

from tests.factory import Api, Run, Running
from tests.fakes.serving import serve
from tests.fakes.vendor import embed
from tests.fakes.voyage_ai import VoyageAIFake
from tests.resolvers.searching import films, keys, on_circle, points
from tests.resolvers.tables import ID, vector

ON_TABLE = """
query Search(
  $id: ID!, $column: String!, $query: String, $vector: Vector, $first: Int! = 10, $after: String, $filter: JSONObject, $min: Float
) {
  node(id: $id) { ... on Table {
    vectorSearch(column: $column, query: $query, vector: $vector, first: $first, after: $after, filter: $filter, minSimilarity: $min) {
      edges { cursor similarity distance node { id key fields } }
      pageInfo { hasNextPage endCursor }
      exact model usage { promptTokens totalTokens cached }
    }
  } }
}"""
SCENE = """
query Scene($id: ID!, $query: String, $vector: Vector) {
  vectorSearch(targetId: $id, column: "scene", query: $query, vector: $vector) { queryVector nodes { id } }
}"""


async def test_each_vector_column_is_searched_through_its_own_integration(running: Running) -> None:
    api = running.api
    table_id = await films(api)
    asked = len(running.openai.received)
    by_plot = await api.search(table_id, column="plot", query="the white whale")
    assert by_plot["edges"][0]["node"]["key"] == "whale"
    assert by_plot["edges"][0]["node"]["fields"] == {"title": "whale", "year": 1900}
    assert by_plot["model"] == "text-embedding-3-small"
    assert by_plot["usage"]["totalTokens"] > 0
    assert running.openai.texts[asked:] == [["the white whale"]]
    by_vector = await api.search(table_id, column="plot", vector=embed("the white whale", 64))
    assert [edge["node"] for edge in by_vector["edges"]] == [edge["node"] for edge in by_plot["edges"]]
    assert (by_vector["model"], by_vector["usage"], by_vector["exact"]) == (None, None, True)

    by_scene = await api.search(table_id, column="scene", query="dancing")
    assert by_scene["edges"][0]["node"]["key"] == "ball"
    assert by_scene["model"] == "wordllama-256"
    by_text = (await api(SCENE, id=table_id, query="dancing"))["vectorSearch"]
    assert len(by_text["queryVector"]) == 256
    assert (await api(SCENE, id=table_id, vector=by_text["queryVector"]))["vectorSearch"] == by_text
    assert len(running.openai.received) == asked + 1


async def test_rows_are_embedded_as_documents_and_searched_with_a_query(run: Run) -> None:
    fake = VoyageAIFake("pa-secret")
    async with serve(fake) as url:
        api = (await run(provider_urls=json.dumps({"voyageAI": url + fake.base}))).api
        database_id = await api.database()
        await api.credential(key="pa-secret", databases=(database_id,), provider="voyageAI")
        voyage = {"provider": "voyageAI", "credential": "main", "model": "voyage-3.5", "dimension": 256}
        table_id = await api.table(database_id, columns=(ID, vector("v", None, embedding=voyage, index={})))
        await api.insert_rows(table_id, {"id": 1, "v": "a white whale"}, {"id": 2, "v": "a palm tree"})
        assert await keys(api, table_id, query="the white whale") == [1, 2]
    assert [each.body["input_type"] for each in fake.received] == ["document", "query"]


async def test_the_metric_is_that_of_the_column_s_index(api: Api) -> None:
    table_id = await films(api)
    for column, text in (("plot", "a ball in a country house"), ("scene", "dancers in a hall")):
        found = await api.search(table_id, column=column, query=text)
        assert found["edges"][0]["distance"] == pytest.approx(0, abs=1e-3)
        for edge in found["edges"]:
            similar = 1 - edge["distance"] / 2 if column == "plot" else 1 / (1 + edge["distance"] ** 2)
            assert edge["similarity"] == pytest.approx(similar)


async def test_a_search_on_a_table_is_the_search_at_the_root(api: Api) -> None:
    table_id = await points(api, *on_circle(5))
    arguments = {"column": "v", "vector": [1, 0], "first": 2, "filter": {"id": {"$gt": 0}}, "min": 0.5}
    at_root = await api.search(table_id, **arguments)
    on_it = (await api(ON_TABLE, id=table_id, **arguments))["node"]["vectorSearch"]
    assert on_it == at_root
    assert [edge["node"]["fields"] for edge in on_it["edges"]] == [{"id": 1, "shelf": "b"}, {"id": 2, "shelf": "a"}]
    after = at_root["pageInfo"]["endCursor"]
    assert await keys(api, table_id, **arguments, after=after) == [3, 4]


async def test_what_is_found_are_rows(api: Api) -> None:
    table_id = await points(api, [1, 0], None, [0, 1], key=("half", "whole"))
    asked = """
    query Q($id: ID!, $column: String!) {
      vectorSearch(targetId: $id, vector: [0, 1]) {
        nodes { __typename id key ... on Row { vector(column: $column) table { id name } } }
      }
    }"""
    found = (await api(asked, id=table_id, column="v"))["vectorSearch"]["nodes"]
    assert [(each["__typename"], each["vector"]) for each in found] == [("Row", [0, 1]), ("Row", [1, 0])]
    assert found[0]["key"] == {"half": 1, "whole": 2}
    assert found[0]["table"] == {"id": table_id, "name": "films"}
    again = await api("query N($id: ID!) { node(id: $id) { ... on Row { key } } }", id=found[0]["id"])
    assert again["node"] == {"key": found[0]["key"]}


async def test_the_only_vector_column_need_not_be_named(api: Api) -> None:
    table_id = await points(api, *on_circle(3))
    assert await keys(api, table_id, vector=[1, 0]) == [0, 1, 2]
    assert await keys(api, table_id, column="v", vector=[1, 0]) == [0, 1, 2]


async def test_a_text_search_takes_two_statements_and_reads_the_selected_columns_only(running: Running) -> None:
    table_id = await films(running.api)
    columns = await running.sql("select name, replace(id::text, '-', '') as number from vectorgate.table_column")

    async def read(selection: str) -> set[str]:
        query = f'query Q($id: ID!) {{ vectorSearch(targetId: $id, column: "plot", query: "whale") {{ {selection} }} }}'
        resolve, search = await running.statements_of(query, id=table_id)
        assert "left join vectorgate.credential" in resolve
        listed = search.partition(", (")[0].partition("select ")[2]
        return {each["name"] for each in columns if each["number"] in listed}

    assert await read("exact queryVector") == {"title"}
    assert await read("edges { similarity node { id key } }") == {"title"}
    assert await read("nodes { fields }") == {"title", "year"}
    assert await read('nodes { ... on Row { vector(column: "scene") } }') == {"title", "scene"}


async def test_above_4000_dimensions_searches_are_exact(api: Api) -> None:
    unit = [[float(at == number) for at in range(4096)] for number in range(3)]
    table_id = await points(api, *unit)
    found = await api.search(table_id, vector=[0.1, 0.9] + [0.0] * 4094)
    assert [edge["node"]["key"] for edge in found["edges"]] == [1, 0, 2]
    assert found["exact"]


async def test_a_filter_on_typed_columns_never_comes_up_short(api: Api) -> None:
    table_id = await points(api, *on_circle(40), None)
    for given, expected in (
        ({"shelf": "b"}, list(range(1, 40, 2))),
        ({"id": {"$gte": 30}, "shelf": {"$in": ["a", "c"]}}, [30, 32, 34, 36, 38]),
        ({"$not": {"id": {"$lt": 38}}}, [38, 39]),
        ({"id": 99}, []),
    ):
        assert await keys(api, table_id, vector=[1, 0], first=50, filter=given) == expected
        assert await keys(api, table_id, vector=[1, 0], first=3, filter=given) == expected[:3]
        page = await api.search(table_id, vector=[1, 0], first=2, filter=given)
        assert page["pageInfo"]["hasNextPage"] is (len(expected) > 2)
