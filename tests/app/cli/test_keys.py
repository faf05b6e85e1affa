from __future__ import annotations

import asyncio
import base64
import json

import asyncpg
import pytest

from app.domain import resealing
from app.domain.embedding import context
from app.domain.resealing import keys_in_use
from app.gateway import Gateway
from app.secret import Sealed
from app.store import credential
from resolvers.node import global_id, local_id
from tests.app.cli.conftest import on
from tests.app.cli.support import Call, Start
from tests.conftest import KEYS
from tests.factory import ADD_CREDENTIAL, KEY, SECOND_KEY, TOKEN, Api, Run, Running
from tests.fakes.openai import OpenAIFake
from tests.patience import until
from tests.resolvers.documents import TEST

NEW = f"new:{base64.b64encode(bytes(32)).decode()}"
BOTH = f"{NEW},{KEYS}"
OTHER = base64.b64encode(b"o" * 32).decode()
WAITING = "from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
IDS = "select id from vectorgate.credential"
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
    assert [each.unreadable for each in await keys_in_use(after.gateway)] == [[]]
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
    lost = f"the key 'lost' is not in the ring, and 1 credential(s) need it: {credentials[2]}"
    assert ended.told == f"{lost}. Put the key back that sealed them."
    assert await sealing_keys(running) == ["lost", "new", "new", "new"]


async def test_a_ring_without_the_old_key_changes_nothing(call: Call, running: Running, credentials: list[str]) -> None:
    ended = await call("keys", "rotate", ENCRYPTION_KEYS=NEW)
    assert (ended.code, len(credentials)) == (1, 3)
    assert ended.told.startswith("the key 'test' is not in the ring, and 3 credential(s) need it: ")
    assert await sealing_keys(running) == ["test"] * 4


# --- while it is used, and when it dies ---
async def test_killed_in_the_middle_it_has_lost_nothing_and_the_next_one_finishes(
    call: Call, start: Start, running: Running, run: Run, database_url: str, credentials: list[str]
) -> None:
    held = await asyncpg.connect(database_url)
    async with held.transaction():
        last = local_id("Credential", credentials[2])
        await held.execute("select from vectorgate.credential where id = $1 for update", last)
        rotating = await start("keys", "rotate", **on(database_url) | {"ENCRYPTION_KEYS": BOTH})
        await until(lambda: _waits(running))
        await rotating.kill()
        await running.as_login(f"select pg_terminate_backend(pid, 5000) {WAITING}")  # it has not noticed yet
        assert await sealing_keys(running) == ["new", "new", "new", "test"]
    await held.close()
    assert [each.unreadable for each in await keys_in_use((await run(encryption_keys=BOTH)).gateway)] == [[], []]
    ended = await call("keys", "rotate", ENCRYPTION_KEYS=BOTH)
    assert ended.out == "Re-sealed 1 secret(s); 2 were under the newest key already.\n"
    [left] = await keys_in_use((await run(encryption_keys=NEW)).gateway)
    assert (left.key_id, left.opens, left.unreadable) == ("new", 4, [])


async def _waits(running: Running) -> bool:
    return bool(await running.sql(f"select {WAITING}"))


async def test_requests_that_use_and_rotate_credentials_meanwhile_do_not_fail(
    call: Call, running: Running, run: Run
) -> None:
    """One server has the new ring already, the other still seals under the old key: the last word is the newest key's."""
    collection_id = await running.api.openai_collection()
    [credential_id] = [global_id("Credential", row["id"]) for row in await running.sql(IDS)]
    await running.api.insert(collection_id, {"_id": 1, "$vectorize": "a book"})
    both = await run(encryption_keys=BOTH)
    ended = asyncio.Event()

    async def used() -> int:
        count = 0
        while not ended.is_set():
            await running.api(ROTATE, id=credential_id, key=(SECOND_KEY, KEY)[count % 2])
            assert (await both.api.search(collection_id, query=f"book {count}"))["edges"]
            await both.api(ROTATE, id=credential_id, key=KEY)
            assert (await both.api.search(collection_id, query=f"novel {count}"))["edges"]
            count += 1
        return count

    using = asyncio.create_task(used())
    for _ in range(2):
        assert (await call("keys", "rotate", ENCRYPTION_KEYS=BOTH)).code == 0
    ended.set()
    assert await using > 0
    assert (await call("keys", "rotate", ENCRYPTION_KEYS=BOTH)).code == 0
    assert set(await sealing_keys(running)) == {"new"}


# --- at the start of a server ---
@pytest.mark.parametrize("command", ["serve", "worker"])
async def test_nothing_is_served_while_a_key_is_missing_or_another_has_its_id(
    start: Start, database_url: str, credentials: list[str], command: str
) -> None:
    for keys, fault in (
        (NEW, "is not in the ring, and 3 credential(s)"),
        (f"test:{OTHER}", "does not open 3 credential(s)"),
    ):
        ended = await (await start(command, **on(database_url) | {"ENCRYPTION_KEYS": keys})).ended()
        assert (ended.code, ended.out) == (1, "")
        assert ended.told.startswith(f"the key 'test' {fault}")
        assert all(each in ended.told for each in credentials)
        assert "--accept-lost-keys" in ended.told
        assert OTHER not in ended.err


async def test_a_server_that_accepts_the_loss_serves_all_else_and_a_rotation_mends_it(
    start: Start, running: Running, database_url: str, openai: OpenAIFake, credentials: list[str]
) -> None:
    settings = on(database_url) | {"ENCRYPTION_KEYS": NEW, "PROVIDER_URLS": json.dumps({"openai": openai.url})}
    served = await start("serve", "--accept-lost-keys", **settings)
    async with Api(await served.serving(), TOKEN) as api:
        assert (await api.refusal(TEST, id=credentials[1])).codes == ["INTERNAL"]
        await api(ROTATE, id=credentials[1], key=KEY)
        assert (await api(TEST, id=credentials[1]))["testCredential"]["ok"]
    await served.kill()
    assert "secrets_do_not_open" in served.err.text
    assert "the key 'test' is not in the ring" in served.err.text
    assert set(await sealing_keys(running)) == {"new", "test"}


async def test_one_secret_more_under_another_key_does_not_let_the_next_start_pass(
    start: Start, running: Running, database_url: str, openai: OpenAIFake, credentials: list[str]
) -> None:
    wrong = on(database_url) | {"ENCRYPTION_KEYS": f"test:{OTHER}", "PROVIDER_URLS": json.dumps({"openai": openai.url})}
    served = await start("serve", "--accept-lost-keys", **wrong)
    async with Api(await served.serving(), TOKEN) as api:
        given = {"provider": "openai", "name": "four", "apiKey": KEY}
        assert (await api.refusal(ADD_CREDENTIAL, input=given)).codes == ["INTERNAL"]
    await served.kill()
    ended = await (await start("serve", **wrong)).ended()
    assert (ended.code, "does not open 3 credential(s)" in ended.told) == (1, True)
    assert len(credentials) == len(await running.sql(IDS)) == 3


async def test_one_secret_that_is_damaged_is_a_warning_and_keeps_nobody_else_waiting(
    start: Start, running: Running, database_url: str, credentials: list[str]
) -> None:
    await running.sql("update vectorgate.credential set sealed = sealed || 'x' where name = 'two'")
    served = await start("serve", **on(database_url))
    await served.serving()
    ended = await served.stopped()
    assert f"the key 'test' does not open 1 credential(s) sealed under it: {credentials[1]}" in ended.err
