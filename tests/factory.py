"""What tests act with: a client that speaks GraphQL over HTTP, and the things of the domain made through it."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Self, TypeAlias

import asyncpg
import httpx

from app.domain import organization
from app.gateway import Gateway
from app.postgres import Connection
from tests.fakes.openai import OpenAIFake
from tests.patience import until

TOKEN = "vg_test-administrator-token"
KEY = "sk-first-0123456789"
SECOND_KEY = "sk-second-0123456789"

NewDatabase: TypeAlias = Callable[..., Awaitable[str]]

ADD_CREDENTIAL = """
mutation Add($input: AddCredentialInput!) {
  addCredential(input: $input) {
    credential { id name hint version integration { id provider { key } } scopedDatabases { database { name } } }
  }
}"""
CREATE_DATABASE = (
    "mutation Create($input: CreateDatabaseInput!) { createDatabase(input: $input) { database { id name status } } }"
)
CREATE_COLLECTION = """
mutation Create($input: CreateCollectionInput!) { createCollection(input: $input) { collection { id name dimension metric } } }"""
CREATE_TABLE = """
mutation Create($input: CreateTableInput!) { createTable(input: $input) { table { id name primaryKey columns { id name } } } }"""
INSERT = """
mutation Insert($input: InsertDocumentsInput!) {
  insertDocuments(input: $input) { insertedCount results { index id key status code retryable message } usage { promptTokens totalTokens } }
}"""
UPDATE = """
mutation Update($input: UpdateDocumentsInput!) {
  updateDocuments(input: $input) { matchedCount modifiedCount modifiedIds usage { totalTokens } collection { name } }
}"""
REPLACE = """
mutation Replace($input: ReplaceDocumentInput!) {
  replaceDocument(input: $input) {
    document { id key fields vectorize vector createdAt updatedAt collection { name } } usage { totalTokens }
  }
}"""
DELETE = """
mutation Delete($input: DeleteDocumentsInput!) {
  deleteDocuments(input: $input) { deletedCount deletedIds collection { name documentCount } }
}"""
DOCUMENTS = """
query Documents($id: ID!, $first: Int! = 500, $after: String, $filter: JSONObject) {
  node(id: $id) {
    ... on Collection {
      documents(first: $first, after: $after, filter: $filter) {
        nodes { id key fields vectorize vector createdAt updatedAt }
        pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
      }
    }
  }
}"""
INSERT_ROWS = """
mutation Insert($input: InsertRowsInput!) {
  insertRows(input: $input) { insertedCount results { index id key status code retryable message } usage { promptTokens totalTokens } }
}"""
UPDATE_ROWS = """
mutation Update($input: UpdateRowsInput!) {
  updateRows(input: $input) { matchedCount modifiedCount modifiedIds usage { totalTokens } table { name } }
}"""
DELETE_ROWS = """
mutation Delete($input: DeleteRowsInput!) { deleteRows(input: $input) { deletedCount deletedIds table { name rowCount } } }"""
ROWS = """
query Rows($id: ID!, $first: Int! = 500, $after: String, $filter: JSONObject) {
  node(id: $id) {
    ... on Table {
      rows(first: $first, after: $after, filter: $filter) {
        nodes { id key fields } pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
      }
    }
  }
}"""
VECTORS = """
query Vectors($id: ID!, $column: String!, $filter: JSONObject) {
  node(id: $id) { ... on Table { rows(first: 500, filter: $filter) { nodes { key vector(column: $column) } } } }
}"""
SEARCH = """
query Search(
  $id: ID!, $column: String, $query: String, $vector: Vector, $first: Int! = 10, $after: String, $filter: JSONObject, $min: Float
) {
  vectorSearch(
    targetId: $id, column: $column, query: $query, vector: $vector, first: $first, after: $after, filter: $filter, minSimilarity: $min
  ) {
    edges { cursor similarity distance node { id key fields } }
    pageInfo { hasNextPage endCursor }
    exact model usage { promptTokens totalTokens cached }
  }
}"""
CREATE_TOKEN = """
mutation Token($input: CreateAccessTokenInput!) { createAccessToken(input: $input) { accessToken { id } secret } }"""


JOB = "query J($id: ID!) { node(id: $id) { ... on Job { kind status total processed failed errorCode error } } }"


class RefusedError(Exception):
    """An answer with errors; `codes` are theirs, `errors` the whole of them."""

    def __init__(self, errors: list[dict[str, Any]]) -> None:
        super().__init__([(error["extensions"]["code"], error["message"]) for error in errors])
        self.errors = errors
        self.codes = [error["extensions"]["code"] for error in errors]

    @property
    def facts(self) -> dict[str, Any]:
        """The extensions of the first error."""
        extensions: dict[str, Any] = self.errors[0]["extensions"]
        return extensions


class Api:
    """A client with an access token, of one server."""

    def __init__(self, url: str, token: str) -> None:
        self.url = url
        self.http = httpx.AsyncClient(
            base_url=url,
            headers={"authorization": f"Bearer {token}"},
            timeout=60,
            limits=httpx.Limits(max_connections=200),
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.http.aclose()

    async def post(self, document: str, variables: dict[str, Any] | None = None) -> httpx.Response:
        """The HTTP response to a GraphQL request."""
        body = json.dumps(
            {"query": document, "variables": variables or {}}
        )  # in ASCII, so that half a character can be sent
        return await self.http.post("/graphql", content=body, headers={"content-type": "application/json"})

    async def __call__(self, document: str, **variables: Any) -> Any:  # noqa: ANN401 - JSON
        """The answer's data. Raises RefusedError for any error."""
        body = (await self.post(document, variables)).json()
        if body.get("errors"):
            raise RefusedError(body["errors"])
        return body["data"]

    async def refusal(self, document: str, **variables: Any) -> RefusedError:  # noqa: ANN401 - JSON
        """The refusal of a request that must be refused."""
        try:
            data = await self(document, **variables)
        except RefusedError as refused:
            return refused
        raise AssertionError(f"not refused: {data}")

    # --- the domain, made through the API ---
    async def database(self, name: str = "library", **more: Any) -> str:  # noqa: ANN401 - JSON
        """A new database's id."""
        created = await self(CREATE_DATABASE, input={"name": name, **more})
        return str(created["createDatabase"]["database"]["id"])

    async def credential(self, name: str = "main", key: str = KEY, databases: tuple[str, ...] = (), **more: Any) -> str:  # noqa: ANN401 - JSON
        """A new OpenAI credential's id, its scope the given databases."""
        given = {"provider": "openai", "name": name, "apiKey": key, "databaseIds": list(databases), **more}
        added = await self(ADD_CREDENTIAL, input=given)
        return str(added["addCredential"]["credential"]["id"])

    async def collection(self, database_id: str, name: str = "books", **more: Any) -> str:  # noqa: ANN401 - JSON
        """A new collection's id; without more it holds no vectors."""
        created = await self(CREATE_COLLECTION, input={"databaseId": database_id, "name": name, **more})
        return str(created["createCollection"]["collection"]["id"])

    async def local_collection(self, name: str = "books", database: str = "library", **more: Any) -> str:  # noqa: ANN401 - JSON
        """A new collection that embeds with the local model, in a new database."""
        embedding = {"provider": "local", "model": "wordllama-256"}
        return await self.collection(await self.database(database), name, embedding=embedding, **more)

    async def openai_collection(self, name: str = "books", database: str = "library", dimension: int = 64) -> str:
        """A new collection that embeds through OpenAI with the credential `main`, in a new database."""
        database_id = await self.database(database)
        await self.credential(databases=(database_id,))
        embedding = {
            "provider": "openai",
            "credential": "main",
            "model": "text-embedding-3-small",
            "dimension": dimension,
        }
        return await self.collection(database_id, name, embedding=embedding)

    async def table(
        self,
        database_id: str,
        name: str = "films",
        columns: tuple[dict[str, Any], ...] = ({"name": "id", "type": "INT"}, {"name": "title", "type": "TEXT"}),
        key: tuple[str, ...] = ("id",),
    ) -> str:
        """A new table's id; its columns are given as ColumnInput has them."""
        given = {"databaseId": database_id, "name": name, "columns": list(columns), "primaryKey": list(key)}
        created = await self(CREATE_TABLE, input=given)
        return str(created["createTable"]["table"]["id"])

    async def insert(self, collection_id: str, *documents: dict[str, Any], **more: Any) -> Any:  # noqa: ANN401 - JSON
        """The payload of insertDocuments."""
        answer = await self(INSERT, input={"collectionId": collection_id, "documents": list(documents), **more})
        return answer["insertDocuments"]

    async def update(self, collection_id: str, filter: dict[str, object], **more: Any) -> Any:  # noqa: ANN401 - JSON
        """The payload of updateDocuments."""
        answer = await self(UPDATE, input={"collectionId": collection_id, "filter": filter, **more})
        return answer["updateDocuments"]

    async def replace(self, collection_id: str, key: object, document: dict[str, object], **more: Any) -> Any:  # noqa: ANN401 - JSON
        """The payload of replaceDocument."""
        answer = await self(REPLACE, input={"collectionId": collection_id, "key": key, "document": document, **more})
        return answer["replaceDocument"]

    async def delete(self, collection_id: str, **which: Any) -> Any:  # noqa: ANN401 - JSON
        """The payload of deleteDocuments."""
        return (await self(DELETE, input={"collectionId": collection_id, **which}))["deleteDocuments"]

    async def documents(self, collection_id: str, **arguments: Any) -> dict[Any, Any]:  # noqa: ANN401 - JSON
        """Key -> document, for the documents of a page."""
        found = (await self(DOCUMENTS, id=collection_id, **arguments))["node"]["documents"]
        return {each["key"]: each for each in found["nodes"]}

    async def insert_rows(self, table_id: str, *rows: dict[str, Any], **more: Any) -> Any:  # noqa: ANN401 - JSON
        """The payload of insertRows."""
        return (await self(INSERT_ROWS, input={"tableId": table_id, "rows": list(rows), **more}))["insertRows"]

    async def update_rows(self, table_id: str, filter: dict[str, Any], **set: Any) -> Any:  # noqa: ANN401 - JSON
        """The payload of updateRows; `set` by column name."""
        return (await self(UPDATE_ROWS, input={"tableId": table_id, "filter": filter, "set": set}))["updateRows"]

    async def delete_rows(self, table_id: str, **which: Any) -> Any:  # noqa: ANN401 - JSON
        """The payload of deleteRows."""
        return (await self(DELETE_ROWS, input={"tableId": table_id, **which}))["deleteRows"]

    async def rows(self, table_id: str, **arguments: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - JSON
        """The fields of the rows of a page, in order."""
        found = (await self(ROWS, id=table_id, **arguments))["node"]["rows"]["nodes"]
        return [each["fields"] for each in found]

    async def vectors(self, table_id: str, column: str = "v", **arguments: Any) -> dict[Any, Any]:  # noqa: ANN401 - JSON
        """Key -> vector, for the rows of a table with a one-column key."""
        found = (await self(VECTORS, id=table_id, column=column, **arguments))["node"]["rows"]["nodes"]
        return {each["key"]: each["vector"] for each in found}

    async def search(self, target_id: str, **arguments: Any) -> Any:  # noqa: ANN401 - JSON
        """The connection of a vectorSearch at the root."""
        return (await self(SEARCH, id=target_id, **arguments))["vectorSearch"]

    async def ended(self, job_id: str) -> dict[str, Any]:
        """A job, once it has ended."""
        found: dict[str, Any] = {}

        async def has_ended() -> bool:
            found.update((await self(JOB, id=job_id))["node"])
            return found["status"] not in ("QUEUED", "RUNNING")

        await until(has_ended)
        return found

    async def with_token(self, role: str, **more: Any) -> Api:  # noqa: ANN401 - JSON
        """Another client of this server, with a new token of that role. The caller closes it."""
        made = await self(CREATE_TOKEN, input={"name": f"{role} {len(more)}", "roles": [role], **more})
        return Api(self.url, made["createAccessToken"]["secret"])


async def until_waiting(connection: Connection, count: int) -> None:
    """Wait until so many statements of this database wait for a lock. Not to be asked in a transaction, which sees no news."""
    waiting = "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"

    async def wait() -> bool:
        return bool(await connection.fetchval(waiting) >= count)

    await until(wait)


class Statements:
    """Counts the SQL statements of a gateway's pools."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def note(self, query: Any) -> None:  # noqa: ANN401 - asyncpg's LoggedQuery, which it does not export
        self.seen.append(query.query)

    def clear(self) -> None:
        self.seen.clear()

    @property
    def counted(self) -> list[str]:
        """Without authentication, being told for whom, transaction control, looking for jobs, and asyncpg's questions about types."""
        control = ("BEGIN", "COMMIT", "ROLLBACK")
        apart = (
            "vectorgate.token_of",
            "set_config",
            "vectorgate_region.usage",
            "pg_catalog.pg_type",
            "'jit'",
            "not_before",
        )
        return [each for each in self.seen if not each.startswith(control) and not any(mark in each for mark in apart)]


def read_columns(statement: str) -> str:
    """What a statement reads of a region's table: the list of the innermost select, without what measures it around it."""
    return statement.partition(' from "')[0].rpartition("select ")[2].strip()


@dataclass(frozen=True)
class Running:
    """A gateway that is being served."""

    url: str
    gateway: Gateway
    api: Api
    statements: Statements
    openai: OpenAIFake

    async def sql(self, statement: str, *arguments: object) -> list[asyncpg.Record]:
        """A statement on the catalogue's cluster, past every rule."""
        async with self.gateway.postgres.catalogue.connection() as connection:
            return await connection.fetch(statement, *arguments)

    async def as_login(self, statement: str) -> None:
        """A statement on the catalogue's cluster for which it takes the login itself, a superuser."""
        async with self.gateway.postgres.catalogue.outside() as connection:
            await connection.execute(statement)

    async def statements_of(self, document: str, **variables: Any) -> list[str]:  # noqa: ANN401 - JSON
        """The statements of a request, without authentication and transaction control."""
        self.statements.clear()
        await self.api(document, **variables)
        return self.statements.counted

    async def other_organization(self, name: str = "other") -> Api:
        """An administrator's client of a new organization. The caller closes it."""
        _, secret = await organization.create(self.gateway, name)
        return Api(self.url, secret)


Run: TypeAlias = Callable[..., Awaitable[Running]]


@dataclass
class Place:
    """A database of the test server that can be taken away and brought back, as a region's cluster."""

    url: str
    name: str
    server: asyncpg.Connection[asyncpg.Record]

    async def away(self) -> None:
        """End its connections, and let nobody find it."""
        await self.server.execute(f"alter database {self.name} allow_connections false")
        ended = "select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = $1"
        await self.server.execute(ended, self.name)
        await self.server.execute(f"alter database {self.name} rename to {self.name}_away")

    async def back(self) -> None:
        await self.server.execute(f"alter database {self.name}_away rename to {self.name}")
        await self.server.execute(f"alter database {self.name} allow_connections true")
