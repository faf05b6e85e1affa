"""embedMissing over HTTP: vectors for texts that have none, in tables and collections."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from app.domain.handlers import HANDLERS
from app.store import missing
from tests.app.domain.working import KIND, Resting, working
from tests.factory import Api, Run, Running
from tests.fakes.vendor import embed
from tests.meanwhile import within
from tests.resolvers.tables import ATTACH, ID, TITLE, vector

FILL = """
mutation F($id: ID!, $column: String) {
  embedMissing(input: {targetId: $id, column: $column}) { job { id kind status column targetName } }
}"""
OPENAI = {"provider": "openai", "credential": "main", "model": "text-embedding-3-small", "dimension": 8}
TEXTS = {1: "a white whale", 2: "a monster", 3: "an island"}


async def films(api: Api, **more: Any) -> str:  # noqa: ANN401 - JSON
    """A table with three rows, whose column `v` holds no vectors yet."""
    database_id = await api.database()
    await api.credential(databases=(database_id,))
    table_id = await api.table(database_id, columns=(ID, TITLE, vector(dimension=8, **more)))
    await api.insert_rows(table_id, *({"id": key, "title": text} for key, text in TEXTS.items()))
    return table_id


async def filled(api: Api, target_id: str, **more: str) -> dict[str, Any]:
    """The job, once it has ended."""
    return await api.ended((await api(FILL, id=target_id, **more))["embedMissing"]["job"]["id"])


async def test_gaps_that_come_meanwhile_take_no_turn_of_those_that_were_there(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    api, others = running.api, [-1, -2, -3]
    table_id = await films(api)
    await api(ATTACH, id=table_id, column="v", embedding=OPENAI, source="title")
    await api.insert_rows(table_id, *({"id": key, "title": f"another {key}"} for key in others))

    @asynccontextmanager
    async def while_others_write() -> AsyncIterator[None]:
        written = [others.pop() for _ in range(len(others))]
        for key in written:
            await api.update_rows(table_id, {"id": key}, v=None)
        yield
        for key in written:
            await api.update_rows(table_id, {"id": key}, title=f"changed {key}")

    monkeypatch.setattr(missing, "batch", within(while_others_write, missing.batch))
    done = await filled(api, table_id)
    assert (done["status"], done["processed"] == done["total"]) == ("SUCCEEDED", True)
    assert None not in (await api.vectors(table_id)).values()


async def test_what_a_killed_attempt_stored_and_did_not_come_to_tell_is_counted(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as nobody_works:
        nobody_works.setattr("app.assembly.Worker", Resting)
        running = await run()
    table_id = await films(running.api)
    await running.api(ATTACH, id=table_id, column="v", embedding=OPENAI, source="title")
    begun = (await running.api(FILL, id=table_id))["embedMissing"]["job"]["id"]
    await running.sql("update vectorgate.job set total = 3")
    await running.api.update_rows(table_id, {"id": 2}, title="a dragon")  # which embeds it
    async with working(running, HANDLERS[KIND]):
        done = await running.api.ended(begun)
    assert (done["status"], done["total"], done["processed"]) == ("SUCCEEDED", 3, 3)


async def test_rows_older_than_their_column_s_source_are_embedded_and_vectors_that_are_there_stay(
    running: Running,
) -> None:
    api = running.api
    table_id = await films(api)
    await api.update_rows(table_id, {"id": 2}, v=[1.0] * 8)
    await api(ATTACH, id=table_id, column="v", embedding=OPENAI, source="title")
    done = await filled(api, table_id)
    assert done == {
        "kind": "EMBED_MISSING",
        "status": "SUCCEEDED",
        "total": 2,
        "processed": 2,
        "failed": 0,
        "errorCode": None,
        "error": None,
    }
    found = await api.vectors(table_id)
    assert found[2] == [1.0] * 8
    assert {key: found[key] for key in (1, 3)} == {key: pytest.approx(embed(TEXTS[key], 8), abs=1e-6) for key in (1, 3)}
    [request] = running.openai.received
    assert sorted(request.body["input"]) == [TEXTS[1], TEXTS[3]]
    assert (await filled(api, table_id, column="v"))["total"] == 0
    assert len(running.openai.received) == 1


async def test_texts_that_a_provider_refused_once_can_be_tried_again(running: Running) -> None:
    api = running.api
    table_id = await films(api)
    await api(ATTACH, id=table_id, column="v", embedding=OPENAI, source="title")
    running.openai.refused_texts = {TEXTS[2]}
    done = await filled(api, table_id)
    assert (done["status"], done["total"], done["processed"], done["failed"]) == ("SUCCEEDED", 3, 3, 1)
    running.openai.refused_texts = set()
    done = await filled(api, table_id)
    assert (done["total"], done["failed"]) == (1, 0)
    assert None not in (await api.vectors(table_id)).values()


async def test_a_collection_s_texts_without_a_vector_are_embedded(running: Running) -> None:
    api = running.api
    collection_id = await api.openai_collection(dimension=8)
    await api.insert(collection_id, *({"_id": key, "$vectorize": text} for key, text in TEXTS.items()), {"_id": 4})
    [home] = await running.sql("select schemaname, tablename from pg_tables where tablename like 'c\\_%'")
    await running.sql(f'update "{home["schemaname"]}"."{home["tablename"]}" set vector = null where key = \'2\'')  # noqa: S608
    done = await filled(api, collection_id)
    assert (done["status"], done["total"], done["processed"]) == ("SUCCEEDED", 1, 1)
    documents = await api.documents(collection_id)
    assert documents[2]["vector"] == pytest.approx(embed(TEXTS[2], 8), abs=1e-6)
    assert documents[4]["vector"] is None
    assert (await api.refusal(FILL, id=collection_id, column="v")).codes == ["BAD_INPUT"]


async def test_one_job_at_a_time_embeds_what_is_missing_in_a_place(running: Running) -> None:
    api = running.api
    table_id = await films(api)
    await api(ATTACH, id=table_id, column="v", embedding=OPENAI, source="title")
    running.openai.gate.clear()
    job_id = (await api(FILL, id=table_id))["embedMissing"]["job"]["id"]
    assert (await api.refusal(FILL, id=table_id)).codes == ["ALREADY_EXISTS"]
    running.openai.gate.set()
    assert (await api.ended(job_id))["processed"] == 3


async def test_what_cannot_be_embedded_is_refused_and_no_job_is_begun(running: Running) -> None:
    api = running.api
    table_id = await films(api)
    without_source = await api.refusal(FILL, id=table_id, column="v")
    assert without_source.codes == ["EMBEDDING_NOT_CONFIGURED"]
    assert (await api.refusal(FILL, id=table_id)).codes == ["BAD_INPUT"]
    await api(ATTACH, id=table_id, column="v", embedding=OPENAI)
    refused = await api.refusal(FILL, id=table_id, column="v")
    assert refused.codes == ["BAD_INPUT"]
    assert "sourceColumn" in refused.errors[0]["message"]
    assert (await api.refusal(FILL, id=table_id, column="title")).codes == ["COLUMN_NOT_VECTOR"]
    assert (await api.refusal(FILL, id=table_id, column="missing")).codes == ["COLUMN_UNKNOWN"]
    plain = await api.collection(await api.database("other"), "plain")
    assert (await api.refusal(FILL, id=plain)).codes == ["VECTORS_NOT_ENABLED"]
    own = await api.collection(await api.database("third"), "own", dimension=2)
    assert (await api.refusal(FILL, id=own)).codes == ["EMBEDDING_NOT_CONFIGURED"]
    async with await running.other_organization() as other:
        assert (await other.refusal(FILL, id=table_id)).codes == ["NOT_FOUND"]
    async with await api.with_token("Read-Only User") as reader:
        assert (await reader.refusal(FILL, id=table_id)).codes == ["PERMISSION_DENIED"]
    assert await running.sql("select from vectorgate.job") == []
