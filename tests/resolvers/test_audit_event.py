"""The audit log over HTTP: an event for each mutation, done or refused, and nothing secret in any."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import structlog

from app.domain import audit
from app.errors import DatabaseUnavailable
from resolvers.schema import build_schema
from tests.factory import (
    CREATE_COLLECTION,
    CREATE_DATABASE,
    CREATE_TABLE,
    DELETE_ROWS,
    INSERT,
    INSERT_ROWS,
    KEY,
    SECOND_KEY,
    UPDATE_ROWS,
    Api,
    Place,
    Running,
)
from tests.resolvers.documents import (
    ADD,
    DEACTIVATE,
    DESCOPE,
    DROP_COLLECTION,
    DROP_DATABASE,
    ENABLE,
    NODE,
    REMOVE,
    REVOKE,
    ROLL_BACK,
    ROTATE,
    SCOPE,
    TEST,
    openai,
)
from tests.resolvers.jobs import CANCEL, MIGRATE
from tests.resolvers.tables import (
    ADD_COLUMNS,
    ATTACH,
    CREATE_INDEX,
    DETACH,
    DROP_COLUMNS,
    DROP_INDEX,
    DROP_TABLE,
    ID,
    TITLE,
)
from tests.resolvers.test_column_migration import MIGRATE as MIGRATE_COLUMN
from tests.resolvers.test_embed_missing import FILL

LOG = """
query Log($first: Int! = 100, $after: String, $action: String, $target: ID) {
  organization { auditLog(first: $first, after: $after, action: $action, targetId: $target) {
    totalCount pageInfo { hasNextPage endCursor } nodes { id occurredAt actor action targetId targetName outcome details } } }
}"""
CANARY = "canary-4f1d-whale"
CREATE_ROLE = 'mutation { createRole(input: {name: "reader", permissions: [READ_DATA]}) { role { id } } }'


async def log(api: Api, **given: object) -> list[dict[str, Any]]:
    """The events, newest first."""
    nodes: list[dict[str, Any]] = (await api(LOG, **given))["organization"]["auditLog"]["nodes"]
    return nodes


async def live(running: Running) -> dict[str, str]:
    """One of every mutation, each successful; action -> the id of its target."""
    api = running.api
    targets: dict[str, str] = {}

    async def do(action: str, document: str, target: str | None = None, **variables: object) -> Any:  # noqa: ANN401 - JSON
        answer = (await api(document, **variables))[_camel(action)]
        targets[action] = target or _id(answer)
        return answer

    await do("enable_integration", ENABLE, provider="openai")
    integration = targets["enable_integration"]
    await do("create_database", CREATE_DATABASE, input={"name": "library"})
    library = targets["create_database"]
    await do("add_credential", ADD, input={"provider": "openai", "name": "main", "apiKey": KEY})
    main = targets["add_credential"]
    await do("add_scoped_databases", SCOPE, main, credential=main, databases=[library])
    await do("test_credential", TEST, main, id=main)
    await do("rotate_credential", ROTATE, input={"credentialId": main, "apiKey": SECOND_KEY, "validate": True})
    await do("roll_back_credential", ROLL_BACK, id=main)
    await do(
        "create_collection", CREATE_COLLECTION, input={"databaseId": library, "name": "books", "embedding": openai()}
    )
    books = targets["create_collection"]
    await do(
        "insert_documents",
        INSERT,
        books,
        input={"collectionId": books, "documents": [{"_id": CANARY, "$vectorize": CANARY}]},
    )
    change = "mutation U($i: UpdateDocumentsInput!) { updateDocuments(input: $i) { matchedCount } }"
    await do(
        "update_documents", change, books, i={"collectionId": books, "filter": {"a": CANARY}, "set": {"b": CANARY}}
    )
    replace = "mutation R($i: ReplaceDocumentInput!) { replaceDocument(input: $i) { document { id } } }"
    await do(
        "replace_document", replace, books, i={"collectionId": books, "key": CANARY, "document": {"$vectorize": CANARY}}
    )
    running.openai.gate.clear()
    larger = openai(model="text-embedding-3-large", dimension=256)
    moving = {"collectionId": books, "name": "newer", "embedding": larger}
    begun = await do("migrate_collection", MIGRATE, books, input=moving)
    await do("cancel_job", CANCEL, input={"jobId": begun["job"]["id"]})
    running.openai.gate.set()
    delete = "mutation D($i: DeleteDocumentsInput!) { deleteDocuments(input: $i) { deletedCount } }"
    await do("delete_documents", delete, books, i={"collectionId": books, "keys": [CANARY]})
    await _live_tables(api, do, library)
    create = (
        'mutation T { createAccessToken(input: {name: "reader", roles: ["Read-Only User"]}) { accessToken { id } } }'
    )
    await do("create_access_token", create)
    await do("create_role", CREATE_ROLE)
    await do("drop_role", 'mutation { dropRole(input: {name: "reader"}) { droppedRoleId } }', targets["create_role"])
    await do("revoke_access_token", REVOKE, id=targets["create_access_token"])
    await do("remove_scoped_database", DESCOPE, main, credential=main, database=library, name="library")
    await do("remove_credential", REMOVE, main, id=main, name="main")
    await do("drop_collection", DROP_COLLECTION, books, id=books, name="books")
    await do("deactivate_integration", DEACTIVATE, integration, id=integration, name="OpenAI")
    await do("drop_database", DROP_DATABASE, library, id=library, name="library")
    return targets


async def _live_tables(api: Api, do: Callable[..., Awaitable[Any]], library: str) -> None:
    """One of every mutation of tables."""
    columns = [ID, TITLE, {"name": "canary", "type": "VECTOR", "dimension": 64}]
    given = {"databaseId": library, "name": "films", "columns": columns, "primaryKey": ["id"]}
    films = (await do("create_table", CREATE_TABLE, input=given))["table"]["id"]
    await do("add_columns", ADD_COLUMNS, films, id=films, columns=[{"name": "year", "type": "INT"}])
    await do("drop_columns", DROP_COLUMNS, films, id=films, columns=["year"])
    following = {"id": films, "column": "canary", "embedding": openai(), "source": "title"}
    await do("attach_integration", ATTACH, films, **following)
    moved = await do("migrate_vector_column", MIGRATE_COLUMN, films, **following)
    await api.ended(moved["job"]["id"])
    filled = await do("embed_missing", FILL, films, id=films)
    await api.ended(filled["job"]["id"])
    await do("create_vector_index", CREATE_INDEX, films, id=films, column="canary", name="by_meaning")
    await do("drop_vector_index", DROP_INDEX, films, id=films, name="by_meaning")
    await do("detach_integration", DETACH, films, id=films, column="canary")
    row, named = {"id": 1, "title": CANARY}, {"title": CANARY}
    await do("insert_rows", INSERT_ROWS, films, input={"tableId": films, "rows": [row]})
    await do("update_rows", UPDATE_ROWS, films, input={"tableId": films, "filter": named, "set": named})
    await do("delete_rows", DELETE_ROWS, films, input={"tableId": films, "filter": named})
    await do("drop_table", DROP_TABLE, films, id=films, name="films")


def _camel(action: str) -> str:
    first, *rest = action.split("_")
    return first + "".join(word.title() for word in rest)


def _id(payload: dict[str, Any]) -> str:
    """The id of the entity in a payload."""
    return next(str(each["id"]) for each in payload.values() if isinstance(each, dict) and "id" in each)


async def test_every_mutation_leaves_one_event_that_says_who_did_what_to_what(running: Running) -> None:
    targets = await live(running)
    events = (await log(running.api))[::-1]
    assert [each["action"] for each in events] == list(targets)
    mutations = build_schema()._schema.mutation_type
    assert mutations is not None
    assert {_camel(action) for action in targets} == set(mutations.fields), "let live() do each mutation"
    for event in events:
        assert (event["outcome"], event["actor"]) == ("done", "bootstrap")
        assert event["targetId"] == targets[event["action"]], event["action"]
        assert event["targetName"] in {"library", "main", "books", "films", "openai", "reader"}
        assert event["details"]["address"] == "127.0.0.1"
        assert event["details"]["requestId"]
    assert [each["occurredAt"] for each in events] == sorted(each["occurredAt"] for each in events)


async def test_no_event_holds_a_secret_a_key_or_a_text(running: Running) -> None:
    await live(running)
    for document, given in (
        (ADD, {"provider": "openai", "name": KEY, "apiKey": KEY}),
        (ADD, {"provider": KEY, "name": "a", "apiKey": KEY}),
    ):
        await running.api.refusal(document, input=given)
    stored = str([dict(row.items()) for row in await running.sql("select * from vectorgate.audit_event")])
    assert "rotate_credential" in stored
    for secret in (KEY, SECOND_KEY, KEY[:10], CANARY):
        assert secret not in stored


async def test_details_say_how_many_and_which(running: Running) -> None:
    await live(running)
    details = {each["action"]: each["details"] for each in await log(running.api)}
    assert details["add_credential"]["provider"] == "openai"
    assert details["add_scoped_databases"]["databases"] == ["library"]
    assert details["test_credential"]["ok"] is True
    assert (details["rotate_credential"]["version"], details["roll_back_credential"]["version"]) == (2, 3)
    assert (details["remove_scoped_database"]["database"], details["remove_scoped_database"]["disabled"]) == (
        "library",
        1,
    )
    assert details["remove_credential"]["disabled"] == 0
    assert details["create_database"]["region"] == "local"
    assert details["create_collection"]["model"] == "text-embedding-3-small"
    assert details["create_table"]["columns"] == ["id", "title", "canary"]
    assert (details["add_columns"]["columns"], details["drop_columns"]["columns"]) == (["year"], ["year"])
    attached = {name: details["attach_integration"][name] for name in ("column", "provider", "model", "replaced")}
    assert attached == {"column": "canary", "provider": "openai", "model": "text-embedding-3-small", "replaced": False}
    assert details["create_vector_index"]["index"] == details["drop_vector_index"]["index"] == "by_meaning"
    assert details["create_access_token"]["roles"] == ["Read-Only User"]
    assert details["create_role"]["permissions"] == ["READ_DATA"]
    assert (details["drop_role"]["access_token_count"], details["drop_role"]["access_tokens"]) == (0, [])


async def test_a_refused_mutation_is_logged_with_its_code_and_what_it_was_about(running: Running) -> None:
    api = running.api
    library = await api.database()
    await api.refusal(DROP_DATABASE, id=library, name="Library")
    await api.refusal(CREATE_DATABASE, input={"name": "library"})
    await api.refusal(DROP_DATABASE, id="nonsense", name="library")
    async with await api.with_token("Read-Only User") as reader:
        await reader.refusal(DROP_DATABASE, id=library, name="library")
    events = [(each["actor"], each["action"], each["targetId"], each["outcome"]) for each in await log(api)]
    assert events == [
        ("Read-Only User 0", "drop_database", library, "PERMISSION_DENIED"),
        ("bootstrap", "create_access_token", events[1][2], "done"),
        ("bootstrap", "drop_database", None, "NOT_FOUND"),
        ("bootstrap", "create_database", None, "ALREADY_EXISTS"),
        ("bootstrap", "drop_database", library, "CONFIRMATION_MISMATCH"),
        ("bootstrap", "create_database", library, "done"),
    ]


async def test_what_never_reached_a_mutation_is_not_logged(running: Running) -> None:
    await running.api.refusal(CREATE_DATABASE, input={"name": 1})
    await running.api.refusal("mutation { createDatabase { database { id } } }")
    async with Api(running.url, "vg_nobody") as nobody:
        await nobody.post(CREATE_DATABASE, {"input": {"name": "library"}})
    assert await log(running.api) == []


async def test_a_mutation_whose_region_failed_is_not_logged_as_done(two_regions: Running, place: Place) -> None:
    library = await two_regions.api.database(region="europe")
    await place.away()
    await two_regions.api.refusal(CREATE_DATABASE, input={"name": "archive", "region": "europe"})
    await two_regions.api.refusal(CREATE_COLLECTION, input={"databaseId": library, "name": "books"})
    events = [(each["action"], each["outcome"]) for each in await log(two_regions.api)]
    assert events == [
        ("create_collection", "DATABASE_UNAVAILABLE"),
        ("create_database", "DATABASE_UNAVAILABLE"),
        ("create_database", "done"),
    ]
    await place.back()


async def test_a_fault_of_the_gateway_is_logged_as_internal(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_: object) -> None:
        raise RuntimeError("a fault")

    monkeypatch.setattr("app.domain.database._insert", fail)
    assert (await running.api.refusal(CREATE_DATABASE, input={"name": "library"})).codes == ["INTERNAL"]
    assert [(each["action"], each["outcome"]) for each in await log(running.api)] == [("create_database", "INTERNAL")]


async def test_a_log_that_cannot_be_written_hides_no_refusal(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    async def unavailable(*_: object) -> None:
        raise DatabaseUnavailable("away")

    monkeypatch.setattr(audit, "refused", unavailable)
    with structlog.testing.capture_logs() as logged:
        refused = await running.api.refusal(DROP_DATABASE, id="nonsense", name="library")
    assert refused.codes == ["NOT_FOUND"]
    [entry] = [each for each in logged if each["event"] == "refusal_not_in_audit_log"]
    assert (entry["action"], entry["code"], entry["log_level"]) == ("drop_database", "NOT_FOUND", "warning")


async def test_events_are_filtered_and_paged_newest_first(running: Running) -> None:
    api = running.api
    libraries = [await api.database(f"library_{number}") for number in range(3)]
    await api(DROP_DATABASE, id=libraries[0], name="library_0")
    assert [each["targetName"] for each in await log(api, action="create_database")] == [
        f"library_{number}" for number in (2, 1, 0)
    ]
    assert [each["action"] for each in await log(api, target=libraries[0])] == ["drop_database", "create_database"]
    both = await log(api, target=libraries[0], action="drop_database")
    assert [each["targetName"] for each in both] == ["library_0"]
    for nothing in ({"action": "dropDatabase"}, {"target": "nonsense"}, {"target": ""}):
        assert await log(api, **nothing) == []

    first = (await api(LOG, first=2))["organization"]["auditLog"]
    assert (first["totalCount"], first["pageInfo"]["hasNextPage"]) == (4, True)
    rest = (await api(LOG, first=2, after=first["pageInfo"]["endCursor"]))["organization"]["auditLog"]
    seen = [each["id"] for each in first["nodes"] + rest["nodes"]]
    assert seen == [each["id"] for each in await log(api)]
    assert not rest["pageInfo"]["hasNextPage"]
    filtered = (await api(LOG, first=1, action="create_database"))["organization"]["auditLog"]
    assert filtered["totalCount"] == 3
    assert (await api(NODE, id=seen[0]))["node"]["__typename"] == "AuditEvent"


async def test_the_request_id_of_an_event_is_that_of_its_answer(api: Api) -> None:
    answer = await api.http.post(
        "/graphql",
        json={"query": CREATE_DATABASE, "variables": {"input": {"name": "library"}}},
        headers={"x-request-id": "my-request-7"},
    )
    assert answer.headers["x-request-id"] == "my-request-7"
    [event] = await log(api)
    assert event["details"]["requestId"] == "my-request-7"
