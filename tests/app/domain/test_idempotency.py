"""Idempotency keys: what they are, and that an input is recognised without being kept."""

from __future__ import annotations

from uuid import uuid4

import pytest

from app.access import EVERYTHING, Actor
from app.domain.idempotency import AlreadyDoneError, Once, once
from app.errors import BadInput
from tests.conftest import KEYS
from tests.factory import Run, Running

KEY = "a-key-of-16-char"
GIVEN = {"name": "main", "apiKey": "sk-canary-0123456789", "databaseIds": [1, 2]}


ORGANIZATION, TOKEN = uuid4(), uuid4()


def call(running: Running, key: str | None = KEY, mutation: str = "addCredential", **more: object) -> Once:
    """A call of this test's one token."""
    actor = Actor(ORGANIZATION, TOKEN, "token", [], EVERYTHING)
    return once(running.gateway, actor, "vectorgate", key, mutation, {**GIVEN, **more})


@pytest.mark.parametrize("key", ["x" * 16, "x" * 255, "ключ-ключ-ключ-ключ"])
async def test_a_key_has_16_to_255_characters(running: Running, key: str) -> None:
    assert call(running, key).key == key


@pytest.mark.parametrize("key", ["", "x" * 15, "x" * 256, "with a NUL \x00 inside"])
async def test_any_other_key_is_refused(running: Running, key: str) -> None:
    with pytest.raises(BadInput, match="idempotencyKey"):
        call(running, key)


async def test_without_a_key_nothing_is_remembered(running: Running) -> None:
    nameless = call(running, None)
    async with running.gateway.postgres.catalogue.transaction() as connection:
        await nameless.claim(connection, "outcome")
        assert await nameless.recall(connection) is None
    assert await running.sql("select from vectorgate.idempotency") == []


async def test_the_first_outcome_is_recalled_for_the_same_input_only(running: Running) -> None:
    async with running.gateway.postgres.catalogue.transaction() as connection:
        assert await call(running).recall(connection) is None
        await call(running).claim(connection, ["outcome", 1])
        assert await call(running).recall(connection) == ["outcome", 1]
        for other in ({"name": "Main"}, {"apiKey": "sk-other-0123456789"}, {"databaseIds": [2, 1]}, {"extra": None}):
            with pytest.raises(BadInput, match="another input"):
                await call(running, **other).recall(connection)
        with pytest.raises(BadInput, match="another input"):
            await call(running, mutation="rotateCredential").recall(connection)


async def test_a_second_claim_is_told_that_it_comes_too_late(running: Running) -> None:
    async with running.gateway.postgres.catalogue.transaction() as connection:
        await call(running).claim(connection, "first")
    with pytest.raises(AlreadyDoneError):
        async with running.gateway.postgres.catalogue.transaction() as connection:
            await call(running).claim(connection, "second")
    async with running.gateway.postgres.catalogue.connection() as connection:
        assert await call(running).recall(connection) == "first"


async def test_a_claim_whose_transaction_fails_leaves_the_key_free(running: Running) -> None:
    async def fail() -> None:
        async with running.gateway.postgres.catalogue.transaction() as connection:
            await call(running).claim(connection, "first")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fail()
    async with running.gateway.postgres.catalogue.transaction() as connection:
        assert await call(running).recall(connection) is None
        await call(running).claim(connection, "claimed")
        await call(running).settle(connection, "settled")
        assert await call(running).recall(connection) == "settled"


async def test_an_input_is_kept_as_a_keyed_hash_that_older_keys_of_the_ring_still_recognise(
    run: Run, running: Running
) -> None:
    async with running.gateway.postgres.catalogue.transaction() as connection:
        await call(running).claim(connection, "outcome")
    assert "canary" not in str(await running.sql("select input_hash, outcome from vectorgate.idempotency"))
    both = ",".join((f"next:{'A' * 43}=", KEYS))
    later = await run(encryption_keys=both)
    async with later.gateway.postgres.catalogue.connection() as connection:
        assert await call(later).recall(connection) == "outcome"
    alone = await run(encryption_keys=f"next:{'A' * 43}=")
    async with alone.gateway.postgres.catalogue.connection() as connection:
        with pytest.raises(BadInput, match="another input"):
            await call(alone).recall(connection)
