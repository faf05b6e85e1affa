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
from tests.factory import KEY, SECOND_KEY, Run, Running
from tests.resolvers.documents import ROLL_BACK, ROTATE, TEST

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
    assert await keys_in_use(alone.gateway) == [KeyInUse("next", in_ring=True, opens=3)]
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
    assert await keys_in_use(running.gateway) == [KeyInUse("test", in_ring=True, opens=1, unreadable=bad)]
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

    async def rotate_first(*arguments: Any) -> bool:  # noqa: ANN401 - handed on as they come
        await both.api(ROTATE, input={"credentialId": identifier, "apiKey": SECOND_KEY, "keepPreviousSeconds": 0})
        return await replace(*arguments)

    monkeypatch.setattr(credential, "reseal", rotate_first)
    assert await reseal(both.gateway) == Resealed(done=0, already=1, unreadable=[])
    [row] = await running.sql(SEALED)
    assert both.gateway.keyring.open(Sealed(row["sealed"]), f"{row['organization_id']}/{row['id']}") == SECOND_KEY
