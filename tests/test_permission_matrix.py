"""Every field that needs a permission, by every role: allowed exactly when the role has what the schema declares (rule 37).

What needs a permission is read from the schema, so that a new field without a line here fails. What a field needs beyond its
declaration depends on its input, and stands in BEYOND.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import pytest
from graphql import GraphQLObjectType, build_schema

from app.access import BUILT_IN, Permission
from resolvers.schema import build_schema as built
from resolvers.schema import printed
from tests.factory import DELETE, Api, RefusedError, Running
from tests.patience import until
from tests.resolvers.documents import openai as embedding
from tests.resolvers.jobs import migrate
from tests.resolvers.test_permission import INPUTS, document, things
from tests.resolvers.test_role import DROP, create
from tests.socket_client import socket
from tests.test_subscriptions import EVENTS, followers

ORGANIZATION = "{{ organization {{ field: {} }} }}"
BOOKS = "query F($books: ID!) {{ node(id: $books) {{ ... on Collection {{ field: {} }} }} }}"
FILMS = "query F($films: ID!) {{ node(id: $films) {{ ... on Table {{ field: {} }} }} }}"
VECTOR = f"vector: {[1] * 64}"
QUERIES = {
    "Query.vectorSearch": 'query F($books: ID!) { field: vectorSearch(targetId: $books, query: "whale") { exact } }',
    "Organization.accessTokens": ORGANIZATION.format("accessTokens { totalCount }"),
    "Organization.roles": ORGANIZATION.format("roles { name }"),
    "Organization.auditLog": ORGANIZATION.format("auditLog { totalCount }"),
    "Collection.documentCount": BOOKS.format("documentCount"),
    "Collection.documents": BOOKS.format("documents { nodes { key } }"),
    "Collection.document": BOOKS.format('document(key: "a") { key }'),
    "Collection.vectorSearch": BOOKS.format(f"vectorSearch({VECTOR}) {{ exact }}"),
    "Table.rowCount": FILMS.format("rowCount"),
    "Table.rows": FILMS.format("rows { nodes { key } }"),
    "Table.row": FILMS.format("row(key: 1) { key }"),
    "Table.vectorSearch": FILMS.format(f'vectorSearch(column: "w", {VECTOR}) {{ exact }}'),
}
"""How each field that needs a permission is reached, mutations and subscriptions apart."""

INDEXED = [{"name": "v2", "type": "VECTOR", "dimension": 4, "index": {}}]
KEY_COLUMN = {"name": "id", "type": "INT"}
BEYOND: tuple[tuple[str, dict[str, Any], Permission], ...] = (
    ("createTable", {"columns": [KEY_COLUMN, *INDEXED], "primaryKey": ["id"]}, Permission.CREATE_INDEX),
    ("addColumns", {"columns": INDEXED}, Permission.CREATE_INDEX),
    ("createDatabase", {"credentialIds": ["main"]}, Permission.WRITE_INTEGRATIONS),
    ("cancelJob", {}, Permission.CREATE_COLLECTION),
)
"""What some inputs need beyond what is declared: mutation, what makes its input one of these, the permission."""


REFUSED: dict[str, list[str]] = {
    "cancelJob": ["BAD_INPUT"],  # it has ended
    "dropColumns": ["BAD_INPUT"],  # another column follows it
    "deactivateIntegration": ["INTEGRATION_IN_USE"],
}
"""Inputs that everything was permitted for, and that cannot be carried out as things stand then."""

MALFORMED: dict[str, str | None] = {
    **dict.fromkeys(INPUTS, "BAD_INPUT"),
    **dict.fromkeys(("enableIntegration", "addCredential"), "PROVIDER_UNKNOWN"),
    **dict.fromkeys(("dropCollection", "dropDatabase", "dropTable", "removeCredential"), "CONFIRMATION_MISMATCH"),
    **dict.fromkeys(("deactivateIntegration", "removeScopedDatabase"), "CONFIRMATION_MISMATCH"),
    **dict.fromkeys(("attachIntegration", "detachIntegration", "createVectorIndex", "dropColumns"), "COLUMN_UNKNOWN"),
    **dict.fromkeys(("embedMissing", "migrateVectorColumn"), "COLUMN_UNKNOWN"),
    **dict.fromkeys(("dropRole", "dropVectorIndex"), "NOT_FOUND"),
    "testCredential": "MODEL_UNKNOWN",
    "updateDocuments": "INVALID_FILTER",
    "rollBackCredential": "CREDENTIAL_NOT_ROLLBACKABLE",
    "revokeAccessToken": None,  # whatever is an id of a token can be revoked, also twice
}
"""What whoever may call a mutation is told of its malformed input."""


def declared(*apart: str) -> Iterator[tuple[str, Permission]]:
    """(Type.field, permission) for each field that declares one, but for the types `apart`."""
    for kind in build_schema(printed(built())).type_map.values():
        if isinstance(kind, GraphQLObjectType) and kind.name not in apart:
            for name, field in kind.fields.items():
                for directive in (field.ast_node and field.ast_node.directives) or ():
                    if directive.name.value == "requiresPermission":
                        value: Any = directive.arguments[0].value
                        yield f"{kind.name}.{name}", Permission(value.value)


NEEDED = dict(declared())
MUTATIONS = {name.removeprefix("Mutation."): needed for name, needed in NEEDED.items() if name.startswith("Mutation.")}


@dataclass(frozen=True)
class Clerk:
    """A client whose token has one role."""

    role: str
    permissions: frozenset[Permission]
    api: Api


@pytest.fixture
async def ids(running: Running) -> dict[str, str]:
    return await things(running.api)


@pytest.fixture
async def clerks(running: Running) -> AsyncIterator[list[Clerk]]:
    """One of each built-in role, and one of a role of each single permission."""
    roles = {name: built_in.permissions for name, built_in in BUILT_IN.items()}
    roles |= {f"May {each.value}": frozenset({each}) for each in Permission}
    async with AsyncExitStack() as clients:
        made = []
        for name, permissions in roles.items():
            if name not in BUILT_IN:
                await create(running.api, *permissions, name=name)
            made.append(Clerk(name, permissions, await clients.enter_async_context(await running.api.with_token(name))))
        yield made


def given(mutation: str, ids: dict[str, str], *, malformed: bool = False, **more: object) -> dict[str, Any]:
    """A mutation's input, with ids for words."""
    valid, wrong = INPUTS[mutation]
    chosen = valid | (wrong if malformed else {}) | more
    return {name: _with_ids(value, ids) if name.endswith(("Id", "Ids")) else value for name, value in chosen.items()}


def _with_ids(value: object, ids: dict[str, str]) -> object:
    return [ids[each] for each in value] if isinstance(value, list) else ids[str(value)]


async def refused_for(api: Api, query: str, variables: dict[str, Any]) -> object:
    """The permission for want of which a request is denied, the codes of another refusal; None: it is answered."""
    try:
        await api(query, **variables)
    except RefusedError as refused:
        return refused.facts.get("permission", refused.codes)
    return None


async def denied(api: Api, query: str, **variables: object) -> str | None:
    """The permission for want of which a request is denied; None: it is answered, or refused for another reason."""
    try:
        await api(query, **variables)
    except RefusedError as refused:
        return refused.facts["permission"] if refused.codes == ["PERMISSION_DENIED"] else None
    return None


def test_everything_that_needs_a_permission_is_tried_here() -> None:
    fields = {name for name, _ in declared("Mutation", "Subscription")}
    assert fields == set(QUERIES), "give each field that needs a permission its query"
    subscriptions = {name for name in NEEDED if name.startswith("Subscription.")}
    assert subscriptions == {"Subscription.auditEvents"}, "try each subscription that needs a permission"
    schema = build_schema(printed(built()))
    assert schema.mutation_type is not None
    assert set(MUTATIONS) == set(schema.mutation_type.fields), "every mutation declares its permission"
    assert set(MUTATIONS) == set(INPUTS), "give each mutation a line in INPUTS"


async def test_a_query_field_is_answered_exactly_to_the_roles_with_its_permission(
    clerks: list[Clerk], ids: dict[str, str]
) -> None:
    for clerk in clerks:
        for field, query in QUERIES.items():
            expected = None if NEEDED[field] in clerk.permissions else NEEDED[field]
            found = await refused_for(
                clerk.api, query, {word: ids[word] for word in ("books", "films") if f"${word}" in query}
            )
            assert found == expected, (clerk.role, field)


async def test_a_mutation_is_open_exactly_to_the_roles_with_its_permission(
    clerks: list[Clerk], ids: dict[str, str]
) -> None:
    """With inputs that are malformed, which only who may call the mutation is told: nothing changes, whoever asks."""
    for clerk in clerks:
        for mutation, needed in MUTATIONS.items():
            if mutation == "cancelJob":
                continue  # it has no malformed input, and what it needs is the kind of job's affair, too: see BEYOND
            asked = given(mutation, ids, malformed=True)
            told = [code] if (code := MALFORMED[mutation]) else None
            expected = told if needed in clerk.permissions else needed
            assert await refused_for(clerk.api, document(mutation), {"input": asked}) == expected, (
                clerk.role,
                mutation,
            )


async def test_the_declared_permission_is_all_that_a_mutation_needs(running: Running, ids: dict[str, str]) -> None:
    """With inputs that can be carried out, what destroys last."""
    more = {mutation: needed for mutation, input, needed in BEYOND if not input}
    more |= dict.fromkeys(("createAccessToken", "createRole"), Permission.READ_DATA)  # which they give away
    for mutation in sorted(MUTATIONS, key=_destruction):
        needed = {MUTATIONS[mutation], more.get(mutation, MUTATIONS[mutation])}
        await create(running.api, *needed, name=f"Only for {mutation}")
        async with await running.api.with_token(f"Only for {mutation}") as clerk:
            refused = await refused_for(clerk, document(mutation), {"input": given(mutation, ids)})
        assert refused == REFUSED.get(mutation), mutation
        await until(lambda: _nothing_is_under_way(running))


async def _nothing_is_under_way(running: Running) -> bool:
    return not await running.sql("select from vectorgate.job where status in ('QUEUED', 'RUNNING')")


def _destruction(mutation: str) -> tuple[bool, int]:
    """How late to call it: what contains other things goes after them."""
    last = ("removeCredential", "deactivateIntegration", "dropCollection", "dropTable", "dropDatabase")
    destroys = mutation.startswith(("drop", "remove", "deactivate", "revoke"))
    return destroys, last.index(mutation) + 1 if mutation in last else 0


async def test_what_an_input_needs_beyond_the_declaration_is_asked_for_and_nothing_else(
    running: Running, ids: dict[str, str]
) -> None:
    before = await running.sql(
        "select id, name from vectorgate.target union all select id, name from vectorgate.database"
    )
    for mutation, more, beyond in BEYOND:
        asked = given(mutation, ids, **more)
        await create(running.api, MUTATIONS[mutation], name=f"Half of {mutation}")
        async with await running.api.with_token(f"Half of {mutation}") as clerk:
            assert await denied(clerk, document(mutation), input=asked) == beyond, mutation
    assert (
        await running.sql("select id, name from vectorgate.target union all select id, name from vectorgate.database")
        == before
    )
    running.openai.gate.clear()
    larger = embedding(model="text-embedding-3-large", dimension=256)
    ids["job"] = (await migrate(running.api, ids["books"], "larger", embedding=larger))[0]
    for mutation, more, beyond in BEYOND:
        await create(running.api, MUTATIONS[mutation], beyond, name=f"All of {mutation}")
        async with await running.api.with_token(f"All of {mutation}") as clerk:
            await clerk(document(mutation), input=given(mutation, ids, **more))
    running.openai.gate.set()


async def test_audit_events_are_followed_exactly_by_the_roles_with_the_permission(
    running: Running, clerks: list[Clerk]
) -> None:
    async def one_follows() -> bool:
        return followers(running) == 1

    async def nobody_follows() -> bool:
        return followers(running) == 0

    for clerk in clerks:
        async with socket(running.url) as client:
            await client.init(clerk.api.http.headers["authorization"].removeprefix("Bearer "))
            await client.ask("1", EVENTS)
            if NEEDED["Subscription.auditEvents"] in clerk.permissions:
                await until(one_follows)
                await running.api.refusal(DROP, name="Nobody")
                assert (await client.next_of("1"))["auditEvents"]["outcome"] == "NOT_FOUND"
            else:
                assert (await client.refused("1"))["extensions"]["permission"] == "MANAGE_ACCESS", clerk.role
        await until(nobody_follows)


async def test_data_is_denied_by_its_id_too_and_who_may_only_write_is_answered_what_it_wrote(
    ids: dict[str, str], clerks: list[Clerk]
) -> None:
    one = "query F($id: ID!) { node(id: $id) { id } }"
    for clerk in clerks:
        expected = None if Permission.READ_DATA in clerk.permissions else Permission.READ_DATA
        for word in ("document", "row"):
            assert await denied(clerk.api, one, id=ids[word]) == expected, (clerk.role, word)
    [writer] = [clerk for clerk in clerks if clerk.permissions == {Permission.WRITE_DATA}]
    deleted = "mutation D($input: DeleteDocumentsInput!) { deleteDocuments(input: $input) { deletedCount deletedIds } }"
    answer = await writer.api(deleted, input={"collectionId": ids["books"], "filter": {}})
    assert answer["deleteDocuments"]["deletedCount"] == 1
    refused = await writer.api.refusal(DELETE, input={"collectionId": ids["books"], "filter": {}})
    assert (refused.codes, refused.facts["permission"]) == (["PERMISSION_DENIED"], "READ_DATA")
