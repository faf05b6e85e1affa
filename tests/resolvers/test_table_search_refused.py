"""What a search in a table is refused for, before anything is spent on it (rule 31), and what becomes of it when the table changes."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.factory import RefusedError, Running
from tests.fakes.vendor import embed
from tests.resolvers.searching import films, keys, on_circle, points, refused
from tests.resolvers.tables import ID, LOCAL, TITLE, vector

ON_TABLE = """
query Search($id: ID!, $column: String!, $query: String, $vector: Vector) {
  node(id: $id) { ... on Table { vectorSearch(column: $column, query: $query, vector: $vector) { exact } } }
}"""
DROP_COLUMNS = "mutation Drop($input: DropColumnsInput!) { dropColumns(input: $input) { table { id } } }"
NO_INDEX = (
    "update vectorgate.table_column set index_name = null, index_metric = null, index_status = null where name = $1"
)
BUILDING = """
insert into vectorgate.job
    (id, organization_id, database_id, kind, status, target_id, target_name, column_name, details, total, processed, not_before)
select gen_random_uuid(), organization_id, database_id, jobs.kind, 'RUNNING', t.id, t.name, column_name, '{}', 30, processed, 'infinity'
from vectorgate.target t, (values ('BUILD_INDEX', 'scene', 9), ('EMBED_MISSING', 'plot', 8), ('BUILD_INDEX', 'plot', 7))
    as jobs (kind, column_name, processed)
where t.kind = 'TABLE'"""
WHALE = embed("whale", 64)


async def spent(running: Running) -> tuple[int, int]:
    """How often OpenAI was asked, and how many records of usage there are."""
    [row] = await running.sql("select count(*) as number from vectorgate_region.usage")
    return len(running.openai.received), int(row["number"])


async def test_one_vector_column_is_searched_and_it_must_be_one(running: Running) -> None:
    api = running.api
    table_id = await films(api)
    bare = await api.table(await api.database("bare"))
    before = await spent(running)
    refusals: list[tuple[str, dict[str, Any], str]] = [
        (table_id, {}, "ONE_VECTOR_COLUMN_PER_SEARCH"),
        (table_id, {"column": None}, "ONE_VECTOR_COLUMN_PER_SEARCH"),
        (table_id, {"column": "plot,scene"}, "COLUMN_UNKNOWN"),
        (table_id, {"column": "Plot"}, "COLUMN_UNKNOWN"),
        (table_id, {"column": ""}, "COLUMN_UNKNOWN"),
        (table_id, {"column": "title"}, "COLUMN_NOT_VECTOR"),
        (bare, {}, "COLUMN_NOT_VECTOR"),
        (bare, {"column": "title"}, "COLUMN_NOT_VECTOR"),
        (bare, {"column": "plot"}, "COLUMN_UNKNOWN"),
    ]
    for target, arguments, code in refusals:
        for asked in ({"query": "whale"}, {"vector": WHALE}, {"query": "whale", "vector": WHALE}):
            assert (await refused(api, target, **arguments, **asked))[0] == code, arguments
            if arguments.get("column") is not None:
                assert (await refused(api, target, ON_TABLE, **arguments, **asked))[0] == code
    assert await spent(running) == before
    refusal = await api.refusal(
        'query Q($id: ID!) { vectorSearch(targetId: $id, query: "whale") { exact } }', id=table_id
    )
    assert refusal.facts["columns"] == ["plot", "scene"]
    assert "plot, scene" in refusal.errors[0]["message"]


async def test_the_column_needs_an_index_that_is_ready(running: Running) -> None:
    api = running.api
    table_id = await films(api)
    before = await spent(running)

    async def message(**facts: object) -> str:
        refusal = await api.refusal(ON_TABLE, id=table_id, column="plot", query="whale")
        assert refusal.codes == ["COLUMN_NOT_INDEXED"]
        assert refusal.facts | facts == refusal.facts
        assert (await refused(api, table_id, column="plot", vector=WHALE))[0] == "COLUMN_NOT_INDEXED"
        return str(refusal.errors[0]["message"])

    await running.sql("update vectorgate.table_column set index_status = 'FAILED' where name = 'plot'")
    failed = await message(column="plot", status="FAILED", index="plot_index", retryable=False)
    assert "dropVectorIndex" in failed
    assert "createVectorIndex" in failed
    await running.sql("update vectorgate.table_column set index_status = 'BUILDING' where name = 'plot'")
    facts = {"column": "plot", "status": "BUILDING", "index": "plot_index", "retryable": True}
    assert "being built:" in await message(**facts)
    await running.sql(BUILDING)
    building = await message(**facts, jobStatus="RUNNING", processed=7, total=30)
    assert "being built (7 of 30 vectors)" in building
    await running.sql(NO_INDEX, "plot")
    assert "createVectorIndex" in await message(column="plot", retryable=False)
    assert await spent(running) == before
    assert await keys(api, table_id, column="scene", query="dancing") != []


async def test_text_needs_an_integration_on_the_column_and_a_vector_needs_none(running: Running) -> None:
    api = running.api
    table_id = await points(api, *on_circle(2))
    before = await spent(running)
    for document in ("root", ON_TABLE):
        arguments = {"column": "v", "query": "whale"}
        code, facts = await refused(api, table_id, *([document] if document != "root" else []), **arguments)
        assert (code, facts["column"]) == ("EMBEDDING_NOT_CONFIGURED", "v")
    assert await spent(running) == before
    assert await keys(api, table_id, vector=[1, 0]) == [0, 1]


async def test_a_credential_that_is_gone_disables_the_text_searches_of_its_columns_alone(running: Running) -> None:
    api = running.api
    table_id = await films(api)
    await running.sql("delete from vectorgate.scoped_database")
    code, facts = await refused(api, table_id, column="plot", query="whale")
    assert (code, facts["credentialName"]) == ("DATABASE_NOT_IN_SCOPE", "main")
    await running.sql("delete from vectorgate.credential")
    code, facts = await refused(api, table_id, column="plot", query="whale")
    assert (code, facts["credentialName"]) == ("CREDENTIAL_NOT_FOUND", "main")
    assert (await keys(api, table_id, column="plot", vector=WHALE))[0] == "whale"
    assert (await keys(api, table_id, column="scene", query="dancing"))[0] == "ball"


async def test_a_filter_speaks_of_columns_that_are_no_vectors(running: Running) -> None:
    api = running.api
    table_id = await films(api)
    before = await spent(running)
    refusals: list[tuple[dict[str, Any], str]] = [
        ({"plot": WHALE}, "filter.plot"),
        ({"scene": {"$exists": True}}, "filter.scene"),
        ({"unknown": 1}, "filter.unknown"),
        ({"year": "1900"}, "filter.year"),
        ({"$or": [{"title": {"$near": "whale"}}]}, "filter.$or[0].title.$near"),
    ]
    for given, path in refusals:
        code, facts = await refused(api, table_id, column="plot", query="whale", filter=given)
        assert (code, facts["path"]) == ("INVALID_FILTER", path)
    assert await spent(running) == before


async def test_what_is_wrong_with_any_question_is_said_of_rows_too(running: Running) -> None:
    api = running.api
    table_id = await films(api)
    before = await spent(running)
    refusals: list[tuple[dict[str, Any], str]] = [
        ({}, "BAD_INPUT"),
        ({"query": "whale", "vector": WHALE}, "VECTORIZE_AND_VECTOR"),
        ({"query": " "}, "INVALID_VECTORIZE_VALUE"),
        ({"vector": [1] * 63}, "INVALID_VECTOR_LENGTH"),
        ({"vector": [0] * 64}, "INVALID_VECTOR"),
        ({"vector": WHALE, "first": 0}, "BAD_INPUT"),
        ({"vector": WHALE, "min": 1.5}, "BAD_INPUT"),
        ({"vector": WHALE, "after": "x"}, "BAD_INPUT"),
    ]
    for arguments, code in refusals:
        assert (await refused(api, table_id, column="plot", **arguments))[0] == code, arguments
    assert await spent(running) == before
    assert await keys(api, table_id, column="scene", vector=[0.0] * 256) != [], "which EUCLIDEAN compares with"


async def test_a_column_in_migration_is_not_seen(running: Running) -> None:
    api = running.api
    database_id = await api.database()
    own = vector("own", 2, index={})
    table_id = await api.table(database_id, columns=(ID, TITLE, own, vector("new", None, embedding=LOCAL, index={})))
    assert (await refused(api, table_id, vector=[1, 0]))[0] == "ONE_VECTOR_COLUMN_PER_SEARCH"
    await running.sql("update vectorgate.table_column set migrating = true where name = 'new'")
    assert await keys(api, table_id, vector=[1, 0]) == []
    code, _ = await refused(api, table_id, column="new", query="whale")
    assert code == "COLUMN_UNKNOWN"


async def test_who_may_not_read_is_told_after_what_is_not_there_and_before_what_is_wrong(running: Running) -> None:
    table_id = await points(running.api, [1, 0])
    async with await running.other_organization() as other:
        assert (await refused(other, table_id, column="v", vector=[1, 0]))[0] == "NOT_FOUND"
    async with await running.api.with_token("Read-Only User") as nobody:
        assert await keys(nobody, table_id, vector=[1, 0]) == [0]
        await running.sql("update vectorgate.access_token set roles = '{}' where not bootstrap")
        code, facts = await refused(nobody, table_id, column="unknown", first=0)
        assert (code, facts["permission"]) == ("PERMISSION_DENIED", "READ_DATA")
    async with await running.api.with_token("Read-Only User", databaseIds=[]) as elsewhere:
        assert (await refused(elsewhere, table_id, column="v", vector=[1, 0]))[0] == "NOT_FOUND"


# --- tables that change while they are searched ---
async def test_a_column_that_is_dropped_while_the_text_is_embedded_is_not_missed(running: Running) -> None:
    """The search begins anew with the table as it is then, and the text is not embedded again."""
    table_id = await films(running.api)
    asked = len(running.openai.received)
    found = await dropping("year", running, table_id, query="the white whale")
    assert found["edges"][0]["node"]["fields"] == {"title": "whale"}
    assert running.openai.texts[asked:] == [["the white whale"]]


@pytest.mark.parametrize(
    ("column", "given", "code"), [("plot", None, "COLUMN_UNKNOWN"), ("year", {"year": 1900}, "INVALID_FILTER")]
)
async def test_a_search_whose_own_column_is_dropped_meanwhile_says_so(
    running: Running, column: str, given: dict[str, int] | None, code: str
) -> None:
    table_id = await films(running.api)
    with pytest.raises(RefusedError) as refusal:
        await dropping(column, running, table_id, query="the white whale", filter=given)
    assert refusal.value.codes == [code]


async def dropping(column: str, running: Running, table_id: str, **arguments: Any) -> Any:  # noqa: ANN401 - JSON
    """A search by `plot`; the column is dropped while OpenAI embeds its text."""
    running.openai.gate.clear()
    search = asyncio.create_task(running.api.search(table_id, column="plot", **arguments))
    await running.openai.until_in_flight(1)
    await running.sql(NO_INDEX, column)
    await running.api(DROP_COLUMNS, input={"tableId": table_id, "columns": [column]})
    running.openai.gate.set()
    return await search
