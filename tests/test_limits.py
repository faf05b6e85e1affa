"""Every limit of one request: what is as large as it may be passes, and one more is refused with the limit and the amount."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, cast

import httpx
import pytest
from graphql import GraphQLInputObjectType, get_introspection_query, parse

from app.web.socket import MOST_OPERATIONS
from resolvers.operation.budget import MOST_VALUES
from resolvers.operation.execution import core_schema
from resolvers.operation.limits import LONGEST_ALIAS, MOST_DEFINITIONS, MOST_SELECTIONS
from resolvers.schema import build_schema
from tests.factory import DELETE, INSERT, TOKEN, Api, Run, Running
from tests.socket_client import socket

BODY = 50_000
DOCUMENTS = """
query D($id: ID!, $first: Int!, $filter: JSONObject) {
  node(id: $id) { ... on Collection { documents(first: $first, filter: $filter) { nodes { key } } } }
}"""
SCOPE = "mutation S($input: AddScopedDatabasesInput!) { addScopedDatabases(input: $input) { added { id } } }"
TOKENS = "query T($n: Int!) { organization { accessTokens(first: $n) { nodes { id } } } }"


async def passes(api: Api, document: str, **variables: Any) -> None:  # noqa: ANN401 - JSON
    await api(document, **variables)


async def refused(api: Api, code: str, limit: int, actual: int, document: str, **variables: Any) -> None:  # noqa: ANN401 - JSON
    refusal = await api.refusal(document, **variables)
    assert refusal.codes == [code]
    assert (refusal.facts["limit"], refusal.facts["actual"]) == (limit, actual)


def nested(levels: int) -> str:
    """So many levels of fields."""
    selected = "{ id }"
    for level in reversed(range(levels - 2)):
        field = "database" if level % 2 else 'collection(name: "c")'
        selected = f"{{ {field} {selected} }}"
    return f'{{ node(id: "x") {{ ... on Database {selected} }} }}'


def introspecting(levels: int) -> str:
    """So many levels of fields below and with __type."""
    return '{ __type(name: "Query") ' + "{ ofType " * (levels - 2) + "{ name }" + " }" * (levels - 1)


def of_tokens(count: int) -> str:
    """A document of so many tokens."""
    document = '{{ node(id: "x") {{ ... on Collection {{ documents(filter: {{a: [{}]}}) {{ totalCount }} }} }} }}'
    return document.format(" 1" * (count - parse(document.format("")).token_count))


def chained(fragments: int, more: int) -> str:
    """One operation with so many fragments, each spread in the one before, and the first so many times more."""
    links = " ".join(f"fragment F{number} on Organization {{ ...F{number + 1} }}" for number in range(fragments - 1))
    spreads = "...F0 " * (1 + more)
    return f"{{ organization {{ {spreads} }} }} {links} fragment F{fragments - 1} on Organization {{ name }}"


def padded(size: int) -> bytes:
    """A request body of so many bytes."""
    body = b'{"query": "{ __typename }"'
    return body + b" " * (size - len(body) - 1) + b"}"


def filtering(depth: int) -> dict[str, Any]:
    """A filter with so many levels."""
    given: dict[str, Any] = {"a": 1}
    for _ in range(depth):
        given = {"$and": [given]}
    return given


# --- documents of GraphQL ---
async def test_the_size_of_an_operation(api: Api) -> None:
    limit = "LIMIT_EXCEEDED"
    await passes(api, nested(12))
    await refused(api, limit, 12, 13, nested(13))
    await passes(api, introspecting(25))
    await refused(api, limit, 25, 26, introspecting(26))
    aliased = "{{ organization {{ {} }} }}".format
    await passes(api, aliased(" ".join(f"a{n}: name" for n in range(30))))
    await refused(api, limit, 30, 31, aliased(" ".join(f"a{n}: name" for n in range(31))))
    await passes(api, "{" + " __typename" * 20 + " }")
    await refused(api, limit, 20, 21, "{" + " __typename" * 21 + " }")
    await passes(api, of_tokens(5_000))
    await refused(api, limit, 5_000, 5_001, of_tokens(5_001))


async def test_the_bulk_of_a_document(api: Api) -> None:
    await passes(api, chained(MOST_DEFINITIONS - 1, 0))
    await refused(api, "LIMIT_EXCEEDED", MOST_DEFINITIONS, MOST_DEFINITIONS + 1, chained(MOST_DEFINITIONS, 0))
    others = 1 + 1 + 1  # the root field, the one spread of the first fragment, and its field
    await passes(api, chained(1, MOST_SELECTIONS - others))
    more = chained(1, MOST_SELECTIONS - others + 1)
    await refused(api, "LIMIT_EXCEEDED", MOST_SELECTIONS, MOST_SELECTIONS + 1, more)


async def test_the_characters_of_an_alias(api: Api) -> None:
    """An answer repeats it for every object: a fragment is no way around it."""
    document = "{{ __schema {{ types {{ ...T }} }} }} fragment T on __Type {{ {}: name }}"
    await passes(api, document.format("a" * LONGEST_ALIAS))
    await refused(api, "LIMIT_EXCEEDED", LONGEST_ALIAS, LONGEST_ALIAS + 1, document.format("a" * (LONGEST_ALIAS + 1)))


async def test_the_estimated_cost_of_an_operation(run: Run) -> None:
    api = (await run(max_cost=1 + 1 + 7)).api
    await passes(api, TOKENS, n=3)
    await refused(api, "LIMIT_EXCEEDED", 9, 10, TOKENS, n=4)


@pytest.mark.parametrize("path", ["/graphql", "/graphql/stream"])
async def test_the_bytes_of_a_body(run: Run, path: str) -> None:
    http = (await run(max_body_bytes=BODY)).api.http
    headers = {"content-type": "application/json"}
    assert (await http.post(path, content=padded(BODY), headers=headers)).status_code == 200
    for content in (padded(BODY + 1), in_chunks(padded(BODY + 1))):
        refused = await http.post(path, content=content, headers=headers)
        assert refused.status_code == 413
        extensions = refused.json()["errors"][0]["extensions"]
        assert (extensions["code"], extensions["limit"], extensions["actual"]) == ("LIMIT_EXCEEDED", BODY, BODY + 1)


async def in_chunks(content: bytes) -> AsyncIterator[bytes]:
    """Without a Content-Length."""
    yield content[:1000]
    yield content[1000:]


# --- lists and values ---
async def test_pages_and_ids(api: Api) -> None:
    home = await api.collection(await api.database())
    await passes(api, DOCUMENTS, id=home, first=500)
    await refused(api, "BAD_INPUT", 500, 501, DOCUMENTS, id=home, first=501)
    nodes = "query N($ids: [ID!]!) { nodes(ids: $ids) { id } }"
    await passes(api, nodes, ids=[home] * 100)
    await refused(api, "LIMIT_EXCEEDED", 100, 101, nodes, ids=[home] * 101)


async def test_items_and_keys_of_a_write(api: Api) -> None:
    home = await api.collection(await api.database())

    def inserting(count: int, **more: str) -> dict[str, Any]:
        return {"collectionId": home, "documents": [{"_id": number} for number in range(count)], **more}

    await passes(api, INSERT, input=inserting(1000))
    await refused(api, "LIMIT_EXCEEDED", 1000, 1001, INSERT, input=inserting(1001))
    await passes(api, DELETE, input={"collectionId": home, "keys": list(range(1000))})
    await refused(api, "LIMIT_EXCEEDED", 1000, 1001, DELETE, input={"collectionId": home, "keys": list(range(1001))})
    for length in (16, 255):
        await passes(api, INSERT, input=inserting(1, idempotencyKey="k" * length))
    for length in (15, 256):
        await refused(api, "BAD_INPUT", 255, length, INSERT, input=inserting(1, idempotencyKey="k" * length))


async def test_terms_depth_and_values_of_a_filter(api: Api) -> None:
    home = await api.collection(await api.database())

    async def limited(limit: int, actual: int, most: dict[str, Any], more: dict[str, Any]) -> None:
        await passes(api, DOCUMENTS, id=home, first=1, filter=most)
        await refused(api, "INVALID_FILTER", limit, actual, DOCUMENTS, id=home, first=1, filter=more)

    await limited(256, 257, {f"f{n}": n for n in range(256)}, {f"f{n}": n for n in range(257)})
    await limited(32, 33, filtering(32), filtering(33))
    await limited(1000, 1001, {"a": {"$in": list(range(1000))}}, {"a": {"$in": list(range(1001))}})


async def test_databases_of_a_call(api: Api) -> None:
    databases = [await api.database(f"d{number}") for number in range(11)]
    credential = await api.credential()
    await refused(
        api, "TOO_MANY_DATABASES", 10, 11, SCOPE, input={"credentialId": credential, "databaseIds": databases}
    )
    await passes(api, SCOPE, input={"credentialId": credential, "databaseIds": databases[:10]})


async def test_the_values_of_variables(api: Api) -> None:
    # The variable itself, the fields of the input, and one for each key: the field has a limit of its own, and tells it.
    fields = len(cast("GraphQLInputObjectType", core_schema(build_schema()).type_map["DeleteDocumentsInput"]).fields)
    most = MOST_VALUES - 1 - fields
    home = await api.collection(await api.database())
    await refused(api, "LIMIT_EXCEEDED", 1000, most, DELETE, input={"collectionId": home, "keys": [0] * most})
    more = {"collectionId": home, "keys": [0] * (most + 1)}
    await refused(api, "LIMIT_EXCEEDED", MOST_VALUES, MOST_VALUES + 1, DELETE, input=more)


async def test_as_many_writes_as_a_request_may_have_can_be_as_large_as_a_write_may_be(api: Api) -> None:
    home = await api.collection(await api.database())
    names = [f"i{number}" for number in range(20)]
    declared = ", ".join(f"${name}: DeleteDocumentsInput!" for name in names)
    asked = " ".join(f"{name}: deleteDocuments(input: ${name}) {{ deletedCount }}" for name in names)
    largest = {"collectionId": home, "keys": list(range(1000))}
    answered = await api(f"mutation ({declared}) {{ {asked} }}", **dict.fromkeys(names, largest))
    assert [answered[name]["deletedCount"] for name in names] == [0] * 20


# --- sockets ---
async def test_operations_of_a_socket(running: Running) -> None:
    async with socket(running.url) as client:
        await client.init()
        for number in range(MOST_OPERATIONS):
            await client.ask(str(number), "subscription { auditEvents { action } }")
        await client.ask("more", "subscription { auditEvents { action } }")
        extensions = (await client.refused("more"))["extensions"]
        assert (extensions["limit"], extensions["actual"]) == (MOST_OPERATIONS, MOST_OPERATIONS + 1)


# --- bombs ---
@pytest.mark.parametrize(
    "document",
    [
        "{ " + " ".join(f"a{n}: viewer {{ permissions }}" for n in range(800)) + " }",
        "{ ...F0 } "
        + " ".join(f"fragment F{n} on Query {{ ...F{n + 1} ...F{n + 1} }}" for n in range(90))
        + " fragment F90 on Query { a: viewer { permissions } }",
        "{ " + "...A " * 1_500 + "} fragment A on Query { viewer { permissions } }",
    ],
    ids=["aliases", "fragments that double", "spreads"],
)
async def test_bombs_are_refused_with_a_limit(api: Api, document: str) -> None:
    refusal = await api.refusal(document)
    assert refusal.codes == ["LIMIT_EXCEEDED"]
    assert refusal.facts["actual"] > refusal.facts["limit"]


@pytest.mark.parametrize(
    "body",
    [
        b'{"query": "{ __typename ' + b"@include(if: true) " * 700 + b'}"}',
        b"[" + b'{"query": "{ __typename }"},' * 1_000 + b'{"query": "{ __typename }"}]',
        b'{"query": "{ __typename }", "variables": {"a": ' + b'{"a":' * 3_000 + b"1" + b"}" * 3_000 + b"}}",
        b'{"query": "{ node(id: ' + b"[" * 2_000 + b"]" * 2_000 + b') { id } }"}',
    ],
    ids=["directives", "batch", "objects", "literals"],
)
async def test_malformed_bombs_are_bad_input(api: Api, body: bytes) -> None:
    answer = await api.http.post("/graphql", content=body, headers={"content-type": "application/json"})
    assert {each["extensions"]["code"] for each in answer.json()["errors"]} == {"BAD_INPUT"}


# --- tools ---
async def test_what_graphiql_and_code_generators_ask_passes_the_default_limits(api: Api) -> None:
    for more in (False, True):
        asked = get_introspection_query(
            specified_by_url=more, directive_is_repeatable=more, schema_description=more, input_value_deprecation=more
        )
        assert (await api(asked))["__schema"]["queryType"]["name"] == "Query"


async def test_a_closed_schema_tells_nothing_of_itself(run: Run) -> None:
    api = (await run(introspection=False)).api
    for document in ("{ __schema { types { name } } }", '{ __type(name: "Query") { name } }'):
        assert set((await api.refusal(document)).codes) == {"BAD_INPUT"}
    for document in (
        "{ organisation { name } }",
        "{ organization { nam } }",
        "query ($n: Strin) { organization { name } }",
    ):
        refusal = await api.refusal(document)
        assert refusal.codes[0] == "BAD_INPUT"
        assert "mean" not in str(refusal.errors)
    assert (await api("{ organization { __typename } }"))["organization"]["__typename"] == "Organization"


async def test_a_closed_schema_is_not_published_as_a_file_either(run: Run) -> None:
    http = (await run(introspection=False)).api.http
    answer = await http.get("/schema.graphql")
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/json; charset=utf-8")
    (error,) = answer.json()["errors"]
    assert (error["extensions"]["code"], answer.json().get("data")) == ("NOT_FOUND", None)
    assert "VECTORGATE_INTROSPECTION" in error["message"]


async def test_an_open_schema_helps_with_names(running: Running) -> None:
    async with httpx.AsyncClient(base_url=running.url, headers={"authorization": f"Bearer {TOKEN}"}) as http:
        answer = await http.post("/graphql", json={"query": "{ organisation { name } }"})
    assert "Did you mean" in answer.json()["errors"][0]["message"]
