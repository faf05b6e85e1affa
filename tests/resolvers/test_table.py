"""Tables over HTTP: what is checked when one is created, what it is then, and that nothing of a refused one stays (rule 26)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from app.access import BUILT_IN, Permission, Role
from tests.factory import CREATE_TABLE, Api, Place, Running
from tests.resolvers.documents import DROP_DATABASE, NODE, openai
from tests.resolvers.tables import (
    ADD_COLUMNS,
    ATTACH,
    CREATE_INDEX,
    DETACH,
    DROP_COLUMNS,
    DROP_INDEX,
    DROP_TABLE,
    ID,
    LOCAL,
    TITLE,
    physical,
    table,
    vector,
)

EVERY_TYPE: tuple[dict[str, Any], ...] = tuple(
    {"name": kind.lower(), "type": kind} for kind in ("TEXT", "INT", "BIGINT", "DOUBLE", "BOOLEAN")
)
REST: tuple[dict[str, Any], ...] = tuple(
    {"name": kind.lower(), "type": kind, "nullable": False} for kind in ("TIMESTAMP", "UUID", "JSON")
)


async def library(running: Running) -> str:
    """A database in the scope of the OpenAI credential `main`."""
    identifier = await running.api.database()
    await running.api.credential(databases=(identifier,))
    return identifier


async def operator_classes(running: Running) -> list[str]:
    """Of all vector indexes that are there."""
    rows = await running.sql(
        "select indexdef from pg_indexes where schemaname like 'vg\\_%' and indexdef like '%hnsw%'"
    )
    return sorted(row["indexdef"].rstrip(")").split()[-1] for row in rows)


# --- what a table is ---
async def test_columns_are_as_they_were_asked_for_and_in_that_order(running: Running) -> None:
    api, home = running.api, await library(running)
    columns = (*EVERY_TYPE, *REST, vector("own", 16_000), vector("local", None, embedding=LOCAL))
    found = await table(api, await api.table(home, columns=columns, key=("uuid", "text")))
    assert (found["name"], found["primaryKey"], found["database"]) == ("films", ["uuid", "text"], {"name": "library"})
    assert list(found["columns"]) == [each["name"] for each in columns]
    kinds = {name: (each["type"], each["nullable"], each["dimension"]) for name, each in found["columns"].items()}
    assert kinds == {
        "text": ("TEXT", False, None),
        "int": ("INT", True, None),
        "bigint": ("BIGINT", True, None),
        "double": ("DOUBLE", True, None),
        "boolean": ("BOOLEAN", True, None),
        "timestamp": ("TIMESTAMP", False, None),
        "uuid": ("UUID", False, None),
        "json": ("JSON", False, None),
        "own": ("VECTOR", True, 16_000),
        "local": ("VECTOR", True, 256),
    }
    assert all(each["index"] is None and each["sourceColumn"] is None for each in found["columns"].values())
    assert (found["columns"]["own"]["embedding"], found["columns"]["int"]["embedding"]) == (None, None)
    stored = await running.sql("""
        select format_type(atttypid, atttypmod) as type, attnotnull, collname from pg_attribute join pg_class c on c.oid = attrelid
        left join pg_collation o on o.oid = attcollation where relname like 't\\_%' and relkind = 'r' and attnum > 0 order by attnum""")
    assert [tuple(row.values()) for row in stored] == [
        ("text", True, "C"),
        ("integer", False, None),
        ("bigint", False, None),
        ("double precision", False, None),
        ("boolean", False, None),
        ("timestamp with time zone", True, None),
        ("uuid", True, None),
        ("jsonb", True, None),
        ("vector(16000)", False, None),
        ("vector(256)", False, None),
        ("timestamp with time zone", True, None),
    ]


async def test_vector_columns_have_each_its_own_integration_model_dimension_and_index(running: Running) -> None:
    api, home = running.api, await library(running)
    columns = (
        vector("a", None, embedding=openai(dimension=None), sourceColumn="title", index={"metric": "DOT_PRODUCT"}),
        ID,
        TITLE,
        vector("b", 64, embedding=openai(dimension=None), index={}),
        vector("c", 64, embedding=openai(dimension=64), index={"name": "mine", "metric": "EUCLIDEAN"}),
        vector("d", 256, embedding=LOCAL),
        vector("e", 2_001, index={}),
        vector("f", 4_001, index={}),
    )
    found = (await table(api, await api.table(home, columns=columns)))["columns"]
    assert {name: found[name]["dimension"] for name in "abcdef"} == {
        "a": 1536,
        "b": 64,
        "c": 64,
        "d": 256,
        "e": 2_001,
        "f": 4_001,
    }
    assert (found["a"]["sourceColumn"], found["b"]["sourceColumn"]) == ("title", None)
    assert found["a"]["embedding"] == {
        "provider": {"key": "openai"},
        "credentialName": "main",
        "model": "text-embedding-3-small",
        "dimension": 1536,
        "parameters": {},
        "status": {"available": True, "reason": None},
    }
    assert (found["b"]["embedding"]["dimension"], found["d"]["embedding"]["model"]) == (64, "wordllama-256")
    assert [found[name]["index"] for name in "abcdef"] == [
        {"name": "a_index", "metric": "DOT_PRODUCT", "status": "READY"},
        {"name": "b_index", "metric": "COSINE", "status": "READY"},
        {"name": "mine", "metric": "EUCLIDEAN", "status": "READY"},
        None,
        {"name": "e_index", "metric": "COSINE", "status": "READY"},
        {"name": "f_index", "metric": "COSINE", "status": "READY"},
    ]
    expected = ["halfvec_cosine_ops", "vector_cosine_ops", "vector_ip_ops", "vector_l2_ops"]
    assert await operator_classes(running) == expected, "beyond 4,000 dimensions there is none"
    assert running.openai.received == [], "nothing is embedded to create a table"


async def test_an_index_without_a_name_gets_a_free_one_within_the_length_of_names(api: Api) -> None:
    long, longer = "v" * 48, "v" * 47 + "w"
    columns = (
        ID,
        vector(long, index={}),
        vector(longer, index={}),
        vector("a", index={"name": "b_index"}),
        vector("b", index={}),
    )
    found = (await table(api, await api.table(await api.database(), columns=columns)))["columns"]
    names = [found[name]["index"]["name"] for name in (long, longer, "a", "b")]
    assert names == ["v" * 42 + "_index", "v" * 41 + "_index2", "b_index", "b_index2"]


async def test_tables_and_columns_are_found_by_name_by_page_and_by_id(api: Api) -> None:
    here, there = await api.database("here"), await api.database("there")
    for home in (here, there):
        for number in range(3):
            await api.table(home, f"films_{number}")
    asked = """query P($after: String) { organization { databases { nodes { name
      table(name: "films_1") { name column(name: "title") { name } none: column(name: "Title") { name } }
      none: table(name: "Films_1") { id }
      tables(first: 2, after: $after) {
        totalCount nodes { name columns { id name table { name } } } pageInfo { hasNextPage endCursor }
      } } } } }"""
    first = (await api(asked))["organization"]["databases"]["nodes"]
    for page in first:
        assert page["table"] == {"name": "films_1", "column": {"name": "title"}, "none": None}
        assert page["none"] is None
        assert [each["name"] for each in page["tables"]["nodes"]] == ["films_0", "films_1"]
        assert (page["tables"]["totalCount"], page["tables"]["pageInfo"]["hasNextPage"]) == (3, True)
    rest = (await api(asked, after=first[1]["tables"]["pageInfo"]["endCursor"]))["organization"]["databases"]["nodes"][
        1
    ]
    assert [each["name"] for each in rest["tables"]["nodes"]] == ["films_2"]
    assert not rest["tables"]["pageInfo"]["hasNextPage"]
    column = first[0]["tables"]["nodes"][0]["columns"][1]
    assert (column["name"], column["table"]) == ("title", {"name": "films_0"})
    assert (await api(NODE, id=column["id"]))["node"] == {"id": column["id"], "__typename": "Column"}


# --- refusals ---
def keyed(*columns: dict[str, Any], key: list[str] | None = None) -> dict[str, Any]:
    return {"columns": [ID, TITLE, *columns], "primaryKey": ["id"] if key is None else key}


REFUSALS: list[tuple[dict[str, Any], str, dict[str, Any]]] = [
    ({"databaseId": "nonsense"}, "NOT_FOUND", {}),
    ({"name": ""}, "BAD_INPUT", {"limit": 48, "actual": 0}),
    ({"name": 'films"; drop schema vectorgate cascade; --'}, "BAD_INPUT", {"limit": 48}),
    ({"name": "taken"}, "ALREADY_EXISTS", {"database": "library"}),
    ({"name": "books"}, "ALREADY_EXISTS", {"database": "library"}),
    (keyed({"name": "a b", "type": "INT"}), "BAD_INPUT", {"limit": 48, "actual": 3}),
    (keyed({"name": '"', "type": "INT"}), "BAD_INPUT", {"limit": 48, "actual": 1}),
    (keyed({"name": "c" * 49, "type": "INT"}), "BAD_INPUT", {"limit": 48, "actual": 49}),
    (keyed({"name": "title", "type": "INT"}), "BAD_INPUT", {"column": "title"}),
    ({"columns": [], "primaryKey": ["id"]}, "COLUMN_UNKNOWN", {}),
    ({"columns": [], "primaryKey": []}, "BAD_INPUT", {"limit": 1, "actual": 0}),
    (
        keyed(*({"name": f"c{number}", "type": "INT"} for number in range(199))),
        "LIMIT_EXCEEDED",
        {"limit": 200, "actual": 201},
    ),
    # the primary key
    (keyed(key=[]), "BAD_INPUT", {"limit": 1, "actual": 0}),
    (keyed(key=["nobody"]), "COLUMN_UNKNOWN", {}),
    (keyed(key=["id", "id"]), "BAD_INPUT", {}),
    (keyed({"name": "j", "type": "JSON"}, key=["j"]), "BAD_INPUT", {"column": "j"}),
    (keyed(vector(), key=["id", "v"]), "BAD_INPUT", {"column": "v"}),
    (
        keyed(
            *({"name": f"c{number}", "type": "INT"} for number in range(17)), key=[f"c{number}" for number in range(17)]
        ),
        "LIMIT_EXCEEDED",
        {"limit": 16, "actual": 17},
    ),
    # what belongs to vectors
    (keyed({"name": "a", "type": "TEXT", "dimension": 3}), "COLUMN_NOT_VECTOR", {"column": "a"}),
    (keyed({"name": "a", "type": "TEXT", "embedding": LOCAL}), "COLUMN_NOT_VECTOR", {"column": "a"}),
    (keyed({"name": "a", "type": "TEXT", "sourceColumn": "title"}), "COLUMN_NOT_VECTOR", {"column": "a"}),
    (keyed({"name": "a", "type": "TEXT", "index": {}}), "COLUMN_NOT_VECTOR", {"column": "a"}),
    (keyed(vector("v", None)), "BAD_INPUT", {"column": "v"}),
    (keyed(vector("v", 0)), "UNSUPPORTED_VECTOR_DIMENSION", {"limit": 16_000, "actual": 0}),
    (keyed(vector("v", 16_001)), "UNSUPPORTED_VECTOR_DIMENSION", {"limit": 16_000, "actual": 16_001}),
    (keyed(vector("v", 255, embedding=LOCAL)), "UNSUPPORTED_VECTOR_DIMENSION", {"provider": "local"}),
    (
        keyed(vector("v", 64, embedding=openai(dimension=65))),
        "UNSUPPORTED_VECTOR_DIMENSION",
        {"limit": 64, "actual": 65},
    ),
    (keyed(vector(sourceColumn="title")), "BAD_INPUT", {"column": "v"}),
    (keyed(vector("v", None, embedding=LOCAL, sourceColumn="nobody")), "COLUMN_UNKNOWN", {"column": "v"}),
    (keyed(vector("v", None, embedding=LOCAL, sourceColumn="v")), "BAD_INPUT", {"column": "v"}),
    (keyed(vector("v", None, embedding=LOCAL, sourceColumn="id")), "BAD_INPUT", {"column": "v"}),
    (keyed(vector("v", None, embedding=LOCAL, sourceColumn="title", nullable=False)), "BAD_INPUT", {"column": "v"}),
    (keyed(vector(index={"name": "my index"})), "BAD_INPUT", {"limit": 48, "actual": 8}),
    (keyed(vector(index={"name": "i"}), vector("w", index={"name": "i"})), "ALREADY_EXISTS", {"column": "w"}),
    # what an attachment needs
    (keyed(vector("v", None, embedding={**LOCAL, "provider": "astrology"})), "PROVIDER_UNKNOWN", {}),
    (keyed(vector("v", None, embedding={**LOCAL, "credential": "main"})), "BAD_INPUT", {"provider": "local"}),
    (
        keyed(vector("v", None, embedding={**LOCAL, "provider": "jinaAI"})),
        "INTEGRATION_NOT_ENABLED",
        {"provider": "jinaAI"},
    ),
    (keyed(vector("v", None, embedding=openai("mian"))), "CREDENTIAL_NOT_FOUND", {"credentialName": "mian"}),
    (keyed(vector("v", None, embedding=openai("narrow"))), "DATABASE_NOT_IN_SCOPE", {"credentialName": "narrow"}),
    (keyed(vector("v", None, embedding=openai(model="text-embedding-9"))), "MODEL_UNKNOWN", {"provider": "openai"}),
    (keyed(vector("v", None, embedding=openai(parameters={"a": 1}))), "INVALID_PROVIDER_PARAMETERS", {}),
]


async def test_whatever_does_not_fit_is_refused_under_its_code_and_leaves_nothing(running: Running) -> None:
    api, home = running.api, await library(running)
    await api.credential("narrow")
    await api.table(home, "taken")
    await api.collection(home, "books")
    before = await physical(running)
    for given, code, facts in REFUSALS:
        refused = await api.refusal(CREATE_TABLE, input={"databaseId": home, "name": "films", **keyed(), **given})
        assert (refused.codes, {name: refused.facts.get(name) for name in facts}) == ([code], facts), given
        assert refused.facts["family"] == "REQUEST"
    assert await physical(running) == before
    assert len(await running.sql("select from vectorgate.target")) == 2
    assert len(await running.sql("select from vectorgate.table_column")) == 2
    assert await running.sql("select from vectorgate.attachment") == []
    await api.table(home, "films")


async def test_a_table_takes_as_many_columns_and_key_columns_as_is_said(api: Api) -> None:
    columns = tuple({"name": f"c{number}", "type": "TEXT"} for number in range(200))
    key = tuple(f"c{number}" for number in range(16))
    found = await table(api, await api.table(await api.database(), columns=columns, key=key))
    assert (len(found["columns"]), len(found["primaryKey"])) == (200, 16)


async def test_columns_with_an_index_need_the_permission_for_indexes_too(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    some = Role("Designer of tables", frozenset({Permission.CREATE_TABLE}), "Tables without indexes.")
    monkeypatch.setitem(BUILT_IN, some.name, some)
    api, home = running.api, await running.api.database()
    async with (
        await api.with_token("Designer of tables") as designer,
        await api.with_token("Read/Write User") as writer,
    ):
        given = {"databaseId": home, "name": "films", **keyed(vector(index={}))}
        refused = await designer.refusal(CREATE_TABLE, input=given)
        assert (refused.codes, refused.facts["permission"]) == (["PERMISSION_DENIED"], "CREATE_INDEX")
        refused = await writer.refusal(CREATE_TABLE, input=given)
        assert (refused.codes, refused.facts["permission"]) == (["PERMISSION_DENIED"], "CREATE_TABLE")
        assert await physical(running) == []
        await designer(CREATE_TABLE, input=given | keyed(vector()))


# --- dropping ---
async def test_dropping_needs_the_name_and_removes_everything_of_the_table(running: Running) -> None:
    api, home = running.api, await library(running)
    films = await api.table(home, "films", columns=(ID, vector("v", None, embedding=openai(), index={})))
    await api.table(home, "actors")
    column = (await table(api, films))["columns"]["v"]["id"]
    for name in ("Films", "library", ""):
        assert (await api.refusal(DROP_TABLE, id=films, name=name)).codes == ["CONFIRMATION_MISMATCH"]
    assert len(await physical(running)) == 2
    dropped = (await api(DROP_TABLE, id=films, name="films"))["dropTable"]
    assert dropped["droppedTableId"] == films
    assert dropped["database"] == {"name": "library", "tables": {"nodes": [{"name": "actors"}]}}
    assert len(await physical(running)) == 1
    assert await running.sql("select from vectorgate.attachment") == []
    assert await running.sql("select from vectorgate.debris") == []
    assert [(await api(NODE, id=each))["node"] for each in (films, column)] == [None, None]
    assert (await api.refusal(DROP_TABLE, id=films, name="films")).codes == ["NOT_FOUND"]
    await api.table(home, "films")


async def test_a_dropped_database_takes_its_tables_along(running: Running) -> None:
    api, home = running.api, await running.api.database()
    films = await api.table(home)
    await api(DROP_DATABASE, id=home, name="library")
    assert (await api(NODE, id=films))["node"] is None
    assert await physical(running) == []
    assert await running.sql("select from vectorgate.target") == []


# --- races and faults ---
async def test_of_many_creations_with_one_name_one_succeeds(running: Running) -> None:
    given = {"databaseId": await running.api.database(), "name": "films", **keyed(vector(index={}))}
    answers = await asyncio.gather(*(running.api.post(CREATE_TABLE, {"input": given}) for _ in range(6)))
    codes = [[each["extensions"]["code"] for each in answer.json().get("errors", ())] for answer in answers]
    assert sorted(codes) == [[]] + [["ALREADY_EXISTS"]] * 5
    assert len(await physical(running)) == 1


async def test_a_region_that_fails_leaves_no_trace_and_the_name_free(two_regions: Running, place: Place) -> None:
    api = two_regions.api
    given = {"databaseId": await api.database("library", region="europe"), "name": "films"}
    given |= keyed(vector("v", None, embedding=LOCAL))
    await place.away()
    assert (await api.refusal(CREATE_TABLE, input=given)).codes == ["DATABASE_UNAVAILABLE"]
    for kind in ("target", "table_column", "attachment"):
        assert await two_regions.sql(f"select from vectorgate.{kind}") == []
    await place.back()
    await api(CREATE_TABLE, input=given)


async def test_a_region_that_is_away_refuses_every_change_before_anything_is_changed_and_no_drop(
    two_regions: Running, place: Place
) -> None:
    api = two_regions.api
    columns = (ID, TITLE, vector("v", 256, embedding=LOCAL), vector("w", index={}))
    films = await api.table(await api.database("library", region="europe"), columns=columns)
    before = await table(api, films)
    await place.away()
    for document, given in (
        (ADD_COLUMNS, {"columns": [{"name": "year", "type": "INT"}]}),
        (DROP_COLUMNS, {"columns": ["title"]}),
        (ATTACH, {"column": "v", "embedding": LOCAL, "replace": True}),
        (DETACH, {"column": "v"}),
        (CREATE_INDEX, {"column": "v"}),
        (DROP_INDEX, {"name": "w_index"}),
    ):
        refused = await api.refusal(document, id=films, **given)
        assert (refused.codes, refused.facts["retryable"]) == (["DATABASE_UNAVAILABLE"], True), given
    assert await table(api, films) == before
    await api(DROP_TABLE, id=films, name="films")
    assert len(await two_regions.sql("select from vectorgate.debris where column_id is null")) == 1
    await place.back()


async def test_another_organization_and_a_token_of_other_databases_see_nothing_of_a_table(running: Running) -> None:
    api = running.api
    here, there = await api.database("here"), await api.database("there")
    films = await api.table(here)
    column = (await table(api, films))["columns"]["id"]["id"]
    asked = 'query D($id: ID!) { node(id: $id) { ... on Database { tables { totalCount nodes { name } } table(name: "films") { id } } } }'
    async with (
        await running.other_organization() as stranger,
        await api.with_token("Organization Administrator", databaseIds=[there]) as limited,
    ):
        for client in (stranger, limited):
            assert [(await client(NODE, id=each))["node"] for each in (films, column)] == [None, None]
            assert (await client(asked, id=here))["node"] is None
            assert (await client.refusal(DROP_TABLE, id=films, name="films")).codes == ["NOT_FOUND"]
            refused = await client.refusal(CREATE_TABLE, input={"databaseId": here, "name": "more", **keyed()})
            assert refused.codes == ["NOT_FOUND"]
        assert (await limited(asked, id=there))["node"] == {"tables": {"totalCount": 0, "nodes": []}, "table": None}
    assert len(await physical(running)) == 1
