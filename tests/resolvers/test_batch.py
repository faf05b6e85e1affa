"""Reads of several requests in one statement: whoever sees the same shares it, and nobody else."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from uuid import UUID

from app.domain.access_token import authenticate
from app.tenant import working_for
from resolvers.loader import Loaders
from resolvers.node import local_id
from tests.factory import CREATE_TOKEN, TOKEN, Running


async def loaders(running: Running, token: str = TOKEN) -> tuple[UUID, Loaders]:
    session = await authenticate(running.gateway, token, request_id="", address="")
    return session.organization.id, Loaders(running.gateway, session.actor)


async def names(loaders: Loaders, ids: Sequence[UUID]) -> list[str | None]:
    return [found.name if found else None for found in await loaders.database_by_id.load_many(ids)]


async def test_requests_that_see_the_same_share_a_statement(running: Running) -> None:
    ids = [local_id("Database", await running.api.database(name)) for name in ("library", "archive")]
    organization_id, first = await loaders(running)
    _, second = await loaders(running)
    running.statements.clear()
    with working_for(organization_id):
        found = await asyncio.gather(names(first, ids), names(second, ids[:1]))
    assert list(found) == [["library", "archive"], ["library"]]
    assert len(running.statements.counted) == 1


async def test_a_request_that_sees_less_has_a_statement_of_its_own(running: Running) -> None:
    library, archive = [await running.api.database(name) for name in ("library", "archive")]
    ids = [local_id("Database", each) for each in (library, archive)]
    given = {"name": "limited", "roles": ["Read-Only User"], "databaseIds": [archive]}
    limited = (await running.api(CREATE_TOKEN, input=given))["createAccessToken"]["secret"]
    organization_id, all_of_them = await loaders(running)
    _, one_of_them = await loaders(running, limited)
    running.statements.clear()
    with working_for(organization_id):
        found = await asyncio.gather(names(all_of_them, ids), names(one_of_them, ids))
    assert list(found) == [["library", "archive"], [None, "archive"]]
    assert len(running.statements.counted) == 2


async def test_a_request_asks_for_a_thing_once_and_anew_after_it_has_forgotten(running: Running) -> None:
    identifier = local_id("Database", await running.api.database("library"))
    organization_id, before = await loaders(running)
    _, after = await loaders(running)
    with working_for(organization_id):
        assert await names(before, [identifier]) == ["library"]
        await running.sql("update vectorgate.database set name = 'archive'")
        running.statements.clear()
        assert await names(before, [identifier]) == ["library"]
        assert running.statements.counted == []
        assert await names(after, [identifier]) == ["archive"]
