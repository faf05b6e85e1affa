"""Re-sealing stored secrets under the newest key, online."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from app.domain import resealing
from app.domain.resealing import KeyInUse, Resealed, keys_in_use, reseal
from app.secret import Sealed
from app.store import credential
from resolvers.node import local_id
from tests.conftest import KEYS
from tests.factory import ADD_CREDENTIAL, KEY, SECOND_KEY, Run, Running
from tests.resolvers.documents import ROLL_BACK, ROTATE, TEST
from tests.resolvers.test_audit_event import log

NEXT = f"next:{base64.b64encode(b'n' * 32).decode()}"
MOVE = """
update vectorgate.credential moved set sealed = good.sealed from vectorgate.credential good
where good.name = 'good' and moved.name = 'moved'"""
SEALED = "select id, organization_id, sealed, previous_sealed from vectorgate.credential order by id"


async def key_ids(running: Running) -> list[tuple[str, str | None]]:
    """The keys that secrets and kept secrets are sealed under."""
    rows = await running.sql(SEALED)
    return [
        (Sealed(row["sealed"]).key_id, Sealed(row["previous_sealed"]).key_id if row["previous_sealed"] else None)
        for row in rows
    ]


async def test_every_secret_is_sealed_again_under_the_newest_key_and_works_on(run: Run, running: Running) -> None:
    identifier = await running.api.credential("main")
    await running.api.credential("second", key=SECOND_KEY)
    await running.api(ROTATE, input={"credentialId": identifier, "apiKey": SECOND_KEY})
    assert await key_ids(running) == [("test", "test"), ("test", None)]

    both = await run(encryption_keys=f"{NEXT},{KEYS}")
    assert await reseal(both.gateway) == Resealed(done=2, already=0, unreadable=[])
    assert await key_ids(running) == [("next", "next"), ("next", None)]
    assert await reseal(both.gateway) == Resealed(done=0, already=2, unreadable=[])

    alone = await run(encryption_keys=NEXT)
    assert await keys_in_use(alone.gateway) == [KeyInUse("next", in_ring=True, known=True, opens=3)]
    assert (await alone.api(TEST, id=identifier))["testCredential"]["ok"]
    assert alone.openai.received[-1].key == SECOND_KEY
    await alone.api(ROLL_BACK, id=identifier)
    assert (await alone.api(TEST, id=identifier))["testCredential"]["ok"]
    assert alone.openai.received[-1].key == KEY


async def test_it_goes_through_all_pages(running: Running, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resealing, "BATCH", 2)
    for number in range(5):
        await running.api.credential(f"key_{number}")
    both = await run(encryption_keys=f"{NEXT},{KEYS}")
    assert await reseal(both.gateway) == Resealed(done=5, already=0, unreadable=[])


async def test_what_no_key_opens_is_told_and_left_as_it_is(run: Run, running: Running) -> None:
    good = await running.api.credential("good")
    moved, damaged = await running.api.credential("moved"), await running.api.credential("damaged")
    await running.sql(MOVE)
    await running.sql("update vectorgate.credential set sealed = sealed || 'x' where name = 'damaged'")
    before = await running.sql(SEALED)
    bad = [local_id("Credential", each) for each in (moved, damaged)]
    assert await keys_in_use(running.gateway) == [KeyInUse("test", in_ring=True, known=True, opens=1, unreadable=bad)]
    both = await run(encryption_keys=f"{NEXT},{KEYS}")
    assert await reseal(both.gateway) == Resealed(done=1, already=0, unreadable=bad)
    after = await running.sql(SEALED)
    assert [row["sealed"] for row in after[1:]] == [row["sealed"] for row in before[1:]]
    assert (await both.api(TEST, id=good))["testCredential"]["ok"]
    for identifier in (moved, damaged):
        assert (await both.api.refusal(TEST, id=identifier)).codes == ["INTERNAL"]


async def test_a_rotation_in_between_is_not_overwritten(
    run: Run, running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    identifier = await running.api.credential()
    both = await run(encryption_keys=f"{NEXT},{KEYS}")
    replace = credential.reseal

    async def rotate_first(*arguments: Any) -> str | None:  # noqa: ANN401 - handed on as they come
        await both.api(ROTATE, input={"credentialId": identifier, "apiKey": SECOND_KEY, "keepPreviousSeconds": 0})
        return await replace(*arguments)

    monkeypatch.setattr(credential, "reseal", rotate_first)
    assert await reseal(both.gateway) == Resealed(done=0, already=1, unreadable=[])
    [row] = await running.sql(SEALED)
    assert both.gateway.keyring.open(Sealed(row["sealed"]), f"{row['organization_id']}/{row['id']}") == SECOND_KEY


# --- which key is the one of its id ---
OTHER = f"test:{base64.b64encode(b'o' * 32).decode()}"
FORGET_KEYS = "delete from vectorgate.encryption_key"


async def lost(running: Running) -> list[str]:
    return [each.key_id for each in await keys_in_use(running.gateway) if each.lost]


async def test_another_key_under_an_id_that_is_known_is_lost_and_seals_nothing(run: Run, running: Running) -> None:
    main = await running.api.credential("main")
    before = await running.sql(SEALED)
    wrong = await run(encryption_keys=OTHER)
    assert await lost(wrong) == ["test"]
    given = {"provider": "openai", "name": "second", "apiKey": KEY}
    for document, asked in ((ADD_CREDENTIAL, given), (ROTATE, {"credentialId": main, "apiKey": SECOND_KEY})):
        refused = await wrong.api.refusal(document, input=asked)
        assert (refused.codes, "an id of its own" in refused.errors[0]["message"]) == (["INTERNAL"], True)
    assert await running.sql(SEALED) == before
    assert (await lost(await run()), await lost(await run(encryption_keys=OTHER))) == ([], ["test"])
    assert (await running.api(TEST, id=main))["testCredential"]["ok"]


async def test_a_key_with_an_id_of_its_own_seals_though_another_is_lost(run: Run, running: Running) -> None:
    await running.api.credential("main")
    after = await run(encryption_keys=NEXT)
    added = await after.api.credential("second")
    assert (await after.api(TEST, id=added))["testCredential"]["ok"]
    assert await lost(after) == ["test"], "a secret more under another key does not hide it"


async def test_a_key_that_seals_nothing_can_be_another_one_the_next_time(run: Run, running: Running) -> None:
    assert running
    other = await run(encryption_keys=OTHER)
    assert (await other.api(TEST, id=await other.api.credential("main")))["testCredential"]["ok"]
    refused = await running.api.refusal(ADD_CREDENTIAL, input={"provider": "openai", "name": "a", "apiKey": KEY})
    assert refused.codes == ["INTERNAL"], "the server that runs on with the first one"


async def test_keys_of_before_they_were_known_are_known_when_they_open_all_that_they_seal(
    run: Run, running: Running
) -> None:
    await running.api.credential("main")
    await running.sql(FORGET_KEYS)
    wrong = await run(encryption_keys=OTHER)
    assert (await lost(wrong), await running.sql("select from vectorgate.encryption_key")) == (["test"], [])
    refused = await wrong.api.refusal(ADD_CREDENTIAL, input={"provider": "openai", "name": "a", "apiKey": KEY})
    assert refused.codes == ["INTERNAL"]
    assert (await lost(await run()), len(await running.sql("select from vectorgate.encryption_key"))) == ([], 1)
    await running.sql("update vectorgate.credential set sealed = sealed || 'x'")
    assert await lost(await run()) == [], "the key is known: what it does not open is damaged"


async def test_a_kept_secret_that_does_not_open_keeps_the_one_in_force_from_nothing(run: Run, running: Running) -> None:
    identifier = await running.api.credential("main")
    await running.api(ROTATE, input={"credentialId": identifier, "apiKey": SECOND_KEY})
    await running.sql("update vectorgate.credential set previous_sealed = previous_sealed || 'x'")
    both = await run(encryption_keys=f"{NEXT},{KEYS}")
    bad = [local_id("Credential", identifier)]
    assert await reseal(both.gateway) == Resealed(done=1, already=0, unreadable=bad)
    assert await key_ids(running) == [("next", "test")]
    assert await reseal(both.gateway) == Resealed(done=0, already=0, unreadable=bad)
    alone = await run(encryption_keys=NEXT)
    assert (await alone.api(TEST, id=identifier))["testCredential"]["ok"]


async def test_each_credential_that_is_sealed_anew_has_an_event_of_the_operator_s(run: Run, running: Running) -> None:
    ids = [await running.api.credential(name, key) for name, key in (("one", KEY), ("two", SECOND_KEY))]
    both = await run(encryption_keys=f"{NEXT},{KEYS}")
    await reseal(both.gateway)
    await reseal(both.gateway)
    events = (await log(running.api, action="rotate_keys"))[::-1]
    assert [(each["actor"], each["targetId"], each["details"]["key"]) for each in events] == [
        ("operator", each, "next") for each in ids
    ]
