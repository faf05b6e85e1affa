"""The real schema over a populated database: what there is to ask for, and who asks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from graphql import Undefined
from hypothesis import strategies as st

from app import tenant
from app.domain import identity
from app.domain.access_token import Session
from app.gateway import Gateway
from resolvers.context import Context
from resolvers.node import global_id
from resolvers.operation.execution import Answer, Executor, Ready
from tests.factory import TOKEN, Api, Running
from tests.oracle.operations import Values

LOCAL = {"provider": "local", "model": "wordllama-256"}
TEXTS = ["cats and dogs", "the law of the sea"]
LEFT_OUT = frozenset(("Organization.usage", "AccessToken.lastUsedAt"))
"""What is counted or noted while the answers are compared."""

REFUSED_OR_REPEATABLE = frozenset(
    (
        "enableIntegration",
        "deactivateIntegration",
        "addCredential",
        "removeCredential",
        "addScopedDatabases",
        "removeScopedDatabase",
        "createDatabase",
        "dropCollection",
        "updateDocuments",
        "deleteDocuments",
        "createRole",
    )
)
"""Mutations that are given nothing here that would be another thing the second time."""


@dataclass(frozen=True)
class World:
    """A gateway, who asks of it, and what arguments are worth giving."""

    gateway: Gateway
    sessions: list[Session]
    values: Values

    async def answer(self, executor: Executor, ready: Ready, session: Session) -> Answer:
        tenant.become(session.organization.id)
        return await executor.run(ready, Context(self.gateway, session), "r")


async def populated(running: Running) -> World:
    """Two databases with a collection and a table, credentials in scope, roles, and an organization beside."""
    api = running.api
    databases = (await api.database("library"), await api.database("archive"))
    credentials = [await api.credential("main", databases=databases), await api.credential("spare")]
    books = await api.collection(databases[0], "books", embedding=LOCAL)
    await api.insert(books, *({"_id": n, "shelf": n % 3, "$vectorize": TEXTS[n % 2]} for n in range(5)))
    text, vector = (
        {"name": "title", "type": "TEXT"},
        {"name": "v", "type": "VECTOR", "embedding": LOCAL, "sourceColumn": "title"},
    )
    films = await api.table(databases[0], columns=({"name": "id", "type": "INT"}, text, vector))
    await api.insert_rows(films, *({"id": n, "title": TEXTS[n % 2]} for n in range(3)))
    async with await running.other_organization() as other:
        foreign = await other.database("secret")
    ids = [*databases, *credentials, books, films, foreign, *await _found(api, books, films)]
    sessions = [await _session(running.gateway, TOKEN)]
    for given in ({}, {"databaseIds": [databases[1]]}):
        async with await api.with_token("Read-Only User", **given) as reader:
            sessions.append(
                await _session(running.gateway, reader.http.headers["authorization"].removeprefix("Bearer "))
            )
    return World(running.gateway, sessions, _values(ids, databases, credentials, books, foreign))


async def _session(gateway: Gateway, token: str) -> Session:
    tenant.become(None)
    return await identity.authenticate(gateway, token, request_id="r", address="")


async def _found(api: Api, books: str, films: str) -> list[str]:
    """Ids of what was made beside: of one thing of each kind."""
    data = await api(
        """query ($books: ID!, $films: ID!) {
            organization { id integrations { id attachments { nodes { id } } credentials { scopedDatabases { id } } }
                regions { id } accessTokens { nodes { id } } roles { id } auditLog(first: 2) { nodes { id } } }
            books: node(id: $books) { ... on Collection { documents(first: 1) { nodes { id } } } }
            films: node(id: $films) { ... on Table { columns { id } rows(first: 1) { nodes { id } } } }
        }""",
        books=books,
        films=films,
    )
    return [*_ids(data), global_id("EmbeddingProvider", "openai"), global_id("Document", "nowhere/1"), "nonsense"]


def _ids(data: Any) -> list[str]:  # noqa: ANN401 - JSON
    if isinstance(data, list):
        return [each for item in data for each in _ids(item)]
    if isinstance(data, dict):
        return [each for key, item in data.items() for each in ([item] if key == "id" else _ids(item))]
    return []


def _values(ids: list[str], databases: tuple[str, ...], credentials: list[str], books: str, foreign: str) -> Values:
    some_id = st.sampled_from(ids)
    inputs: dict[str, dict[str, list[Any]]] = {
        "EnableIntegrationInput": {"provider": ["openai", "local", "mistral", "nobody"]},
        "DeactivateIntegrationInput": {"integrationId": ids, "confirmName": ["no"]},
        "AddCredentialInput": {
            "provider": ["openai", "local"],
            "name": ["main", "-"],
            "apiKey": ["sk-1"],
            "databaseIds": [[foreign], []],
        },
        "RemoveCredentialInput": {"credentialId": credentials, "confirmName": ["no"]},
        "AddScopedDatabasesInput": {"credentialId": credentials[:1], "databaseIds": [list(databases), [foreign], []]},
        "RemoveScopedDatabaseInput": {"credentialId": credentials, "databaseId": [*databases], "confirmName": ["no"]},
        "CreateDatabaseInput": {"name": ["library", "1"], "clientMutationId": ["x"]},
        "DropCollectionInput": {"collectionId": [books, foreign], "confirmName": ["no"]},
        "UpdateDocumentsInput": {
            "collectionId": [books, foreign],
            "filter": [{"_id": "none"}, {"$no": 1}],
            "set": [{"a": 1}],
        },
        "DeleteDocumentsInput": {"collectionId": [books], "keys": [["none"], []]},
        "CreateRoleInput": {"name": ["Read-Only User", ""], "permissions": [["READ_DATA"]]},
    }
    fixed = {
        name: st.fixed_dictionaries({key: st.sampled_from(each) for key, each in given.items()})
        for name, given in inputs.items()
    }
    known: dict[str, st.SearchStrategy[Any]] = {
        "id": some_id,
        "ids": st.lists(some_id, max_size=4),
        "targetId": st.sampled_from([books, *ids]),
        "first": st.sampled_from([1, 2, 2, 3, 0, 501]),
        "after": st.sampled_from(["", "wrong"]),
        "name": st.sampled_from(["library", "books", "films", "main", "text-embedding-3-small", "nobody"]),
        "provider": st.sampled_from(["openai", "local", "nobody"]),
        "Query.embeddingProvider.key": st.sampled_from(["openai", "local", "nobody"]),
        "key": st.sampled_from([1, "1", 99, "x"]),
        "column": st.sampled_from(["v", "title", "nothing"]),
        "query": st.sampled_from(TEXTS),
        "vector": st.sampled_from([[0.1] * 256, [1, 2]]),
        "filter": st.sampled_from([{}, {"shelf": 1}, {"$no": 1}]),
        "minSimilarity": st.sampled_from([0.1, 2.0]),
        "action": st.sampled_from(["create_database", "nothing"]),
        "since": st.just(Undefined),
        **fixed,
    }
    return Values(known, LEFT_OUT)
