"""Operations on tables as their tests send them, and columns to give."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from app.store import identifier
from resolvers.node import local_id
from tests.factory import Api, Running

TABLE = """
query Table($id: ID!) {
  node(id: $id) { ... on Table {
    id name createdAt primaryKey database { name }
    columns {
      id name type nullable dimension sourceColumn index { name metric status }
      embedding { provider { key } credentialName model dimension parameters status { available reason } }
    }
  } }
}"""
DROP_TABLE = """
mutation Drop($id: ID!, $name: String!) {
  dropTable(input: {tableId: $id, confirmName: $name}) { droppedTableId database { name tables { nodes { name } } } }
}"""
ADD_COLUMNS = """
mutation Add($id: ID!, $columns: [ColumnInput!]!) {
  addColumns(input: {tableId: $id, columns: $columns}) { table { id columns { name nullable index { status } } } }
}"""
DROP_COLUMNS = """
mutation Drop($id: ID!, $columns: [String!]!) {
  dropColumns(input: {tableId: $id, columns: $columns}) { table { id columns { name } } }
}"""
ATTACH = """
mutation Attach($id: ID!, $column: String!, $embedding: EmbeddingInput!, $source: String, $replace: Boolean! = false) {
  attachIntegration(input: {tableId: $id, column: $column, embedding: $embedding, sourceColumn: $source, replace: $replace}) {
    table { id name } warnings
    column { id name sourceColumn dimension index { name } embedding { provider { key } model dimension parameters status { available } } }
  }
}"""
DETACH = """
mutation Detach($id: ID!, $column: String!) {
  detachIntegration(input: {tableId: $id, column: $column}) {
    table { id name } column { id name sourceColumn dimension embedding { model } index { name metric status } }
  }
}"""
CREATE_INDEX = """
mutation Index($id: ID!, $column: String!, $name: String, $metric: Metric! = COSINE) {
  createVectorIndex(input: {tableId: $id, column: $column, name: $name, metric: $metric}) {
    table { id name } column { name index { name metric status } } job { id kind status column target { name } }
  }
}"""
DROP_INDEX = """
mutation Drop($id: ID!, $name: String!) {
  dropVectorIndex(input: {tableId: $id, name: $name}) { table { id columns { name index { name } } } }
}"""
JOB = """
query Job($id: ID!) {
  node(id: $id) { ... on Job { kind status column targetName total processed failed errorCode error } }
}"""
LOCAL = {"provider": "local", "model": "wordllama-256"}
ID = {"name": "id", "type": "INT"}
TITLE = {"name": "title", "type": "TEXT"}


def vector(name: str = "v", dimension: int | None = 3, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    """A vector column as ColumnInput has it."""
    return {"name": name, "type": "VECTOR", "dimension": dimension, **more}


async def table(api: Api, identifier: str) -> dict[str, Any]:
    """A table with its columns by name."""
    found: dict[str, Any] = (await api(TABLE, id=identifier))["node"]
    return found | {"columns": {each["name"]: each for each in found["columns"]}}


async def physical(running: Running) -> list[str]:
    """The tables in schemas of databases in the catalogue's cluster."""
    rows = await running.sql("select tablename from pg_tables where schemaname like 'vg\\_%'")
    return [row["tablename"] for row in rows]


async def put(running: Running, table_id: str, ids: Iterable[int], **values: object) -> None:
    """Rows past every rule, each with the same values."""
    into, columns = await home(running, table_id)
    names = ", ".join(columns[name] for name in ("id", *values))
    places = ", ".join(f"${number}" for number in range(1, len(values) + 2))
    for number in ids:
        await running.sql(f"insert into {into} ({names}) values ({places})", number, *values.values())  # noqa: S608 - past every rule


async def count(running: Running, table_id: str, column: str) -> int:
    """How many rows have a value in a column, past every rule."""
    into, columns = await home(running, table_id)
    [row] = await running.sql(f"select count({columns[column]}) as number from {into}")  # noqa: S608 - past every rule
    number: int = row["number"]
    return number


async def home(running: Running, table_id: str) -> tuple[str, dict[str, str]]:
    """A table's place in its region, and the columns there by name."""
    found = (await table(running.api, table_id))["columns"]
    columns = {name: identifier.column(local_id("Column", each["id"])) for name, each in found.items()}
    [row] = await running.sql("select database_id from vectorgate.target where id = $1", local_id("Table", table_id))
    return identifier.row_table(row["database_id"], local_id("Table", table_id)), columns


async def version(running: Running, table_id: str) -> tuple[int, int | None]:
    """A table's version, in the catalogue and in its region."""
    [row] = await running.sql(
        "select t.version, r.version as known from vectorgate.target t left join vectorgate_region.table_version r on r.table_id = t.id "
        "where t.id = $1",
        local_id("Table", table_id),
    )
    return row["version"], row["known"]


async def physical_columns(running: Running, table_id: str) -> list[str]:
    """The columns and indexes that a table has in its region."""
    name = f"t_{local_id('Table', table_id).hex}"
    columns = await running.sql(
        "select attname as name from pg_attribute a join pg_class c on c.oid = a.attrelid "
        "where c.relname = $1 and attnum > 0 and not attisdropped order by attnum",
        name,
    )
    indexes = await running.sql(
        "select indexname as name from pg_indexes where tablename = $1 order by indexname", name
    )
    return [row["name"] for row in (*columns, *indexes)]
