"""How many SQL statements an operation takes: an N+1 fails here."""

from __future__ import annotations

import pytest

from tests.factory import SEARCH, Running

NESTED = "{ organization { integrations { credentials { scopedDatabases { database { name %s } } } } } }"
# integrations, credentials, scopes, databases; the organization comes with authentication
A_STATEMENT_A_LEVEL = (NESTED % "region { name }", 4)
# integrations; PostgreSQL writes all below
WRITTEN_WITH_ITS_PARENTS = (NESTED % "", 2)


@pytest.mark.parametrize(("document", "count"), [A_STATEMENT_A_LEVEL, WRITTEN_WITH_ITS_PARENTS])
async def test_a_nested_query_takes_one_statement_a_level_at_most(running: Running, document: str, count: int) -> None:
    databases = tuple([await running.api.database(f"library_{number}") for number in range(5)])
    for number in range(4):
        await running.api.credential(f"key_{number}", databases=databases)
    assert len(await running.statements_of(document)) == count


@pytest.mark.parametrize("given", [None, {"shelf": {"$lt": 10}}])
async def test_a_search_takes_two_statements(running: Running, given: dict[str, object] | None) -> None:
    collection_id = await running.api.openai_collection()
    await running.api.insert(
        collection_id, *({"shelf": number, "$vectorize": f"book {number}"} for number in range(20))
    )
    statements = await running.statements_of(SEARCH, id=collection_id, query="book", filter=given)
    assert len(statements) == 2
    assert "left join vectorgate.credential" in statements[0]
    assert "order by distance" in statements[1]


async def test_an_insert_of_many_documents_takes_one_statement_to_write(running: Running) -> None:
    collection_id = await running.api.local_collection()
    running.statements.clear()
    await running.api.insert(collection_id, *({"_id": number, "$vectorize": f"book {number}"} for number in range(500)))
    resolve, existing, write, audit = running.statements.counted
    assert "left join" in resolve
    assert "select key" in existing
    assert "insert into" in write
    assert "audit_event" in audit


async def test_an_insert_of_many_rows_takes_one_statement_to_write_however_many_columns_embed(running: Running) -> None:
    local = {"provider": "local", "model": "wordllama-256"}
    text = {"name": "title", "type": "TEXT"}
    vectors = [
        {"name": "v", "type": "VECTOR", "embedding": local, "sourceColumn": "title"},
        {"name": "w", "type": "VECTOR", "embedding": local},
    ]
    films = await running.api.table(
        await running.api.database(), columns=({"name": "id", "type": "INT"}, text, *vectors)
    )
    rows = [{"id": number, "title": f"film {number}", "w": f"plot {number}"} for number in range(500)]
    running.statements.clear()
    await running.api.insert_rows(films, *rows)
    resolve, existing, write, fence, audit = running.statements.counted
    assert "left join" in resolve
    assert "select created_at" in existing
    assert "insert into" in write
    assert "table_version" in fence
    assert "audit_event" in audit
