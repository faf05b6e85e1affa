"""Who asks, found for many requests in one statement: each gets its own answer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence

import pytest

from app.domain.access_token import Session, authenticate
from app.errors import DatabaseUnavailable, Unauthenticated
from app.postgres import Connection
from app.store import access_token
from app.store.access_token import Valid
from tests.factory import CREATE_TOKEN, TOKEN, Running


def session(running: Running, token: str) -> Awaitable[Session]:
    return authenticate(running.gateway, token, request_id="", address="")


async def reader(running: Running) -> str:
    """A new token that may read data."""
    made = await running.api(CREATE_TOKEN, input={"name": "reader", "roles": ["Read-Only User"]})
    return str(made["createAccessToken"]["secret"])


def authentications(running: Running) -> list[str]:
    return [each for each in running.statements.seen if "vectorgate.token_of" in each]


async def test_tokens_that_come_together_share_a_statement_and_nothing_else(running: Running) -> None:
    tokens = [TOKEN, await reader(running), TOKEN]
    running.statements.clear()
    found = await asyncio.gather(*(session(running, each) for each in tokens))
    assert [each.actor.token_name for each in found] == ["bootstrap", "reader", "bootstrap"]
    assert [len(each.actor.permissions) for each in found] == [12, 1, 12]
    assert len(authentications(running)) == 1


async def test_a_revoked_token_is_refused_beside_one_that_is_in_force(running: Running) -> None:
    token = await reader(running)
    assert (await session(running, token)).actor.token_name == "reader"
    await running.sql("update vectorgate.access_token set revoked_at = now() where name = 'reader'")
    admin, revoked, unknown = await asyncio.gather(
        session(running, TOKEN),
        session(running, token),
        session(running, "vg_unknown"),
        return_exceptions=True,
    )
    assert isinstance(admin, Session)
    assert isinstance(revoked, Unauthenticated)
    assert isinstance(unknown, Unauthenticated)


async def test_requests_that_come_one_after_the_other_are_looked_up_each(running: Running) -> None:
    running.statements.clear()
    await session(running, TOKEN)
    await session(running, TOKEN)
    assert len(authentications(running)) == 2


async def test_a_statement_that_fails_refuses_all_who_wait_for_it_and_nobody_after_them(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(_connection: Connection, _hashes: Sequence[bytes]) -> dict[bytes, Valid]:
        raise DatabaseUnavailable("The cluster is away.")

    with monkeypatch.context() as patched:
        patched.setattr(access_token, "valid", away)
        answers = await asyncio.gather(*(running.api.post("{ __typename }") for _ in range(3)))
    told = [answer.json()["errors"][0]["extensions"] for answer in answers]
    assert [answer.status_code for answer in answers] == [503, 503, 503]
    assert {each["code"] for each in told} == {"DATABASE_UNAVAILABLE"}
    assert len({each["requestId"] for each in told}) == 3
    assert (await running.api("{ __typename }")) == {"__typename": "Query"}


async def test_a_request_that_is_given_up_leaves_the_others_their_answer(running: Running) -> None:
    leaving, staying = (asyncio.ensure_future(session(running, TOKEN)) for _ in range(2))
    await asyncio.sleep(0)
    leaving.cancel()
    assert (await staying).actor.token_name == "bootstrap"
    assert leaving.cancelled()
