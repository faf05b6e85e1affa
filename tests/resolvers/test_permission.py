"""Who may call which mutation: 404 comes before 403, and 403 before the input is looked at (rules 4 and 37)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest

from app.access import BUILT_IN, Permission
from resolvers.node import global_id, split
from resolvers.permission import RequiresPermission
from resolvers.schema import Mutation, build_schema
from tests.factory import KEY, SEARCH, Api, Running
from tests.resolvers.documents import NODE, openai
from tests.resolvers.jobs import migrate

INPUTS: dict[str, tuple[dict[str, object], dict[str, object]]] = {
    "enableIntegration": ({"provider": "openai"}, {"provider": "astrology"}),
    "deactivateIntegration": ({"integrationId": "integration", "confirmName": "OpenAI"}, {"confirmName": "?"}),
    "addCredential": (
        {"provider": "openai", "name": "more", "apiKey": KEY, "databaseIds": ["library"]},
        {"provider": "?", "name": "?", "apiKey": "?"},
    ),
    "testCredential": ({"credentialId": "main"}, {"model": "?"}),
    "rotateCredential": ({"credentialId": "main", "apiKey": KEY}, {"apiKey": "?", "keepPreviousSeconds": -1}),
    "rollBackCredential": ({"credentialId": "main"}, {}),
    "removeCredential": ({"credentialId": "main", "confirmName": "main"}, {"confirmName": "?"}),
    "addScopedDatabases": ({"credentialId": "main", "databaseIds": ["library"]}, {"databaseIds": []}),
    "removeScopedDatabase": (
        {"credentialId": "main", "databaseId": "library", "confirmName": "library"},
        {"confirmName": "?"},
    ),
    "createDatabase": ({"name": "more"}, {"name": "?", "region": "moon"}),
    "dropDatabase": ({"databaseId": "library", "confirmName": "library"}, {"confirmName": "?"}),
    "createCollection": ({"databaseId": "library", "name": "more"}, {"name": "?", "dimension": -1}),
    "dropCollection": ({"collectionId": "books", "confirmName": "books"}, {"confirmName": "?"}),
    "insertDocuments": ({"collectionId": "books", "documents": [{}]}, {"documents": [], "idempotencyKey": "?"}),
    "updateDocuments": ({"collectionId": "books", "filter": {}, "set": {"a": 1}}, {"filter": {"$where": 1}}),
    "replaceDocument": ({"collectionId": "books", "key": "a", "document": {}}, {"key": [], "document": {"$a": 1}}),
    "deleteDocuments": ({"collectionId": "books", "keys": ["a"]}, {"filter": {}}),
    "createTable": (
        {"databaseId": "library", "name": "actors", "columns": [{"name": "id", "type": "INT"}], "primaryKey": ["id"]},
        {"name": "?", "columns": [], "primaryKey": []},
    ),
    "dropTable": ({"tableId": "films", "confirmName": "films"}, {"confirmName": "?"}),
    "addColumns": ({"tableId": "films", "columns": [{"name": "year", "type": "INT"}]}, {"columns": []}),
    "dropColumns": ({"tableId": "films", "columns": ["title"]}, {"columns": ["?"]}),
    "attachIntegration": (
        {"tableId": "films", "column": "v", "embedding": openai()},
        {"column": "?", "embedding": {"provider": "?", "model": "?"}},
    ),
    "detachIntegration": ({"tableId": "films", "column": "v"}, {"column": "?"}),
    "createVectorIndex": ({"tableId": "films", "column": "v"}, {"column": "?", "name": "?"}),
    "dropVectorIndex": ({"tableId": "films", "name": "w_index"}, {"name": "?"}),
    "insertRows": ({"tableId": "films", "rows": [{"id": 1}]}, {"rows": [], "idempotencyKey": "?"}),
    "updateRows": (
        {"tableId": "films", "filter": {}, "set": {"title": "a"}},
        {"filter": {"$where": 1}, "set": {"id": 1}},
    ),
    "deleteRows": ({"tableId": "films", "keys": [1]}, {"filter": {}}),
    "migrateCollection": (
        {"collectionId": "books", "name": "newer"},
        {"name": "?", "embedding": {"provider": "?", "model": "?"}},
    ),
    "migrateVectorColumn": (
        {"tableId": "films", "column": "v", "embedding": openai(), "sourceColumn": "title"},
        {"column": "?", "embedding": {"provider": "?", "model": "?"}},
    ),
    "embedMissing": ({"targetId": "films", "column": "v"}, {"column": "?"}),
    "cancelJob": ({"jobId": "job"}, {}),
    "createAccessToken": ({"name": "more", "roles": ["Read-Only User"], "databaseIds": ["library"]}, {"roles": []}),
    "revokeAccessToken": ({"accessTokenId": "token"}, {}),
    "createRole": ({"name": "more", "permissions": ["READ_DATA"]}, {"name": "?\n", "permissions": []}),
    "dropRole": ({"name": "Clerk"}, {"name": "Nobody"}),
}
"""Each mutation with an input that could be carried out, and what makes that input malformed. Words that name a thing stand for its id."""

FILMS: tuple[dict[str, object], ...] = (
    {"name": "id", "type": "INT"},
    {"name": "title", "type": "TEXT"},
    {"name": "v", "type": "VECTOR", "dimension": 64},
    {"name": "w", "type": "VECTOR", "dimension": 64, "index": {}},
)


MAKE_CLERK = """mutation {
  createRole(input: {name: "Clerk", permissions: [READ_DATA, WRITE_DATA]}) { role { id } }
  createAccessToken(input: {name: "Bartleby", roles: ["Clerk"]}) { accessToken { id } } }"""
COLUMN = 'query C($id: ID!) { node(id: $id) { ... on Table { column(name: "v") { id } } } }'


@dataclass
class World:
    """An organization with some of everything, and clients with different tokens."""

    api: Api
    reader: Api
    limited: Api
    stranger: Api
    ids: dict[str, str]

    def input(self, mutation: str, *, malformed: bool = False, **instead: str) -> dict[str, Any]:
        """The mutation's input; `instead` has other ids for words."""
        valid, wrong = INPUTS[mutation]
        ids = self.ids | instead
        given = {
            name: _with_ids(value, ids) if name.endswith(("Id", "Ids")) else value for name, value in valid.items()
        }
        return given | (wrong if malformed else {})

    def words(self, mutation: str) -> list[str]:
        """The things that the mutation's input names by id."""
        values = [value for name, value in INPUTS[mutation][0].items() if name.endswith(("Id", "Ids"))]
        return [str(word) for value in values for word in (value if isinstance(value, list) else [value])]


def _with_ids(value: object, ids: Mapping[str, str]) -> object:
    return [ids[each] for each in value] if isinstance(value, list) else ids[str(value)]


def document(mutation: str) -> str:
    kind = f"{mutation[0].upper()}{mutation[1:]}Input"
    return f"mutation M($input: {kind}!) {{ {mutation}(input: $input) {{ clientMutationId }} }}"


def permission(mutation: str) -> Permission:
    """What the schema says that a mutation needs."""
    [field] = [each for each in Mutation.__strawberry_definition__.fields if each.python_name == _snake(mutation)]  # type: ignore[attr-defined] # strawberry sets it
    [directive] = [each for each in field.directives if isinstance(each, RequiresPermission)]
    return directive.permission


def _snake(name: str) -> str:
    return "".join(f"_{each.lower()}" if each.isupper() else each for each in name)


@pytest.fixture
async def world(running: Running) -> AsyncIterator[World]:
    async with AsyncExitStack() as clients:
        ids = await things(running.api)
        limited = {"databaseIds": [ids["library"]]}
        yield World(
            running.api,
            await clients.enter_async_context(await running.api.with_token("Read-Only User")),
            await clients.enter_async_context(await running.api.with_token("Organization Administrator", **limited)),
            await clients.enter_async_context(await running.other_organization()),
            ids,
        )


async def things(api: Api) -> dict[str, str]:
    """Some of everything in an organization: the ids by the words of INPUTS; what is in the database `hidden` is called so, too."""
    library, hidden = await api.database("library"), await api.database("hidden")
    main = await api.credential("main", databases=(library, hidden))
    books = await api.collection(library, "books", embedding=openai())
    concealed = await api.collection(hidden, "books", embedding=openai())
    films, unseen = await api.table(library, columns=FILMS), await api.table(hidden, columns=FILMS)
    made = await api(MAKE_CLERK)
    asked = """{ organization {
      id auditLog(first: 1) { nodes { id } }
      integration(provider: "openai") { id attachments { nodes { id } } credential(name: "main") { scopedDatabases { id } } } } }"""
    found = (await api(asked))["organization"]
    await api.insert(books, {"_id": "a", "$vectorize": "whale"})
    await api.insert(concealed, {"_id": "a", "$vectorize": "whale"})
    integration = found["integration"]
    return {
        "organization": found["id"],
        "integration": integration["id"],
        "main": main,
        "library": library,
        "hidden": hidden,
        "books": books,
        "concealed": concealed,
        "films": films,
        "hidden films": unseen,
        "job": (await migrate(api, books, "moved"))[0],
        "hidden job": (await migrate(api, concealed, "moved"))[0],
        "token": made["createAccessToken"]["accessToken"]["id"],
        "role": made["createRole"]["role"]["id"],
        "event": found["auditLog"]["nodes"][0]["id"],
        "attachment": integration["attachments"]["nodes"][0]["id"],
        "hidden attachment": integration["attachments"]["nodes"][1]["id"],
        "scope": integration["credential"]["scopedDatabases"][0]["id"],
        "hidden scope": integration["credential"]["scopedDatabases"][1]["id"],
        "document": (await api.search(books, query="whale"))["edges"][0]["node"]["id"],
        "hidden document": (await api.search(concealed, query="whale"))["edges"][0]["node"]["id"],
        "row": (await api.insert_rows(films, {"id": 1}))["results"][0]["id"],
        "hidden row": (await api.insert_rows(unseen, {"id": 1}))["results"][0]["id"],
        "column": (await api(COLUMN, id=films))["node"]["column"]["id"],
        "hidden column": (await api(COLUMN, id=unseen))["node"]["column"]["id"],
    }


def test_every_mutation_is_tried_here() -> None:
    mutations = build_schema()._schema.mutation_type
    assert mutations is not None
    assert set(mutations.fields) == set(INPUTS), "give each mutation a line in INPUTS"


async def test_without_the_permission_a_mutation_is_denied_before_its_input_is_looked_at(world: World) -> None:
    for mutation in INPUTS:
        for malformed in (False, True):
            refused = await world.reader.refusal(document(mutation), input=world.input(mutation, malformed=malformed))
            assert (refused.codes, refused.facts["permission"]) == (["PERMISSION_DENIED"], permission(mutation)), (
                mutation
            )
            assert permission(mutation) in refused.errors[0]["message"]


async def test_what_does_not_exist_is_not_found_whoever_asks_and_whatever_else_is_wrong(world: World) -> None:
    unknown = {word: global_id((split(identifier) or ("", ""))[0], uuid4()) for word, identifier in world.ids.items()}
    for mutation in INPUTS:
        for word in world.words(mutation):
            for wrong in (unknown[word], "nonsense", "", world.ids["organization"]):
                for client in (world.api, world.reader):
                    given = world.input(mutation, malformed=client is world.reader, **{word: wrong})
                    if INPUTS[mutation][1].keys() & {"databaseIds"} and client is world.reader:
                        continue  # the malformed input names no database at all
                    refused = await client.refusal(document(mutation), input=given)
                    unseen = mutation == "revokeAccessToken" and client is world.reader
                    expected = "PERMISSION_DENIED" if unseen else "NOT_FOUND"
                    assert refused.codes == [expected], (mutation, word, wrong)


async def test_who_may_not_manage_access_is_not_told_which_tokens_and_roles_there_are(world: World) -> None:
    revoke, drop = document("revokeAccessToken"), document("dropRole")
    for identifier in (world.ids["token"], global_id("AccessToken", uuid4()), world.ids["books"], "nonsense"):
        refused = await world.reader.refusal(revoke, input={"accessTokenId": identifier})
        assert (
            refused.errors[0]["message"] == (await world.reader.refusal(drop, input={"name": "?"})).errors[0]["message"]
        )
    for name in ("Clerk", "Nobody", "Read-Only User"):
        assert (await world.reader.refusal(drop, input={"name": name})).codes == ["PERMISSION_DENIED"]
    assert (await world.reader(NODE, id=world.ids["role"]))["node"] is None


async def test_a_token_limited_to_databases_sees_only_what_is_theirs(world: World) -> None:
    everything = """{ viewer { databases { name } } organization {
      databases { totalCount nodes { name } } hidden: database(name: "hidden") { id }
      integration(provider: "openai") { attachments { totalCount nodes { target { database { name } } } }
        credential(name: "main") { scopedDatabases { database { name } } attachments { totalCount } } } } }"""
    found = await world.limited(everything)
    assert found["viewer"]["databases"] == [{"name": "library"}]
    assert found["organization"]["databases"] == {"totalCount": 1, "nodes": [{"name": "library"}]}
    assert found["organization"]["hidden"] is None
    integration = found["organization"]["integration"]
    assert integration["attachments"] == {"totalCount": 1, "nodes": [{"target": {"database": {"name": "library"}}}]}
    assert integration["credential"]["scopedDatabases"] == [{"database": {"name": "library"}}]
    assert integration["credential"]["attachments"]["totalCount"] == 1
    for word in (
        "hidden",
        "concealed",
        "hidden films",
        "hidden attachment",
        "hidden scope",
        "hidden document",
        "hidden job",
        "hidden row",
        "hidden column",
        "token",
        "role",
        "event",
    ):
        assert (await world.limited(NODE, id=world.ids[word]))["node"] is None, word
    for word in ("library", "books", "films", "attachment", "scope", "document", "main", "integration", "job"):
        assert (await world.limited(NODE, id=world.ids[word]))["node"] is not None, word
    assert (await world.limited.refusal(SEARCH, id=world.ids["concealed"], query="whale")).codes == ["NOT_FOUND"]
    assert len((await world.limited.search(world.ids["books"], query="whale"))["edges"]) == 1


async def test_a_limited_token_loses_what_reaches_over_the_organization_and_keeps_the_rest(world: World) -> None:
    lost = {Permission.WRITE_INTEGRATIONS, Permission.MANAGE_ACCESS, Permission.CREATE_DATABASE}
    viewer = (await world.limited("{ viewer { roles permissions } }"))["viewer"]
    assert viewer["roles"] == ["Organization Administrator"]
    assert set(viewer["permissions"]) == set(Permission) - lost
    for mutation in INPUTS:
        hidden = world.input(
            mutation, library=world.ids["hidden"], books=world.ids["concealed"], films=world.ids["hidden films"]
        )
        if hidden != world.input(mutation):
            refused = await world.limited.refusal(document(mutation), input=hidden)
            assert refused.codes == ["NOT_FOUND"], mutation
        if permission(mutation) in lost:
            refused = await world.limited.refusal(document(mutation), input=world.input(mutation))
            assert refused.codes == ["PERMISSION_DENIED"], mutation
    for mutation in (
        "insertDocuments",
        "createCollection",
        "dropCollection",
        "createTable",
        "dropTable",
        "dropDatabase",
    ):
        await world.limited(document(mutation), input=world.input(mutation))
    assert (await world.limited("{ viewer { databases { name } } }"))["viewer"]["databases"] == []


async def test_fields_that_need_a_permission_are_refused_alone(world: World) -> None:
    asked = """query F($id: ID!) {
      organization { name accessTokens { totalCount } roles { name } auditLog { totalCount } } node(id: $id) { id } }"""
    answer = (await world.reader.post(asked, {"id": world.ids["books"]})).json()
    assert answer["data"] == {
        "organization": {"name": "default", "accessTokens": None, "roles": None, "auditLog": None},
        "node": {"id": world.ids["books"]},
    }
    assert [error["extensions"]["permission"] for error in answer["errors"]] == ["MANAGE_ACCESS"] * 3


async def test_what_a_built_in_role_may_is_what_its_token_says(running: Running) -> None:
    for number, (name, role) in enumerate(BUILT_IN.items()):
        async with await running.api.with_token(name, expiresAt=f"2100-01-0{number + 1}T00:00:00Z") as client:
            viewer = (await client("{ viewer { roles permissions } }"))["viewer"]
        assert viewer["roles"] == [name]
        assert set(viewer["permissions"]) == set(role.permissions)
