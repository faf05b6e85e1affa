"""Integrations of vector columns over HTTP: attached and taken off at any time, and what is refused (rules 6, 13, 14, 16 and 27)."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
import pytest

from app.domain import attaching
from resolvers.node import global_id
from tests.factory import KEY, Api, Running
from tests.patience import until
from tests.resolvers.documents import DEACTIVATE, DESCOPE, NODE, REMOVE, credential_id, openai
from tests.resolvers.tables import ATTACH, DETACH, ID, LOCAL, TITLE, count, put, table, vector, version

OPENAI = openai(dimension=None)
LARGE = {**OPENAI, "model": "text-embedding-3-large"}
USES = """
{ organization { integration(provider: "openai") {
  id attachments { totalCount nodes { id column target { __typename name } embedding { model } } }
  credential(name: "main") { attachments { nodes { column target { name } } } }
  unavailable: attachments(available: false) { nodes { column } }
} } }"""


@pytest.fixture
async def home(running: Running) -> str:
    """A database in the scope of the OpenAI credential `main`."""
    identifier = await running.api.database()
    await running.api.credential(databases=(identifier,))
    return identifier


async def films(api: Api, home: str, *more: dict[str, Any]) -> str:
    """A table with a vector column `v` of 256 dimensions, indexed and without an integration."""
    return await api.table(home, columns=(ID, TITLE, vector("v", 256, index={}), *more))


async def status(api: Api, identifier: str, name: str = "v") -> dict[str, Any] | None:
    embedding = (await table(api, identifier))["columns"][name]["embedding"]
    return embedding["status"] if embedding else None


async def uses(api: Api) -> Any:  # noqa: ANN401 - JSON
    return (await api(USES))["organization"]["integration"]


# --- attaching ---
async def test_an_integration_is_attached_to_a_column_that_has_none(running: Running, home: str) -> None:
    api, identifier = running.api, await films(running.api, home)
    await put(running, identifier, range(2))
    attached = (await api(ATTACH, id=identifier, column="v", embedding=OPENAI))["attachIntegration"]
    assert (attached["table"], attached["warnings"]) == ({"id": identifier, "name": "films"}, [])
    assert attached["column"]["embedding"] == {
        "provider": {"key": "openai"},
        "model": "text-embedding-3-small",
        "dimension": 256,
        "parameters": {},
        "status": {"available": True},
    }
    assert (attached["column"]["sourceColumn"], attached["column"]["index"]) == (None, {"name": "v_index"})
    assert await version(running, identifier) == (2, 2)
    found = await uses(api)
    assert found["attachments"]["totalCount"] == 1
    [use] = found["attachments"]["nodes"]
    assert (use["column"], use["target"]) == ("v", {"__typename": "Table", "name": "films"})
    assert (await api(NODE, id=use["id"]))["node"]["__typename"] == "Attachment"
    assert found["credential"]["attachments"]["nodes"] == [{"column": "v", "target": {"name": "films"}}]
    assert running.openai.received == [], "what is stored is left as it is"


async def test_the_columns_of_a_table_have_each_their_own(api: Api, home: str) -> None:
    identifier = await films(api, home, vector("w", 256))
    await api(ATTACH, id=identifier, column="v", embedding=OPENAI, source="title")
    await api(ATTACH, id=identifier, column="w", embedding=LOCAL)
    found = (await table(api, identifier))["columns"]
    assert [(found[name]["embedding"]["model"], found[name]["sourceColumn"]) for name in "vw"] == [
        ("text-embedding-3-small", "title"),
        ("wordllama-256", None),
    ]


async def test_another_model_takes_the_place_only_when_told_and_the_answer_warns(running: Running, home: str) -> None:
    api, identifier = running.api, await films(running.api, home)
    await api(ATTACH, id=identifier, column="v", embedding=OPENAI, source="title")
    before = await table(api, identifier)
    refused = await api.refusal(ATTACH, id=identifier, column="v", embedding=LARGE)
    assert (refused.codes, refused.facts["model"], refused.facts["column"]) == (
        ["ALREADY_EXISTS"],
        OPENAI["model"],
        "v",
    )
    assert all(word in refused.errors[0]["message"] for word in ("replace: true", "migrateVectorColumn"))
    assert await table(api, identifier) == before

    [old] = (await uses(api))["attachments"]["nodes"]
    replaced = (await api(ATTACH, id=identifier, column="v", embedding=LARGE, replace=True))["attachIntegration"]
    [warning] = replaced["warnings"]
    assert all(word in warning for word in (OPENAI["model"], LARGE["model"], "migrateVectorColumn"))
    assert replaced["column"]["embedding"]["model"] == "text-embedding-3-large"
    assert replaced["column"]["sourceColumn"] == "title", "it stays where none is given"
    [new] = (await uses(api))["attachments"]["nodes"]
    assert old["id"] != new["id"], "what was resolved with the old one finds no secret of the new one"


@pytest.mark.parametrize(
    ("other", "warnings"),
    [
        (OPENAI, 0),
        ({**OPENAI, "credential": "second"}, 0),
        ({**OPENAI, "parameters": {"projectId": "proj_1"}}, 1),
        (LARGE, 1),
        (LOCAL, 1),
    ],
)
async def test_only_what_makes_other_vectors_is_warned_of(
    api: Api, home: str, other: dict[str, Any], warnings: int
) -> None:
    await api.credential("second", KEY, (home,))
    identifier = await films(api, home)
    await api(ATTACH, id=identifier, column="v", embedding=OPENAI, replace=True)
    answer = (await api(ATTACH, id=identifier, column="v", embedding=other, replace=True))["attachIntegration"]
    assert len(answer["warnings"]) == warnings


ATTACHED_WRONGLY: list[tuple[dict[str, Any], str, dict[str, Any]]] = [
    ({"column": "nobody"}, "COLUMN_UNKNOWN", {"column": "nobody"}),
    ({"column": "V"}, "COLUMN_UNKNOWN", {"column": "V"}),
    ({"column": 'v"; drop table x; --'}, "COLUMN_UNKNOWN", {}),
    ({"column": "title"}, "COLUMN_NOT_VECTOR", {"column": "title"}),
    ({"embedding": LOCAL, "column": "narrow"}, "UNSUPPORTED_VECTOR_DIMENSION", {"provider": "local"}),
    ({"embedding": openai(dimension=65)}, "UNSUPPORTED_VECTOR_DIMENSION", {"limit": 256, "actual": 65}),
    ({"column": "huge"}, "UNSUPPORTED_VECTOR_DIMENSION", {"provider": "openai"}),
    ({"embedding": {**OPENAI, "credential": "mian"}}, "CREDENTIAL_NOT_FOUND", {"credentialName": "mian"}),
    ({"embedding": {**OPENAI, "model": "nobody"}}, "MODEL_UNKNOWN", {"provider": "openai"}),
    ({"embedding": {**LOCAL, "provider": "jinaAI"}}, "INTEGRATION_NOT_ENABLED", {"provider": "jinaAI"}),
    ({"source": "nobody"}, "COLUMN_UNKNOWN", {"column": "v"}),
    ({"source": "id"}, "BAD_INPUT", {"column": "v"}),
    ({"source": "v"}, "BAD_INPUT", {"column": "v"}),
    ({"column": "strict", "source": "title"}, "BAD_INPUT", {"column": "strict"}),
    ({"id": "nonsense"}, "NOT_FOUND", {}),
]


async def test_what_does_not_fit_is_refused_and_changes_nothing(running: Running, home: str) -> None:
    api = running.api
    identifier = await films(
        api, home, vector("huge", 4_000), vector("narrow", 64), vector("strict", 256, nullable=False)
    )
    before = await table(api, identifier)
    for given, code, facts in ATTACHED_WRONGLY:
        wanted = {"id": identifier, "column": "v", "embedding": OPENAI, **given}
        refused = await api.refusal(ATTACH, **wanted)
        assert (refused.codes, {name: refused.facts.get(name) for name in facts}) == ([code], facts), given
    assert await table(api, identifier) == before
    assert await version(running, identifier) == (1, None)


async def test_a_collection_says_that_its_configuration_is_permanent_to_those_who_see_it(
    running: Running, home: str
) -> None:
    api = running.api
    books = await api.collection(home, "books", embedding=OPENAI)
    given: dict[str, Any] = {"id": books, "column": "v", "embedding": OPENAI, "replace": True}
    refused = await api.refusal(ATTACH, **given)
    assert (refused.codes, refused.facts["collection"]) == (["EMBEDDING_CONFIGURATION_PERMANENT"], "books")
    assert "migrateCollection" in refused.errors[0]["message"]
    assert (await api.refusal(DETACH, id=books, column="v")).codes == ["EMBEDDING_CONFIGURATION_PERMANENT"]
    gone = global_id("Collection", "01a00000-0000-7000-8000-000000000000")
    assert (await api.refusal(DETACH, id=gone, column="v")).codes == ["NOT_FOUND"]
    async with await running.other_organization() as stranger, await api.with_token("Read/Write User") as writer:
        assert (await stranger.refusal(ATTACH, **given)).codes == ["NOT_FOUND"]
        assert (await writer.refusal(ATTACH, **given)).codes == ["PERMISSION_DENIED"]


async def test_another_s_table_is_not_found_and_one_s_own_needs_the_permission(running: Running, home: str) -> None:
    api, identifier = running.api, await films(running.api, home)
    given: dict[str, Any] = {"id": identifier, "column": "?", "embedding": OPENAI}
    async with await running.other_organization() as stranger, await api.with_token("Read/Write User") as writer:
        assert (await stranger.refusal(ATTACH, **given)).codes == ["NOT_FOUND"]
        assert (await stranger.refusal(DETACH, id=identifier, column="?")).codes == ["NOT_FOUND"]
        for document, variables in ((ATTACH, given), (DETACH, {"id": identifier, "column": "?"})):
            refused = await writer.refusal(document, **variables)
            assert (refused.codes, refused.facts["permission"]) == (["PERMISSION_DENIED"], "ALTER_TABLE")
    async with await api.with_token("Database Administrator") as designer:
        await designer(ATTACH, id=identifier, column="v", embedding=OPENAI)


# --- taking off ---
async def test_an_integration_is_taken_off_with_the_source_and_vectors_and_index_stay(
    running: Running, home: str
) -> None:
    api, identifier = running.api, await films(running.api, home)
    await put(running, identifier, range(1), v=np.ones(256, np.float32))
    await api(ATTACH, id=identifier, column="v", embedding=OPENAI, source="title")
    for _ in range(2):
        detached = (await api(DETACH, id=identifier, column="v"))["detachIntegration"]
        assert detached["column"] == {
            "id": (await table(api, identifier))["columns"]["v"]["id"],
            "name": "v",
            "sourceColumn": None,
            "dimension": 256,
            "embedding": None,
            "index": {"name": "v_index", "metric": "COSINE", "status": "READY"},
        }
    assert (await uses(api))["attachments"]["totalCount"] == 0
    assert await count(running, identifier, "v") == 1
    for column, code in (("nobody", "COLUMN_UNKNOWN"), ("title", "COLUMN_NOT_VECTOR")):
        assert (await api.refusal(DETACH, id=identifier, column=column)).codes == [code]
    await api(ATTACH, id=identifier, column="v", embedding=OPENAI)


async def test_a_column_that_a_job_is_replacing_keeps_its_configuration(running: Running, home: str) -> None:
    api, identifier = running.api, await films(running.api, home, vector("v_previous", 64))
    await api(ATTACH, id=identifier, column="v", embedding=OPENAI)
    await running.sql("update vectorgate.table_column set migrating = true where name = 'v_previous'")
    before = await table(api, identifier)
    for document, more in ((ATTACH, {"embedding": OPENAI, "replace": True}), (DETACH, {})):
        refused = await api.refusal(document, id=identifier, column="v", **more)
        assert (refused.codes, refused.facts["column"]) == (["BAD_INPUT"], "v")
        assert "cancelJob" in refused.errors[0]["message"]
    assert await table(api, identifier) == before


# --- credentials and integrations in use by columns ---
async def test_removing_a_credential_disables_its_columns_until_one_of_its_name_is_there_again(
    running: Running, home: str
) -> None:
    api, identifier = running.api, await films(running.api, home)
    await api(ATTACH, id=identifier, column="v", embedding=OPENAI)
    refused = await api.refusal(REMOVE, id=await credential_id(api), name="main", refuse=True)
    assert (refused.codes, "library.films.v" in refused.errors[0]["message"]) == (["CREDENTIAL_IN_USE"], True)
    removal = """mutation R($id: ID!) { removeCredential(input: {credentialId: $id, confirmName: "main"}) {
      disabledCount disabled { column target { __typename name } embedding { status { reason } } } } }"""
    removed = (await api(removal, id=await credential_id(api)))["removeCredential"]
    assert removed["disabledCount"] == 1
    assert removed["disabled"] == [
        {
            "column": "v",
            "target": {"__typename": "Table", "name": "films"},
            "embedding": {"status": {"reason": "CREDENTIAL_NOT_FOUND"}},
        }
    ]
    assert await status(api, identifier) == {"available": False, "reason": "CREDENTIAL_NOT_FOUND"}
    await api.credential("main")
    assert await status(api, identifier) == {"available": False, "reason": "DATABASE_NOT_IN_SCOPE"}
    assert (await uses(api))["unavailable"]["nodes"] == [{"column": "v"}]
    scope = """mutation S($c: ID!, $d: ID!) { addScopedDatabases(input: {credentialId: $c, databaseIds: [$d]}) { credential { id } } }"""
    await api(scope, c=await credential_id(api), d=home)
    assert await status(api, identifier) == {"available": True, "reason": None}
    await api(DESCOPE, credential=await credential_id(api), database=home, name="library")
    assert await status(api, identifier) == {"available": False, "reason": "DATABASE_NOT_IN_SCOPE"}


async def test_an_integration_is_deactivated_after_it_is_taken_off_every_column(api: Api, home: str) -> None:
    identifier = await films(api, home)
    await api(ATTACH, id=identifier, column="v", embedding=OPENAI)
    integration = (await uses(api))["id"]
    await api(REMOVE, id=await credential_id(api), name="main")
    refused = await api.refusal(DEACTIVATE, id=integration, name="OpenAI")
    assert (refused.codes, "library.films.v" in refused.errors[0]["message"]) == (["INTEGRATION_IN_USE"], True)
    await api(DETACH, id=identifier, column="v")
    await api(DEACTIVATE, id=integration, name="OpenAI")


# --- races ---
async def test_of_many_that_attach_at_once_one_succeeds_where_nothing_is_to_be_replaced(
    running: Running, home: str
) -> None:
    identifier = await films(running.api, home)
    given = {"id": identifier, "column": "v", "embedding": OPENAI}
    answers = await asyncio.gather(*(running.api.post(ATTACH, given) for _ in range(5)))
    codes = [[each["extensions"]["code"] for each in answer.json().get("errors", ())] for answer in answers]
    assert sorted(codes) == [[]] + [["ALREADY_EXISTS"]] * 4
    assert (await uses(running.api))["attachments"]["totalCount"] == 1


async def test_what_was_checked_is_checked_again_when_the_table_was_changed_meanwhile(
    running: Running, home: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    api, identifier = running.api, await films(running.api, home)
    attachable, drop = (
        attaching.attachable,
        "mutation D($i: DropColumnsInput!) { dropColumns(input: $i) { table { name } } }",
    )

    async def meanwhile(*args: Any) -> Any:  # noqa: ANN401 - handed on as they came
        monkeypatch.undo()
        await api(drop, i={"tableId": identifier, "columns": ["title"]})
        return await attachable(*args)

    monkeypatch.setattr(attaching, "attachable", meanwhile)
    refused = await api.refusal(ATTACH, id=identifier, column="v", embedding=OPENAI, source="title")
    assert (refused.codes, await status(api, identifier)) == (["COLUMN_UNKNOWN"], None)


async def test_an_attachment_is_answered_when_no_write_of_before_can_be_committed_any_more(
    running: Running, home: str
) -> None:
    api, identifier = running.api, await films(running.api, home)

    async def told() -> bool:
        return await version(running, identifier) == (2, 2)

    async with running.gateway.postgres.catalogue.transaction() as writing:
        [row] = await writing.fetch("select schemaname, tablename from pg_tables where tablename like 't\\_%'")
        await writing.execute(f"lock table {row['schemaname']}.{row['tablename']} in row exclusive mode")
        attaching_now = asyncio.create_task(api(ATTACH, id=identifier, column="v", embedding=OPENAI))
        await until(told)
        assert await status(api, identifier) is not None, "who asks now sees it"
        assert not attaching_now.done()
    await attaching_now
