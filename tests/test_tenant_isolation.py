"""Two organizations with the same kinds of things: through no field and no argument does one learn of, or touch, the other's (rule 4).

Which arguments take an id is read from the schema, so that a new one is tried, or fails here.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from graphql import GraphQLInputObjectType, GraphQLObjectType, build_schema, get_named_type

from resolvers.refetch import REFETCH
from resolvers.schema import build_schema as built
from resolvers.schema import printed
from tests.factory import CREATE_TOKEN, Api, Running
from tests.resolvers.documents import NODE
from tests.resolvers.test_permission import INPUTS, document, things
from tests.socket_client import socket
from tests.test_subscriptions import STREAM

NAMES = re.compile(r"\b(default|library|hidden|books|films|moved|main|Clerk|Bartleby|bootstrap|whale)\b")
"""What the first organization calls its things; the second one's are called otherwise."""

FIELDS = {
    "Query.node.id": "query Q($id: ID!) { found: node(id: $id) { id __typename } }",
    "Query.nodes.ids": "query Q($id: ID!) { found: nodes(ids: [$id, $id]) { id __typename } }",
    "Query.organization.id": "query Q($id: ID!) { found: organization(id: $id) { name } }",
    "Query.vectorSearch.targetId": 'query Q($id: ID!) { found: vectorSearch(targetId: $id, query: "a") { edges { node { id } } } }',
    "Organization.auditLog.targetId": "query Q($id: ID!) { organization { log: auditLog(targetId: $id) { nodes { action } } } }",
    "Subscription.jobProgress.jobId": "subscription S($id: ID!) { found: jobProgress(jobId: $id) { id targetName } }",
}
"""Every argument of a field that takes an id."""

EVERYTHING = """{ organization {
  name integrations { kind credentials { name } } integration(provider: "openai") { id }
  databases { totalCount nodes { name } } database(name: "library") { id } roles { builtIn } accessTokens { nodes { name } }
  auditLog { totalCount nodes { targetName } } jobs { totalCount nodes { targetName } }
  usage(groupBy: [PROVIDER, CREDENTIAL, DATABASE, TARGET, DAY]) { totalTokens } } }"""
PAGES = """query P($databases: String, $tokens: String, $log: String, $jobs: String) { organization {
  databases(after: $databases) { nodes { name } pageInfo { endCursor } }
  accessTokens(after: $tokens) { nodes { name } pageInfo { endCursor } }
  auditLog(after: $log) { nodes { targetName } pageInfo { endCursor } }
  jobs(after: $jobs) { nodes { targetName } pageInfo { endCursor } } } }"""
NOTHING: tuple[object, ...] = ({"found": None}, {"found": [None, None]}, {"organization": {"log": {"nodes": []}}})
"""What FIELDS answer where there is nothing."""


@dataclass(frozen=True)
class Side:
    """An administrator, and the ids of some of everything in the organization by word."""

    api: Api
    ids: dict[str, str]

    def input(self, mutation: str, field: str, identifier: str) -> dict[str, Any]:
        """The mutation's input with this side's own ids, but for one field."""
        own: dict[str, Any] = {}
        for name, value in INPUTS[mutation][0].items():
            words = value if isinstance(value, list) else [value]
            ids = [self.ids[str(word)] for word in words] if name.endswith(("Id", "Ids")) else []
            own[name] = (ids if isinstance(value, list) else ids[0]) if ids else value
        if field == "ids":
            del own["keys"]
        return own | {field: [identifier] if field in LISTS else identifier}


def id_fields() -> Iterator[tuple[str, str, bool]]:
    """(mutation, field of its input, whether it takes a list) for each that takes ids."""
    mutation = build_schema(printed(built())).mutation_type
    assert mutation is not None
    for name, field in mutation.fields.items():
        kind = get_named_type(field.args["input"].type)
        assert isinstance(kind, GraphQLInputObjectType)
        for each, given in kind.fields.items():
            if get_named_type(given.type).name == "ID":
                yield name, each, "[" in str(given.type)


def id_arguments() -> set[str]:
    """Type.field.argument for each argument that takes ids, but for mutations, which have their inputs."""
    return {
        f"{kind.name}.{name}.{argument}"
        for kind in build_schema(printed(built())).type_map.values()
        if isinstance(kind, GraphQLObjectType)
        for name, field in kind.fields.items()
        for argument, given in field.args.items()
        if get_named_type(given.type).name == "ID"
    }


SELECTING = {"ids"}
"""Fields whose ids select among what the call is about, as a filter does: what they do not find there they leave alone."""

MUTATIONS = [(mutation, field) for mutation, field, _ in id_fields()]
LISTS = {field for _, field, listed in id_fields() if listed}


async def state(running: Running) -> dict[str, list[str]]:
    """All rows of all tables, the audit log and times of use apart."""
    tables = """select quote_ident(nspname) || '.' || quote_ident(relname) as name from pg_class join pg_namespace n on n.oid = relnamespace
        where relkind in ('r', 'p') and nspname !~ '^(pg_|information_schema)' and relname !~ '^audit_' order by 1"""
    found = {}
    for row in await running.sql(tables):
        rows = f"select (to_jsonb(t) - 'last_used_at')::text as row from {row['name']} t order by 1"  # noqa: S608 - the catalogue's own names
        found[row["name"]] = [each["row"] for each in await running.sql(rows)]
    return found


@pytest.fixture
async def sides(running: Running) -> AsyncIterator[tuple[Side, Side]]:
    """The first organization, and another with a database, collection and table of its own; no job is under way."""
    async with await running.other_organization("Acme") as other:
        first = Side(running.api, await things(running.api))
        second = Side(other, await _others_things(other))
        for word in ("job", "hidden job"):
            await running.api.ended(first.ids[word])
        yield first, second


async def _others_things(api: Api) -> dict[str, str]:
    columns: tuple[dict[str, Any], ...] = (
        {"name": "id", "type": "INT"},
        {"name": "title", "type": "TEXT"},
        {"name": "v", "type": "VECTOR", "dimension": 64},
    )
    archive = await api.database("archive")
    credential = await api.credential("other", databases=(archive,))
    enabled = (await api('{ organization { integration(provider: "openai") { id } } }'))["organization"]["integration"]
    token = await api(CREATE_TOKEN, input={"name": "visitor", "roles": ["Read-Only User"]})
    papers = await api.collection(archive, "papers", dimension=3)
    moved = "mutation M($input: MigrateCollectionInput!) { migrateCollection(input: $input) { job { id } } }"
    job = (await api(moved, input={"collectionId": papers, "name": "copies"}))["migrateCollection"]["job"]["id"]
    await api.ended(job)
    return {
        "integration": enabled["id"],
        "main": credential,
        "library": archive,
        "books": papers,
        "films": await api.table(archive, "actors", columns),
        "token": token["createAccessToken"]["accessToken"]["id"],
        "job": job,
    }


def codes_of(answer: httpx.Response) -> list[str]:
    return [each["extensions"]["code"] for each in answer.json().get("errors", [])]


def told(answer: object, asked: str = "") -> list[str]:
    """Names of the first organization's things in an answer, but for what the request itself said."""
    return [name for name in NAMES.findall(str(answer)) if name not in asked]


def test_every_argument_that_takes_an_id_is_tried_here() -> None:
    assert id_arguments() == set(FIELDS), "give each argument that takes an id a query"
    assert len(MUTATIONS) > 30, "the search for inputs has gone blind"


async def test_every_kind_of_thing_is_among_those_tried(sides: tuple[Side, Side]) -> None:
    first, second = sides
    kinds = set()
    for identifier in first.ids.values():
        kinds.add((await first.api(NODE, id=identifier))["node"]["__typename"])
        answer = await second.api.post(NODE, {"id": identifier})
        assert (answer.json(), told(answer.text)) == ({"data": {"node": None}}, [])
    everywhere = {"Region", "EmbeddingProvider"}  # which are the deployment's
    assert kinds == set(REFETCH) - everywhere


async def test_no_mutation_takes_an_id_of_another_organization_in_any_place(
    running: Running, sides: tuple[Side, Side]
) -> None:
    first, second = sides
    before = await state(running)
    for mutation, field in MUTATIONS:
        for word, identifier in first.ids.items():
            asked = second.input(mutation, field, identifier)
            answer = await second.api.post(document(mutation), {"input": asked})
            codes = [] if field in SELECTING else ["NOT_FOUND"]
            assert codes_of(answer) == codes, (mutation, field, word)
            assert told(answer.text, str(asked)) == [], (mutation, field, word, answer.text)
    assert await state(running) == before


async def test_no_field_answers_anything_to_an_id_of_another_organization(
    running: Running, sides: tuple[Side, Side]
) -> None:
    first, second = sides
    before = await state(running)
    for query in FIELDS.values():
        path = STREAM if query.startswith("subscription") else "/graphql"
        for word, identifier in first.ids.items():
            asked = {"query": query, "variables": {"id": identifier}}
            answer = await second.api.http.post(path, json=asked)
            codes = set(re.findall(r'"code":"(\w+)"', answer.text))
            assert (codes <= {"NOT_FOUND"}, told(answer.text)) == (True, []), (query, word, answer.text)
            if not codes:
                found = answer.json()["data"]
                assert found in NOTHING, (query, word)
    assert await state(running) == before


async def test_a_job_of_another_organization_is_not_followed_over_a_socket(sides: tuple[Side, Side]) -> None:
    first, second = sides
    async with socket(second.api.url) as client:
        await client.init(second.api.http.headers["authorization"].removeprefix("Bearer "))
        for number, word in enumerate(("job", "hidden job", "books")):
            await client.ask(str(number), FIELDS["Subscription.jobProgress.jobId"], id=first.ids[word])
            refused = await client.refused(str(number))
            assert (refused["extensions"]["code"], told(refused)) == ("NOT_FOUND", [])


async def test_lists_jobs_usage_and_the_audit_log_hold_nothing_of_another_organization(
    running: Running, sides: tuple[Side, Side]
) -> None:
    _, second = sides
    assert told((await second.api.post(EVERYTHING)).text) == []
    async with await running.other_organization("Newcomers") as newcomer:
        found = (await newcomer(EVERYTHING))["organization"]
    assert (found["integration"], found["database"], found["usage"]) == (None, None, [])
    assert {each["kind"] for each in found["integrations"]} <= {"HOSTED"}
    assert all(each["builtIn"] for each in found["roles"])
    assert found["accessTokens"]["nodes"] == [{"name": "administrator"}]
    for page in ("databases", "jobs"):
        assert (found[page]["totalCount"], found[page]["nodes"]) == (0, []), page
    assert [each["targetName"] for each in found["auditLog"]["nodes"]] == ["Newcomers", "administrator"]


async def test_a_cursor_of_another_organization_s_list_leads_to_nothing_of_it(sides: tuple[Side, Side]) -> None:
    first, second = sides
    pages = (await first.api(PAGES))["organization"]
    names = {"databases": "databases", "tokens": "accessTokens", "log": "auditLog", "jobs": "jobs"}
    cursors = {variable: pages[field]["pageInfo"]["endCursor"] for variable, field in names.items()}
    assert all(cursors.values())
    answer = await second.api.post(PAGES, cursors)
    assert told(answer.text) == []


async def test_attempts_on_what_is_another_s_are_in_the_log_of_who_made_them(sides: tuple[Side, Side]) -> None:
    first, second = sides
    log = "query L($id: ID!) { organization { auditLog(targetId: $id) { nodes { action outcome } } } }"
    asked = second.input("removeCredential", "credentialId", first.ids["main"])
    assert (await second.api.refusal(document("removeCredential"), input=asked)).codes == ["NOT_FOUND"]
    theirs = (await second.api(log, id=first.ids["main"]))["organization"]["auditLog"]["nodes"]
    assert theirs == [{"action": "remove_credential", "outcome": "NOT_FOUND"}]
    ours = (await first.api(log, id=first.ids["main"]))["organization"]["auditLog"]["nodes"]
    assert ours == [{"action": "add_credential", "outcome": "done"}]


# --- tokens that are limited to databases ---
async def test_a_limited_token_reaches_nothing_of_a_hidden_database_in_any_place(
    running: Running, sides: tuple[Side, Side]
) -> None:
    first, _ = sides
    hidden = {
        word: identifier
        for word, identifier in first.ids.items()
        if word in {"hidden", "concealed"} or "hidden" in word
    }
    async with AsyncExitStack() as clients:
        limits = {"databaseIds": [first.ids["library"]]}
        limited = await clients.enter_async_context(await first.api.with_token("Organization Administrator", **limits))
        before = await state(running)
        for mutation, field in MUTATIONS:
            # Who may not manage access sees no token at all, and is not told which ids are tokens'.
            expected = "PERMISSION_DENIED" if mutation == "revokeAccessToken" else "NOT_FOUND"
            for word, identifier in hidden.items():
                answer = await limited.post(document(mutation), {"input": first.input(mutation, field, identifier)})
                codes = [] if field in SELECTING else [expected]
                assert codes_of(answer) == codes, (mutation, field, word)
        for query in FIELDS.values():
            path = STREAM if query.startswith("subscription") else "/graphql"
            for word, identifier in hidden.items():
                answer = await limited.http.post(path, json={"query": query, "variables": {"id": identifier}})
                found = set(re.findall(r'"code":"(\w+)"', answer.text))
                allowed = {"PERMISSION_DENIED"} if "auditLog" in query else {"NOT_FOUND"}
                assert found <= allowed, (query, word)
                assert found or answer.json()["data"] in NOTHING, (query, word)
        assert await state(running) == before


async def test_a_limited_token_is_told_of_the_jobs_and_the_usage_of_its_databases_only(
    sides: tuple[Side, Side],
) -> None:
    first, _ = sides
    asked = "{ organization { jobs { totalCount nodes { id } } usage(groupBy: [DATABASE]) { databaseId } } }"
    both = (await first.api(asked))["organization"]
    assert {each["id"] for each in both["jobs"]["nodes"]} >= {first.ids["job"], first.ids["hidden job"]}
    assert {each["databaseId"] for each in both["usage"]} == {first.ids["library"], first.ids["hidden"]}
    async with await first.api.with_token("Read-Only User", databaseIds=[first.ids["library"]]) as limited:
        one = (await limited(asked))["organization"]
    assert one["jobs"] == {"totalCount": 1, "nodes": [{"id": first.ids["job"]}]}
    assert one["usage"] == [{"databaseId": first.ids["library"]}]
    async with await first.api.with_token("Read-Only User", databaseIds=[], name="none") as blind:
        none = (await blind(asked))["organization"]
    assert none == {"jobs": {"totalCount": 0, "nodes": []}, "usage": []}
