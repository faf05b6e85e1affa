"""The audit log is added to and read, whatever SQL somebody runs: as the role that statements run as, and as the login that owns it."""

from __future__ import annotations

from uuid import uuid4

import asyncpg
import pytest

from app import tenant
from app.access import Actor
from app.domain import audit
from app.store import audit_event, audit_outbox
from tests.factory import Running

CHANGES = (
    "update vectorgate.audit_event set actor = 'nobody'",
    "update vectorgate.audit_event set actor = 'nobody' where false",
    "delete from vectorgate.audit_event",
    "truncate vectorgate.audit_event",
    "truncate vectorgate.organization cascade",
)
OUTBOX_CHANGES = (
    "update vectorgate_region.audit_outbox set actor = 'nobody'",
    "truncate vectorgate_region.audit_outbox",
)
EVENTS = "select * from vectorgate.audit_event order by number"


async def test_no_statement_changes_or_removes_an_event(running: Running) -> None:
    await running.api.database()
    before = await running.sql(EVENTS)
    assert [row["action"] for row in before] == ["create_database"]
    for change in CHANGES:
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="permission denied"):
            await running.sql(change)
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="audit_event is added to only: "):
            await running.as_login(change)
    assert await running.sql(EVENTS) == before
    await running.api.database("archive")
    assert len(await running.sql(EVENTS)) == 2


async def test_an_event_can_neither_be_read_nor_added_for_another_organization(running: Running) -> None:
    async with await running.other_organization() as other:
        await other.database("theirs")
    await running.api.database("mine")
    first, second = [row["id"] for row in await running.sql("select id from vectorgate.organization order by id")]
    with tenant.working_for(first):
        async with running.gateway.postgres.catalogue.connection() as connection:
            assert {row["organization_id"] for row in await connection.fetch(EVENTS)} == {first}
            told = audit.event(Actor.system(second), "create_database", "Database", uuid4(), "forged")
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await audit_event.append(connection, told)
    assert "forged" not in [row["target_name"] for row in await running.sql(EVENTS)]


async def test_an_event_that_waits_in_a_region_is_not_changed_and_is_removed_when_the_catalogue_has_it(
    running: Running,
) -> None:
    [row] = await running.sql("select id from vectorgate.organization")
    told = audit.event(Actor.system(row["id"]), "insert_documents", "Collection", uuid4(), "books", inserted=1)
    async with running.gateway.postgres.catalogue.connection() as connection:
        await audit_outbox.put(connection, told)
    for change in OUTBOX_CHANGES:
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="permission denied"):
            await running.sql(change)
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="audit_outbox is added to"):
            await running.as_login(change)
    await audit.move(running.gateway, "local")
    assert await running.sql("select from vectorgate_region.audit_outbox") == []
    assert [row["id"] for row in await running.sql(EVENTS)] == [told.id]


async def test_an_operator_takes_out_what_was_exported_by_lifting_the_lock_for_one_transaction(
    running: Running,
) -> None:
    await running.api.database()
    await running.as_login(
        "begin; alter table vectorgate.audit_event disable trigger is_added_to_only; "
        "delete from vectorgate.audit_event where occurred_at <= now(); "
        "alter table vectorgate.audit_event enable trigger is_added_to_only; commit"
    )
    assert await running.sql(EVENTS) == []
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await running.as_login("delete from vectorgate.audit_event")
