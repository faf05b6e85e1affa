"""node and nodes over HTTP: whatever has an id is read again by it, and no id is an error."""

from __future__ import annotations

import base64
from uuid import uuid4

import pytest

from resolvers.refetch import REFETCH
from tests.factory import Api, Place, Running
from tests.resolvers.documents import NODE, credential_id, database_id
from tests.resolvers.jobs import migrate

NODES = "query Nodes($ids: [ID!]!) { nodes(ids: $ids) { id __typename } }"


def spelled(text: str | bytes) -> str:
    """Any text as an id."""
    given = text.encode() if isinstance(text, str) else text
    return base64.urlsafe_b64encode(given).decode().rstrip("=")


async def everything(api: Api) -> dict[str, str]:
    """The id of a thing of every kind, by the name of its type."""
    books = await api.openai_collection()
    await api.insert(books, {"_id": "whale", "$vectorize": "a white whale"})
    films = await api.table(await database_id(api))
    asked = """query E($books: ID!, $films: ID!) { organization {
      id roles { id builtIn } regions { id } accessTokens(first: 1) { nodes { id } } auditLog(first: 1) { nodes { id } }
      integration(provider: "openai") {
        id provider { id } attachments { nodes { id } } credential(name: "main") { scopedDatabases { id } } } }
      node(id: $books) { ... on Collection { document(key: "whale") { id } } }
      table: node(id: $films) { ... on Table { column(name: "title") { id } } } }"""
    await api('mutation { createRole(input: {name: "Clerk", permissions: [READ_DATA]}) { role { id } } }')
    found = await api(asked, books=books, films=films)
    organization = found["organization"]
    integration = organization["integration"]
    return {
        "Organization": organization["id"],
        "Region": organization["regions"][0]["id"],
        "AccessToken": organization["accessTokens"]["nodes"][0]["id"],
        "Role": organization["roles"][-1]["id"],
        "AuditEvent": organization["auditLog"]["nodes"][0]["id"],
        "Integration": integration["id"],
        "EmbeddingProvider": integration["provider"]["id"],
        "Attachment": integration["attachments"]["nodes"][0]["id"],
        "Credential": await credential_id(api),
        "ScopedDatabase": integration["credential"]["scopedDatabases"][0]["id"],
        "Database": await database_id(api),
        "Collection": books,
        "Table": films,
        "Column": found["table"]["column"]["id"],
        "Job": (await migrate(api, books))[0],
        "Document": found["node"]["document"]["id"],
        "Row": (await api.insert_rows(films, {"id": 1}))["results"][0]["id"],
    }


async def test_everything_with_an_id_is_read_again_by_it_alone_and_together(api: Api) -> None:
    ids = await everything(api)
    assert set(ids) == set(REFETCH), "give each kind a thing in everything()"
    for kind, identifier in ids.items():
        assert (await api(NODE, id=identifier))["node"] == {"id": identifier, "__typename": kind}
    expected = [{"id": identifier, "__typename": kind} for kind, identifier in ids.items()]
    assert (await api(NODES, ids=[*ids.values(), "nonsense"]))["nodes"] == [*expected, None]


@pytest.mark.parametrize(
    "identifier",
    ["", "nonsense", "====", "♥", "a" * 10_000, spelled(b"\xff\xfe"), spelled("Credential"), spelled("Nobody:1")],
)
async def test_an_id_that_no_server_made_is_null(api: Api, identifier: str) -> None:
    assert await api(NODE, id=identifier) == {"node": None}


async def test_an_id_of_every_kind_with_any_key_is_null(api: Api) -> None:
    keys = [
        "",
        "x",
        ":",
        "/",
        f"{uuid4()}",
        f"{uuid4()}".upper(),
        f"{{{uuid4()}}}",
        "0" * 32,
        f"{uuid4()}/local",
        "moon/local",
    ]
    keys += [f"{uuid4()}/s\x00", "a\x00b", "local/", "'; drop table x; --"]
    ids = [spelled(f"{kind}:{key}") for kind in REFETCH for key in keys]
    for start in range(0, len(ids), 100):
        batch = ids[start : start + 100]
        assert (await api(NODES, ids=batch))["nodes"] == [None] * len(batch)


async def test_padding_or_another_spelling_is_another_id(api: Api) -> None:
    identifier = await api.database()
    for other in (f"{identifier}=", f"{identifier}==", f" {identifier}", identifier.swapcase()):
        assert (await api(NODE, id=other))["node"] is None


async def test_at_most_100_nodes_are_read_at_once(api: Api) -> None:
    identifier = await api.database()
    assert (await api(NODES, ids=[identifier] * 100))["nodes"] == [{"id": identifier, "__typename": "Database"}] * 100
    refused = await api.refusal(NODES, ids=[identifier] * 101)
    assert (refused.codes, refused.facts["limit"], refused.facts["actual"]) == (["LIMIT_EXCEEDED"], 100, 101)
    assert (await api(NODES, ids=[]))["nodes"] == []


async def test_nodes_takes_a_statement_a_kind_however_many_there_are(running: Running) -> None:
    databases = [await running.api.database(f"library_{number}") for number in range(5)]
    asked = "{ organization { auditLog { nodes { id } } accessTokens { nodes { id } } } }"
    found = (await running.api(asked))["organization"]
    events = [each["id"] for each in found["auditLog"]["nodes"]]
    tokens = [each["id"] for each in found["accessTokens"]["nodes"]]
    assert len(await running.statements_of(NODES, ids=[*databases, *events, *tokens])) == 3


async def test_one_node_that_cannot_be_read_costs_no_other(two_regions: Running, place: Place) -> None:
    api = two_regions.api
    there = await api.collection(await api.database("there", region="europe"))
    await api.insert(there, {"_id": "whale"})
    asked = 'query D($id: ID!) { node(id: $id) { ... on Collection { document(key: "whale") { id } } } }'
    away = (await api(asked, id=there))["node"]["document"]["id"]
    await place.away()
    answer = (await api.post(NODES, {"ids": [there, away, there]})).json()
    assert [each and each["__typename"] for each in answer["data"]["nodes"]] == ["Collection", None, "Collection"]
    [error] = answer["errors"]
    assert (error["path"], error["extensions"]["code"]) == (["nodes", 1], "DATABASE_UNAVAILABLE")
    await place.back()


async def test_who_may_not_manage_access_does_not_see_that_tokens_roles_and_events_exist(api: Api) -> None:
    ids = await everything(api)
    async with await api.with_token("Database Administrator") as client:
        answer = await client(NODES, ids=[ids[kind] for kind in ("AccessToken", "Role", "AuditEvent", "Document")])
    assert [each and each["__typename"] for each in answer["nodes"]] == [None, None, None, "Document"]
