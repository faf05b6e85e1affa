"""Rows of another organization do not exist for a connection, whatever a statement forgets."""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import asyncpg
import pytest

from app import tenant
from app.postgres import Connection
from app.store import credential, isolation
from resolvers.node import local_id
from tests.factory import CREATE_DATABASE, Api, Run, Running
from tests.resolvers.documents import REMOVE

OWNED = """
select c.oid::regclass::text as name, c.relrowsecurity and c.relforcerowsecurity as bound
from pg_class c join pg_attribute a on a.attrelid = c.oid
where c.relnamespace = $1::regnamespace and c.relkind in ('r', 'p') and a.attname = 'organization_id'"""
LOGIN = "select session_user::text, current_user::text, (select rolsuper from pg_roles where rolname = current_user)"


@pytest.fixture
async def other(running: Running) -> AsyncIterator[Api]:
    """Another organization, with rows of its own wherever one has some."""
    async with await running.other_organization() as api:
        await api.openai_collection()
        yield api


async def organizations(running: Running) -> tuple[UUID, UUID]:
    """The first one's id and the other's."""
    rows = await running.sql("select id from vectorgate.organization order by id")
    return rows[0]["id"], rows[1]["id"]


async def owners(connection: Connection, table: str) -> set[UUID]:
    return {row["organization_id"] for row in await connection.fetch(f"select organization_id from {table}")}  # noqa: S608 - names from this file


@pytest.mark.parametrize("schema", ["vectorgate", "vectorgate_region"])
async def test_every_table_with_owners_has_a_policy_that_binds_its_own_owner(running: Running, schema: str) -> None:
    found = await running.sql(OWNED, schema)
    assert found
    assert [row["name"] for row in found if not row["bound"]] == []
    policies = await running.sql("select tablename from pg_policies where schemaname = $1", schema)
    assert {row["name"].removeprefix(f"{schema}.") for row in found} <= {row["tablename"] for row in policies}


async def test_plain_sql_sees_and_changes_nothing_of_another_organization(running: Running, other: Api) -> None:
    await running.api.openai_collection()
    first, second = await organizations(running)
    with tenant.working_for(first):
        async with running.gateway.postgres.catalogue.connection() as connection:
            for table in (
                "credential",
                "database",
                "target",
                "attachment",
                "scoped_database",
                "access_token",
                "integration",
            ):
                assert await owners(connection, f"vectorgate.{table}") == {first}
            theirs = "select count(*) from vectorgate.credential where organization_id = $1"
            assert await connection.fetchval(theirs, second) == 0
            assert (
                await connection.execute("update vectorgate.credential set hint = 'mine' where hint <> 'mine'")
                == "UPDATE 1"
            )
            assert await connection.execute("delete from vectorgate.scoped_database") == "DELETE 1"
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute("update vectorgate.database set organization_id = $1", second)
    rows = await running.sql("select organization_id from vectorgate.credential where hint <> 'mine'")
    assert [row["organization_id"] for row in rows] == [second]
    assert len(await running.sql("select from vectorgate.scoped_database where organization_id = $1", second)) == 1
    assert (await other(CREATE_DATABASE, input={"name": "still_mine"}))["createDatabase"]


async def test_a_statement_that_has_lost_its_condition_still_sees_nothing_foreign(
    running: Running, other: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = await other.credential("theirs", databases=(await other.database("shelf"),))
    mine = await running.api.credential("mine")
    for module, name, condition in (
        (credential, "_BY_ID", "c.organization_id = $1 and "),
        (credential, "_LOCK", "c.organization_id = $1 and "),
        (credential, "_DELETE", "organization_id = $1 and "),
    ):
        careless = getattr(module, name).replace(condition, "$1::uuid is not null and ")
        assert careless != getattr(module, name)
        monkeypatch.setattr(module, name, careless)
    query = "query Q($id: ID!) { node(id: $id) { ... on Credential { name } } }"
    assert (await running.api(query, id=mine))["node"] == {"name": "mine"}
    assert (await running.api(query, id=theirs))["node"] is None
    assert (await running.api.refusal(REMOVE, id=theirs, name="theirs")).codes == ["NOT_FOUND"]
    async with running.gateway.postgres.catalogue.connection() as connection:
        found = await credential.by_ids(connection, uuid4(), [local_id("Credential", theirs)])
    assert [each.name for each in found] == ["theirs"], "the gateway's own work goes over all organizations"


async def test_two_organizations_on_one_connection_each_see_their_own(run: Run) -> None:
    alone = await run(pool_size=1)
    query = "{ organization { name integrations { credentials { name } } } }"
    async with await alone.other_organization() as other:
        await alone.api.credential("mine")
        await other.credential("theirs")
        for _ in range(3):
            for api, name in ((alone.api, "mine"), (other, "theirs")):
                organization = (await api(query))["organization"]
                assert [each["name"] for one in organization["integrations"] for each in one["credentials"]] == [name]


async def test_being_told_for_whom_costs_nothing_while_one_organization_asks(running: Running) -> None:
    query = "{ organization { integrations { provider { key } } } }"
    await running.api(query)
    told = []
    for _ in range(5):
        running.statements.clear()
        await running.api(query)
        told.append(sum("set_config" in each for each in running.statements.seen))
    assert min(told) == 0


async def test_a_superuser_s_statements_run_as_a_role_that_policies_bind(running: Running) -> None:
    [row] = await running.sql(LOGIN)
    assert (row["session_user"], row["current_user"], row["rolsuper"]) == ("postgres", isolation.ROLE, False)


async def test_nobody_sees_nothing_and_neither_does_a_connection_that_was_told_nothing(
    running: Running, other: Api
) -> None:
    assert other
    async with running.gateway.postgres.catalogue.connection() as connection:
        for statement in ("select set_config('vectorgate.organization', '', false)", "reset vectorgate.organization"):
            await connection.execute(statement)
            assert await owners(connection, "vectorgate.credential") == set()
            assert await owners(connection, "vectorgate.access_token") == set()
        await isolation.enter(connection, tenant.EVERYONE)
        assert len(await owners(connection, "vectorgate.access_token")) == 2
