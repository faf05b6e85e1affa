"""The cases over the catalogue: `hello`, `small`, `tree`. Every contender answers the same shape, by aliases where it has other names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from bench.compare.contest import Case, Contender
from bench.compare.servers import Server
from resolvers.node import split

HELLO = "{ __typename }"
SMALL = "query Small($id: ID!) { organization(id: $id) { id name integrations { id createdAt } } }"
TREE = """
query Tree($id: ID!) {
  organization(id: $id) {
    id name integrations { id credentials { id name scopedDatabases { database { name } } } }
  }
}"""
POSTGRAPHILE_SMALL = """
query Small($id: UUID!) {
  organization: organizationByRowId(rowId: $id) {
    id: rowId name integrations: integrationsByOrganizationIdList { id: rowId createdAt }
  }
}"""
POSTGRAPHILE_TREE = """
query Tree($id: UUID!) {
  organization: organizationByRowId(rowId: $id) {
    id: rowId name integrations: integrationsByOrganizationIdList {
      id: rowId credentials: credentialsByIntegrationIdList {
        id: rowId name scopedDatabases: scopedDatabasesByCredentialIdList { database: databaseByDatabaseId { name } }
      }
    }
  }
}"""

ORGANIZATION = "select id, name from vectorgate.organization where id = $1"
INTEGRATIONS = "select id, created_at from vectorgate.integration where organization_id = $1 order by id"
CREDENTIALS = "select id, integration_id, name from vectorgate.credential where organization_id = $1 order by id"
SCOPES = """
select s.credential_id, d.name from vectorgate.scoped_database s join vectorgate.database d on d.id = s.database_id
where s.organization_id = $1 order by s.id"""


def cases(servers: Mapping[str, Server], organization_id: str, expected: Mapping[str, Any]) -> list[Case]:
    """Of the gateway, and of those of its limit and its peers that are there; `expected`: what the database says, by case."""
    documents = {
        "hello": ("answer nothing", HELLO, HELLO),
        "small": ("an organization with its 8 integrations", SMALL, POSTGRAPHILE_SMALL),
        "tree": (
            "organization, 8 integrations, 80 credentials, 800 scoped databases and their names",
            TREE,
            POSTGRAPHILE_TREE,
        ),
    }
    return [
        Case(name, title, _contenders(servers, name, organization_id, document, other), _agree(expected[name]))
        for name, (title, document, other) in documents.items()
    ]


async def expected(database_url: str, organization_id: str) -> Mapping[str, Any]:
    """What the tables say, by case: four plain statements, put together here."""
    connection = await asyncpg.connect(database_url)
    try:
        found, integrations, credentials, scopes = [
            await connection.fetch(each, key(organization_id))
            for each in (ORGANIZATION, INTEGRATIONS, CREDENTIALS, SCOPES)
        ]
    finally:
        await connection.close()
    whole = {each["id"]: {"id": each["id"], "name": each["name"], "scopedDatabases": []} for each in credentials}
    for each in scopes:
        whole[each["credential_id"]]["scopedDatabases"].append({"database": {"name": each["name"]}})
    of = {
        each["id"]: [whole[one["id"]] for one in credentials if one["integration_id"] == each["id"]]
        for each in integrations
    }
    return {
        "hello": "Query",
        "small": {
            **found[0],
            "integrations": [{"id": each["id"], "createdAt": each["created_at"]} for each in integrations],
        },
        "tree": {**found[0], "integrations": [{"id": each, "credentials": of[each]} for each in of]},
    }


def key(identifier: str) -> UUID:
    """What a global id, or a key itself, stands for."""
    known = split(identifier)
    return UUID(known[1] if known else identifier)


def organization(told: Any) -> Any:  # noqa: ANN401 - JSON
    """An organization with ids and times in one form, and without hosted integrations, which no table has."""
    if isinstance(told, list):
        return [organization(each) for each in told]
    if not isinstance(told, dict):
        return told
    return {name: _leaf(name, value) for name, value in told.items()}


def _leaf(name: str, value: Any) -> Any:  # noqa: ANN401 - JSON
    if name == "createdAt":
        return value and datetime.fromisoformat(value)
    if name == "id":
        return key(value)
    if name == "integrations":
        return organization([each for each in value if each.get("createdAt", True) and each.get("credentials", True)])
    return organization(value)


def _contenders(
    servers: Mapping[str, Server], name: str, organization_id: str, document: str, other: str
) -> list[Contender]:
    own = str(key(organization_id))
    asked: dict[str, tuple[str, Mapping[str, Any]]] = {
        "gateway": ("", _body(document, organization_id)),
        "limit": (f"/{name}", {"id": own}),
        "postgraphile": ("", _body(other, own)),
        "mercurius": ("", _body(document, own)),
    }
    reads: dict[str, Callable[[Any], Any]] = {"limit": lambda told: organization(told["data"])}
    return [
        Contender(each, servers[each].url + path, servers[each].pid, [body], reads.get(each, _read))
        for each, (path, body) in asked.items()
        if each in servers
    ]


def _body(document: str, identifier: str) -> Mapping[str, Any]:
    return {"query": document} if document == HELLO else {"query": document, "variables": {"id": identifier}}


def _read(told: Any) -> Any:  # noqa: ANN401 - JSON
    data = told["data"]
    return organization(data["organization"]) if "organization" in data else data["__typename"]


def _agree(expected: Any) -> Callable[[int, str, Any], None]:  # noqa: ANN401 - JSON
    def agree(_: int, name: str, found: Any) -> None:  # noqa: ANN401 - JSON
        if found != expected:
            raise AssertionError(f"{name} answers something else")

    return agree
