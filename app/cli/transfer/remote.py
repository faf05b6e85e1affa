"""The door of a server, by its address and an access token: the same GraphQL that any client speaks."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

import httpx
import orjson

from app.cli.api import as_raised
from app.cli.process import CommandFailed
from app.cli.transfer.door import (
    ID,
    TEXT,
    VECTOR,
    Door,
    GatewayAwayError,
    Making,
    Question,
    Stretch,
    TableColumn,
    Target,
)
from app.domain.insertion import Item, ItemStatus, OnConflict
from app.errors import NotFound
from app.store.record import ColumnType

SECONDS: Final = 120.0
"""For one request: a server ends its own after a minute, unless it is told otherwise."""
GATEWAY_FAULTS: Final = (502, 503, 504)
"""What a proxy answers for a server that is away."""

FIND: Final = """
query Find($database: String!, $name: String!) {
  organization {
    database(name: $database) {
      id collection(name: $name) { id } table(name: $name) { id columns { name type sourceColumn } }
    }
  }
}"""
CREATE_DATABASE: Final = """
mutation CreateDatabase($name: String!) { createDatabase(input: {name: $name}) { database { id } } }"""
CREATE_COLLECTION: Final = """
mutation CreateCollection($databaseId: ID!, $name: String!) {
  createCollection(input: {databaseId: $databaseId, name: $name, embedding: {provider: "local", model: "wordllama-256"}}) {
    collection { id }
  }
}"""
INSERT_DOCUMENTS: Final = """
mutation ImportDocuments($input: InsertDocumentsInput!) {
  inserted: insertDocuments(input: $input) { results { index status code message } }
}"""
INSERT_ROWS: Final = """
mutation ImportRows($input: InsertRowsInput!) {
  inserted: insertRows(input: $input) { results { index status code message } }
}"""
DOCUMENTS: Final = """
query ExportDocuments($id: ID!, $first: Int!, $after: String, $filter: JSONObject) {
  node(id: $id) {
    ... on Collection {
      page: documents(first: $first, after: $after, filter: $filter) {
        nodes { fields vectorize vector } pageInfo { hasNextPage endCursor }
      }
    }
  }
}"""
COUNT: Final = """
query ExportCount($id: ID!, $filter: JSONObject) {
  node(id: $id) {
    ... on Collection { page: documents(first: 1, filter: $filter) { totalCount } }
    ... on Table { page: rows(first: 1, filter: $filter) { totalCount } }
  }
}"""


class Server:
    """Sends operations to a server's GraphQL endpoint with a token."""

    def __init__(self, url: str, token: str) -> None:
        self.url = url.rstrip("/") + ("" if url.rstrip("/").endswith("/graphql") else "/graphql")
        headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
        self.client = httpx.AsyncClient(timeout=SECONDS, headers=headers)

    async def __call__(self, document: str, **variables: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
        """The answer's data. Raises the first error of the answer, and GatewayAwayError where there is none."""
        body = orjson.dumps({"query": document, "variables": variables})
        try:
            answer = await self.client.post(self.url, content=body)
            told = orjson.loads(answer.content)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise GatewayAwayError(f"{self.url} cannot be reached ({error or type(error).__name__}).") from error
        except orjson.JSONDecodeError as error:
            raise self._no_gateway(answer) from error
        if not isinstance(told, dict) or not {"data", "errors"} & told.keys():
            raise self._no_gateway(answer)
        for refused in told.get("errors", []):
            raise as_raised(refused)
        data: dict[str, Any] = told["data"]
        return data

    def _no_gateway(self, answer: httpx.Response) -> Exception:
        if answer.status_code in GATEWAY_FAULTS:
            return GatewayAwayError(f"{self.url} answers {answer.status_code}: the gateway behind it is away.")
        return NotFound(f"{self.url} answers {answer.status_code}, and not as a gateway does: is it the right address?")


@asynccontextmanager
async def opened(url: str, token: str, target: Target, *, making: Making = None) -> AsyncIterator[Door]:
    """The door to a target of the organization that the token belongs to. Raises as a Server's call, and NotFound."""
    server = Server(url, token)
    async with server.client:
        home = (await server(FIND, database=target.database, name=target.name))["organization"]["database"]
        found = (home or {}).get("table" if target.is_table else "collection")
        if found is None and making is not None:
            making()
            found = await _made(server, home, target)
        if found is None:
            raise NotFound(
                f"The server has no {'table' if target.is_table else 'collection'} named {target}, or this token may not see it."
            )
        yield RemoteDoor(server, target, found)


async def _made(server: Server, home: Mapping[str, Any] | None, target: Target) -> Mapping[str, Any]:
    """A collection with the local model, and its database where that is missing, too."""
    if home is None:
        home = (await server(CREATE_DATABASE, name=target.database))["createDatabase"]["database"]
    made: Mapping[str, Any] = await server(CREATE_COLLECTION, databaseId=home["id"], name=target.name)
    found: Mapping[str, Any] = made["createCollection"]["collection"]
    return found


class RemoteDoor(Door):
    """The door to a collection or table of a server."""

    def __init__(self, server: Server, target: Target, found: Mapping[str, Any]) -> None:
        self.target, self.name = target, f"{server.url} {found['id']}"
        self.columns = tuple(
            TableColumn(each["name"], ColumnType(each["type"]), each["sourceColumn"] is not None)
            for each in found.get("columns", ())
        )
        self._server, self._id = server, found["id"]

    async def insert(
        self, items: Sequence[Mapping[str, Any]], on_conflict: OnConflict, key: str | None
    ) -> Sequence[Item]:
        more = {"onConflict": on_conflict.value, "idempotencyKey": key}
        if self.target.is_table:
            answer = await self._server(INSERT_ROWS, input={"tableId": self._id, "rows": items, **more})
        else:
            answer = await self._server(INSERT_DOCUMENTS, input={"collectionId": self._id, "documents": items, **more})
        return [
            Item(each["index"], None, ItemStatus(each["status"]), each["code"], message=each["message"])
            for each in answer["inserted"]["results"]
        ]

    async def check(self, items: Sequence[Mapping[str, Any]]) -> Sequence[Item]:  # noqa: ARG002 - there is no verb for it
        raise CommandFailed("A server checks only what it stores: check without --url.")

    async def page(self, asked: Question, after: str | None, first: int) -> Stretch:
        document = self._rows(asked) if self.target.is_table else DOCUMENTS
        answer = await self._server(document, id=self._id, first=first, after=after, filter=asked.given)
        found = self._node(answer)["page"]
        record = self._row if self.target.is_table else _document
        following = found["pageInfo"]["endCursor"] if found["pageInfo"]["hasNextPage"] else None
        return Stretch([record(each, asked) for each in found["nodes"]], following)

    async def count(self, asked: Question) -> int:
        answer = await self._server(COUNT, id=self._id, filter=asked.given)
        return int(self._node(answer)["page"]["totalCount"])

    def _node(self, answer: Mapping[str, Any]) -> Mapping[str, Any]:
        if answer["node"] is None:
            raise NotFound(f"{self.target} is not there any more.")
        node: Mapping[str, Any] = answer["node"]
        return node

    def _vectors(self, asked: Question) -> list[str]:
        vectors = [each for each in self.columns if each.type is ColumnType.VECTOR]
        return [each.name for each in vectors if asked.vectors or not each.follows]

    def _rows(self, asked: Question) -> str:
        """The query of a page of rows. Names of columns are letters, digits and underscores."""
        vectors = " ".join(f'{name}: vector(column: "{name}")' for name in self._vectors(asked))
        return f"""
            query ExportRows($id: ID!, $first: Int!, $after: String, $filter: JSONObject) {{
              node(id: $id) {{ ... on Table {{ page: rows(first: $first, after: $after, filter: $filter) {{
                nodes {{ fields {vectors} }} pageInfo {{ hasNextPage endCursor }}
              }} }} }}
            }}"""

    def _row(self, found: Mapping[str, Any], asked: Question) -> dict[str, Any]:
        values = {**found["fields"], **{name: found[name] for name in self._vectors(asked)}}
        return {name: value for name, value in values.items() if value is not None}


def _document(found: Mapping[str, Any], asked: Question) -> dict[str, Any]:
    record: dict[str, Any] = dict(found["fields"])
    record = {ID: record.pop(ID), **record}
    if found["vectorize"] is not None:
        record[TEXT] = found["vectorize"]
    if found["vector"] is not None and (asked.vectors or found["vectorize"] is None):
        record[VECTOR] = found["vector"]
    return record
