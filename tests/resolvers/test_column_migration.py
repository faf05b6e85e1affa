"""migrateVectorColumn over HTTP: what it refuses, what it leaves behind when it fails or is cancelled, and what it moves."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from app.domain import column_migration
from app.store import missing
from tests.factory import KEY, Api, RefusedError, Running
from tests.fakes.vendor import embed
from tests.meanwhile import within
from tests.patience import until
from tests.resolvers.tables import ATTACH, DETACH, DROP_COLUMNS, ID, LOCAL, TITLE, physical_columns, table, vector

MIGRATE = """
mutation M($id: ID!, $column: String!, $embedding: EmbeddingInput!, $source: String) {
  migrateVectorColumn(input: {tableId: $id, column: $column, embedding: $embedding, sourceColumn: $source}) {
    job { id kind status column targetName } table { id columns { name } }
  }
}"""
CANCEL = "mutation C($id: ID!) { cancelJob(input: {jobId: $id}) { job { status } } }"
REMOVE = """
mutation R($id: ID!) { removeCredential(input: {credentialId: $id, confirmName: "main"}) { disabledCount } }"""
USAGE = "{ organization { usage(groupBy: [PROVIDER, TARGET]) { provider targetName texts } } }"
OPENAI = {"provider": "openai", "credential": "main", "model": "text-embedding-3-small", "dimension": 8}
INDEX = {"metric": "COSINE"}
TEXTS = {1: "a white whale", 2: "a monster", 3: "an island"}


async def films(api: Api, *, source: str | None = "title") -> tuple[str, str]:
    """A table whose column `v` is embedded by the local model and indexed, with three rows; and the id of an OpenAI credential."""
    database_id = await api.database()
    credential_id = await api.credential(databases=(database_id,))
    follows = vector(dimension=None, embedding=LOCAL, index=INDEX, **({"sourceColumn": source} if source else {}))
    table_id = await api.table(database_id, columns=(ID, TITLE, follows))
    rows = [{"id": key, "title": text, **({} if source else {"v": text})} for key, text in TEXTS.items()]
    assert (await api.insert_rows(table_id, *rows))["insertedCount"] == len(TEXTS)
    return table_id, credential_id


async def begun(api: Api, table_id: str, **more: Any) -> str:  # noqa: ANN401 - JSON
    """The id of a job that moves `v` to OpenAI."""
    answer = await api(MIGRATE, **{"id": table_id, "column": "v", "embedding": OPENAI, **more})
    return str(answer["migrateVectorColumn"]["job"]["id"])


async def test_a_column_moves_with_its_name_index_and_source_and_the_old_one_stays_as_previous(
    running: Running,
) -> None:
    api = running.api
    table_id, _ = await films(api)
    answer = (await api(MIGRATE, id=table_id, column="v", embedding=OPENAI))["migrateVectorColumn"]
    assert answer["job"] | {"id": ""} == {
        "id": "",
        "kind": "MIGRATE_VECTOR_COLUMN",
        "status": "QUEUED",
        "column": "v",
        "targetName": "films",
    }
    assert [each["name"] for each in answer["table"]["columns"]] == ["id", "title", "v"]
    done = await api.ended(answer["job"]["id"])
    assert (done["status"], done["total"], done["processed"], done["failed"]) == ("SUCCEEDED", 3, 3, 0)

    columns = (await table(api, table_id))["columns"]
    assert list(columns) == ["id", "title", "v", "v_previous"]
    new, old = columns["v"], columns["v_previous"]
    assert (new["dimension"], new["sourceColumn"], new["embedding"]["model"]) == (8, "title", OPENAI["model"])
    assert new["index"] == {"name": "v_index", "metric": "COSINE", "status": "READY"}
    assert (old["dimension"], old["sourceColumn"], old["index"], old["embedding"]) == (256, None, None, None)
    stored = await api.vectors(table_id)
    assert {key: pytest.approx(embed(text, 8), abs=1e-6) for key, text in TEXTS.items()} == stored
    assert all(len(each) == 256 for each in (await api.vectors(table_id, "v_previous")).values())
    assert {"provider": "openai", "targetName": "films", "texts": 3} in (await api(USAGE))["organization"]["usage"]

    await api.insert_rows(table_id, {"id": 4, "title": "a detective"})
    assert (await api.vectors(table_id, "v_previous"))[4] is None
    assert (await api.vectors(table_id))[4] == pytest.approx(embed("a detective", 8), abs=1e-6)
    found = await api.search(table_id, query="the detective", first=1)
    assert found["edges"][0]["node"]["key"] == 4
    again = await api.refusal(MIGRATE, id=table_id, column="v", embedding=LOCAL)
    assert again.codes == ["ALREADY_EXISTS"]
    assert "dropColumns" in again.errors[0]["message"]
    await api(DROP_COLUMNS, id=table_id, columns=["v_previous"])
    assert (await api.ended(await begun(api, table_id, embedding=LOCAL)))["status"] == "SUCCEEDED"


async def test_a_column_without_a_source_takes_the_one_that_is_given(running: Running) -> None:
    table_id, _ = await films(running.api, source=None)
    refused = await running.api.refusal(MIGRATE, id=table_id, column="v", embedding=OPENAI)
    assert refused.codes == ["BAD_INPUT"]
    assert "sourceColumn" in refused.errors[0]["message"]
    done = await running.api.ended(await begun(running.api, table_id, source="title"))
    assert (done["status"], done["processed"]) == ("SUCCEEDED", 3)
    assert (await table(running.api, table_id))["columns"]["v"]["sourceColumn"] == "title"


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"column": "missing"}, "COLUMN_UNKNOWN"),
        ({"column": "title"}, "COLUMN_NOT_VECTOR"),
        ({"source": "missing"}, "COLUMN_UNKNOWN"),
        ({"source": "id"}, "BAD_INPUT"),
        ({"embedding": {**OPENAI, "model": "none"}}, "MODEL_UNKNOWN"),
        ({"embedding": {**OPENAI, "dimension": 9_999}}, "UNSUPPORTED_VECTOR_DIMENSION"),
        ({"embedding": {**OPENAI, "credential": "other"}}, "CREDENTIAL_NOT_FOUND"),
        (
            {"embedding": {"provider": "mistral", "credential": "a", "model": "mistral-embed"}},
            "INTEGRATION_NOT_ENABLED",
        ),
    ],
)
async def test_what_cannot_be_moved_is_refused_and_nothing_is_changed(
    running: Running, given: dict[str, Any], code: str
) -> None:
    table_id, _ = await films(running.api)
    before, there = await table(running.api, table_id), await physical_columns(running, table_id)
    refused = await running.api.refusal(MIGRATE, **{"id": table_id, "column": "v", "embedding": OPENAI, **given})
    assert refused.codes == [code]
    assert await table(running.api, table_id) == before
    assert await physical_columns(running, table_id) == there
    assert await running.sql("select from vectorgate.job") == []


async def test_a_collection_s_configuration_is_permanent_and_a_foreign_table_is_not_found(running: Running) -> None:
    collection_id = await running.api.local_collection("texts", "own")
    refused = await running.api.refusal(MIGRATE, id=collection_id, column="v", embedding=OPENAI)
    assert refused.codes == ["EMBEDDING_CONFIGURATION_PERMANENT"]
    table_id, _ = await films(running.api)
    async with await running.other_organization() as other:
        for each in (collection_id, table_id):
            assert (await other.refusal(MIGRATE, id=each, column="v", embedding=OPENAI)).codes == ["NOT_FOUND"]


async def test_it_does_not_follow_writers_who_always_add_behind_the_last_key(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    api, looks = running.api, 0
    table_id, _ = await films(api)

    @asynccontextmanager
    async def with_one_more() -> AsyncIterator[None]:
        nonlocal looks
        looks += 1
        if looks < 10 * column_migration.MOST_PASSES:
            await api.insert_rows(table_id, {"id": 10 + looks, "title": f"the sequel number {looks}"})
        yield

    monkeypatch.setattr(missing, "batch", within(with_one_more, missing.batch))
    done = await api.ended(await begun(api, table_id))
    assert (done["status"], done["processed"]) == ("SUCCEEDED", done["total"])
    assert looks <= 5 * column_migration.MOST_PASSES
    assert None not in (await api.vectors(table_id, first=500)).values()


async def test_while_it_moves_a_column_keeps_its_configuration_and_can_be_given_up_without_a_trace(
    running: Running,
) -> None:
    api, openai = running.api, running.openai
    table_id, _ = await films(api)
    before, there = await table(api, table_id), await physical_columns(running, table_id)
    openai.gate.clear()
    job_id = await begun(api, table_id)
    await openai.until_in_flight(1)
    assert await table(api, table_id) == before
    for document, given in (
        (ATTACH, {"column": "v", "embedding": LOCAL, "replace": True}),
        (DETACH, {"column": "v"}),
        (DROP_COLUMNS, {"columns": ["v"]}),
        (DROP_COLUMNS, {"columns": ["title"]}),
        (MIGRATE, {"column": "v", "embedding": OPENAI}),
    ):
        assert (await api.refusal(document, id=table_id, **given)).codes == ["BAD_INPUT"]
    assert (await api.refusal(DROP_COLUMNS, id=table_id, columns=["v_previous"])).codes == ["COLUMN_UNKNOWN"]
    found = await api.search(table_id, query="whale", first=1)
    assert found["edges"][0]["node"]["key"] == 1

    assert (await api(CANCEL, id=job_id))["cancelJob"]["job"]["status"] == "CANCELLED"
    openai.gate.set()
    await until_cleared_away(running)
    assert await table(api, table_id) == before
    assert await physical_columns(running, table_id) == there
    assert (await api.ended(await begun(api, table_id)))["status"] == "SUCCEEDED"


async def until_cleared_away(running: Running) -> None:
    """Until workers have nothing to do any more."""

    async def clean() -> bool:
        return not await running.sql("select from vectorgate.job where unclean") and not await running.sql(
            "select from vectorgate.debris"
        )

    await until(clean)


async def test_a_provider_that_refuses_fails_the_job_and_leaves_the_column_as_it_was(running: Running) -> None:
    api = running.api
    table_id, credential_id = await films(api)
    before, there = await table(api, table_id), await physical_columns(running, table_id)
    running.openai.keys = set()
    done = await api.ended(await begun(api, table_id))
    assert (done["status"], done["errorCode"]) == ("FAILED", "EMBEDDING_PROVIDER_CLIENT_ERROR")
    await until_cleared_away(running)

    running.openai.keys = {KEY}
    running.openai.gate.clear()
    job_id = await begun(api, table_id)
    await running.openai.until_in_flight(1)
    assert (await api(REMOVE, id=credential_id))["removeCredential"]["disabledCount"] == 0
    await api.insert_rows(table_id, {"id": 4, "title": "a detective"})
    running.openai.keys = set()
    running.openai.gate.set()
    done = await api.ended(job_id)
    assert (done["status"], done["errorCode"]) == ("FAILED", "CREDENTIAL_NOT_FOUND")
    await until_cleared_away(running)
    assert await table(api, table_id) == before
    assert await physical_columns(running, table_id) == there


async def test_texts_that_are_refused_or_blank_keep_no_row_from_moving(running: Running) -> None:
    api = running.api
    table_id, _ = await films(api)
    await api.insert_rows(
        table_id, {"id": 4, "title": " \u2003"}, {"id": 5, "title": None}, {"id": 6, "title": "banned"}
    )
    running.openai.refused_texts = {"banned"}
    done = await api.ended(await begun(api, table_id))
    assert (done["status"], done["total"], done["processed"], done["failed"]) == ("SUCCEEDED", 4, 4, 1)
    missing = [key for key, each in (await api.vectors(table_id)).items() if each is None]
    assert missing == [4, 5, 6]


async def test_who_may_not_alter_tables_may_not_move_a_column(running: Running) -> None:
    table_id, _ = await films(running.api)
    async with await running.api.with_token("Read/Write User") as writer:
        with pytest.raises(RefusedError) as refused:
            await begun(writer, table_id)
    assert refused.value.codes == ["PERMISSION_DENIED"]
