"""Rows of another organization do not exist for a connection, whatever a statement forgets."""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import asyncpg
import pytest

from app import tenant
from app.postgres import Connection
from app.secret import token_hash
from app.store import credential, isolation
from resolvers.node import local_id
from tests.factory import ADD_CREDENTIAL, CREATE_DATABASE, INSERT, KEY, TOKEN, Api, Run, Running
from tests.resolvers.documents import REMOVE

OWNED = """
select c.oid::regclass::text as name, c.relrowsecurity and c.relforcerowsecurity as bound
from pg_class c join pg_attribute a on a.attrelid = c.oid
where c.relnamespace = $1::regnamespace and c.relkind in ('r', 'p') and a.attname = 'organization_id'"""
TABLES = """
select c.oid::regclass::text as name from pg_class c
where c.relnamespace = $1::regnamespace and c.relkind in ('r', 'p') and not (c.relrowsecurity and c.relforcerowsecurity)"""
OF_NOBODY = {
    "vectorgate.migration": "names of files of this program; the role that policies bind may only read it",
    "vectorgate.encryption_key": "the operator's keys, by a fingerprint that tells nothing of them",
}
"""Tables that are the deployment's, each with what they hold."""
MEMBER = "select pg_has_role($1, 'postgres', 'member') as member"
LOGIN = "select session_user::text, current_user::text, (select rolsuper from pg_roles where rolname = current_user)"

BOOKS = "{ organization { databases { nodes { collections { nodes { id } } } } } }"
GIVEN = {"provider": "openai", "name": "once", "apiKey": KEY}
ROWS = {
    "table_version": "(table_id, version) values ($1, 1)",
    "capture": "(job_id, attempt) values ($1, 1)",
    "change": "(job_id, key) values ($1, 'a')",
}


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


async def test_no_table_is_without_a_policy_but_those_that_hold_nothing_of_organizations(running: Running) -> None:
    unbound = [
        row["name"] for schema in ("vectorgate", "vectorgate_region") for row in await running.sql(TABLES, schema)
    ]
    assert set(unbound) == set(OF_NOBODY), "give a new table a policy, or say here why it needs none"
    policies = await running.sql(
        "select tablename, qual from pg_policies where schemaname ~ '^vectorgate' and qual = 'true'"
    )
    assert policies == [], "a policy for everybody is none"


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
    [row] = await running.sql(MEMBER, isolation.ROLE)
    assert not row["member"], "members of a superuser's role own what it owns"


async def test_that_role_may_what_statements_need_and_nothing_that_undoes_what_binds_it(running: Running) -> None:
    for statement in (
        "alter table vectorgate.credential disable row level security",
        "alter table vectorgate.audit_event disable trigger all",
        "drop policy of_organization on vectorgate.role",
        "create or replace function vectorgate.is_ours(organization uuid) returns boolean language sql as 'select true'",
        "create table vectorgate.mine ()",
        "create role another superuser",
        "truncate vectorgate.idempotency",
        "select pg_read_file('PG_VERSION')",
        "select rolpassword from pg_authid",
        "update vectorgate.migration set sha256 = ''",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await running.sql(statement)


async def test_the_role_of_an_earlier_version_loses_the_superuser_s_and_keeps_what_it_works_with(
    running: Running,
) -> None:
    home = f"vg_{uuid4().hex}"
    await running.as_login(f"create schema {home}; create table {home}.c (n int)")
    try:
        await running.as_login(f"grant postgres to {isolation.ROLE}")
        async with running.gateway.postgres.catalogue.outside() as connection:
            await isolation.make_role(connection)
            await connection.execute(f"set role {isolation.ROLE}")
            assert not await connection.fetchval(MEMBER, isolation.ROLE)
            await connection.execute(f"alter table {home}.c add column m int")
    finally:
        await running.as_login(f"revoke postgres from {isolation.ROLE}")


async def test_names_of_organizations_their_roles_and_outcomes_of_calls_are_their_own(
    running: Running, other: Api
) -> None:
    await running.api.openai_collection()
    mine, theirs = await organizations(running)
    for api in (running.api, other):
        made = 'mutation { createRole(input: {name: "Clerk", permissions: [READ_DATA]}) { role { id } } }'
        await api(made)
        books = (await api(BOOKS))["organization"]["databases"]["nodes"][0]["collections"]["nodes"][0]["id"]
        await api(INSERT, input={"collectionId": books, "documents": [{}], "idempotencyKey": "the-same-key-1234"})
        await api(ADD_CREDENTIAL, input=GIVEN | {"idempotencyKey": "the-same-key-5678"})
    with tenant.working_for(mine):
        async with running.gateway.postgres.catalogue.connection() as connection:
            for table in ("vectorgate.role", "vectorgate.idempotency", "vectorgate_region.idempotency"):
                assert await owners(connection, table) == {mine}, table
            assert [row["id"] for row in await connection.fetch("select id from vectorgate.organization")] == [mine]
    async with running.gateway.postgres.catalogue.connection() as connection:
        for table in ("vectorgate.role", "vectorgate.idempotency", "vectorgate_region.idempotency"):
            assert await owners(connection, table) == {mine, theirs}, table
        for table in ("table_version", "capture", "change"):
            await connection.execute("select set_config('vectorgate.organization', $1, false)", str(theirs))
            await connection.execute(f"insert into vectorgate_region.{table} {ROWS[table]}", uuid4())
            await connection.execute("select set_config('vectorgate.organization', $1, false)", str(mine))
            assert await owners(connection, f"vectorgate_region.{table}") == set(), table
        await isolation.enter(connection, tenant.EVERYONE)


async def test_before_it_is_known_who_asks_nothing_can_be_read_but_what_belongs_to_a_secret(
    running: Running, other: Api
) -> None:
    assert other
    async with running.gateway.postgres.catalogue.connection() as connection:
        await isolation.enter(connection, tenant.NOBODY)
        for schema in ("vectorgate", "vectorgate_region"):
            for row in await connection.fetch(OWNED, schema):
                assert await connection.fetch(f"select from {row['name']}") == [], row["name"]
        assert await connection.fetch("select from vectorgate.organization") == []
        [found] = await connection.fetch("select * from vectorgate.token_of($1)", token_hash(TOKEN))
        assert (found["name"], found["organization_name"]) == ("bootstrap", "default")
        assert await connection.fetch("select from vectorgate.token_of($1)", token_hash("vg_another")) == []
        await isolation.enter(connection, tenant.EVERYONE)


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


async def test_a_row_of_before_rows_had_owners_is_still_counted_with_and_can_be_brought_up_to_date(
    running: Running,
) -> None:
    books = await running.api.openai_collection()
    key = {"idempotencyKey": "the-same-key-1234"}
    given = {"collectionId": books, "documents": [{"a": 1}], **key}
    first = await running.api(INSERT, input=given)
    await running.sql("update vectorgate_region.idempotency set organization_id = null")
    assert await running.api(INSERT, input=given) == first
    assert len(await running.api.documents(books)) == 1
    await running.sql("update vectorgate_region.idempotency set created_at = now() - interval '2 days'")
    await running.api(INSERT, input=given)
    assert len(await running.api.documents(books)) == 2
