from __future__ import annotations

import base64

import pytest

from app.domain import resealing
from app.domain.embedding import context
from app.gateway import Gateway
from app.secret import Sealed
from app.store import credential
from resolvers.node import local_id
from tests.app.cli.support import Call
from tests.conftest import KEYS
from tests.factory import KEY, SECOND_KEY, Run, Running

NEW = f"new:{base64.b64encode(bytes(32)).decode()}"
BOTH = f"{NEW},{KEYS}"
ROTATE = """
mutation R($id: ID!, $key: String!) {
  rotateCredential(input: {credentialId: $id, apiKey: $key, keepPreviousSeconds: 3600}) { credential { version } }
}"""
ROLL_BACK = "mutation B($id: ID!) { rollBackCredential(input: {credentialId: $id}) { credential { hint } } }"


async def sealing_keys(running: Running) -> list[str]:
    """The ids of the keys that seal what is stored, earlier secrets included."""
    rows = await running.sql("select sealed, previous_sealed from vectorgate.credential")
    return sorted(Sealed(text).key_id for row in rows for text in row if text)


@pytest.fixture
async def credentials(running: Running) -> list[str]:
    """Three credentials, the first of which keeps its secret from before."""
    ids = [await running.api.credential(name, KEY) for name in ("one", "two", "three")]
    await running.api(ROTATE, id=ids[0], key=SECOND_KEY)
    assert await sealing_keys(running) == ["test"] * 4
    return ids


async def test_every_secret_moves_to_the_first_key_and_opens_without_the_old_one(
    call: Call, running: Running, run: Run, credentials: list[str]
) -> None:
    ended = await call("keys", "rotate", ENCRYPTION_KEYS=BOTH)
    assert (ended.code, ended.err) == (0, "")
    assert ended.out == "Re-sealed 3 secret(s); 0 were under the newest key already.\n"
    assert await sealing_keys(running) == ["new"] * 4
    after = await run(encryption_keys=NEW)
    assert await resealing.unreadable(after.gateway) == []
    rolled_back = await after.api(ROLL_BACK, id=credentials[0])
    assert rolled_back["rollBackCredential"]["credential"]["hint"] == KEY[-4:]


async def test_it_goes_on_after_an_interruption_and_does_nothing_twice(
    call: Call, running: Running, run: Run, credentials: list[str]
) -> None:
    await _reseal_one((await run(encryption_keys=BOTH)).gateway, credentials[1])
    assert await sealing_keys(running) == ["new", "test", "test", "test"]
    ended = await call("keys", "rotate", ENCRYPTION_KEYS=BOTH)
    assert ended.out == "Re-sealed 2 secret(s); 1 were under the newest key already.\n"
    before = await running.sql("select sealed from vectorgate.credential")
    ended = await call("keys", "rotate", ENCRYPTION_KEYS=BOTH)
    assert ended.out == "Re-sealed 0 secret(s); 3 were under the newest key already.\n"
    assert await running.sql("select sealed from vectorgate.credential") == before


async def _reseal_one(gateway: Gateway, credential_id: str) -> None:
    """As far as an interrupted `keys rotate` might have come."""
    identifier = local_id("Credential", credential_id)
    async with gateway.postgres.catalogue.connection() as connection:
        every = await credential.every_secret(connection, resealing.FIRST, 100)
        ((_, owner, current, _previous),) = [each for each in every if each[0] == identifier]
        fresh = gateway.keyring.reseal(current, context(owner, identifier))
        assert await credential.reseal(connection, identifier, (current, None), (fresh, None))


async def test_a_secret_that_no_key_opens_is_named_and_keeps_the_others_from_nothing(
    call: Call, running: Running, credentials: list[str]
) -> None:
    await running.sql(
        "update vectorgate.credential set sealed = 'v1.lost.AAAAAAAAAAAAAAAAAAAAAAAAAAAA' where id = $1",
        local_id("Credential", credentials[2]),
    )
    ended = await call("keys", "rotate", ENCRYPTION_KEYS=BOTH)
    assert ended.code == 1
    assert ended.out == "Re-sealed 2 secret(s); 0 were under the newest key already.\n"
    assert ended.told.startswith("1 secret(s) open with no key of the ring")
    assert credentials[2] in ended.told
    assert await sealing_keys(running) == ["lost", "new", "new", "new"]


async def test_a_ring_without_the_old_key_changes_nothing(call: Call, running: Running, credentials: list[str]) -> None:
    ended = await call("keys", "rotate", ENCRYPTION_KEYS=NEW)
    assert (ended.code, len(credentials)) == (1, 3)
    assert ended.told.startswith("3 secret(s) open with no key of the ring")
    assert await sealing_keys(running) == ["test"] * 4
