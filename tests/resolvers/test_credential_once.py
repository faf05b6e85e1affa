"""Adding a credential with an idempotency key: once, however often it is asked for."""

from __future__ import annotations

import asyncio

from tests.factory import SECOND_KEY, Api, Running
from tests.resolvers.documents import ADD, REMOVE, external
from tests.resolvers.test_credential import REFUSED_KEY, add, given

ONCE = "add-main-2026-11-23"


async def test_a_repeated_call_answers_the_first_outcome(running: Running) -> None:
    first = await add(running.api, idempotencyKey=ONCE, validate=True)
    again = await add(running.api, idempotencyKey=ONCE, validate=True)
    assert first == again
    assert len(running.openai.received) == 1
    assert len(await running.sql("select from vectorgate.audit_event where action = 'add_credential'")) == 1


async def test_the_first_outcome_is_answered_also_after_the_credential_has_moved_on(api: Api) -> None:
    added = await add(api)
    rotate = """
    mutation R($input: RotateCredentialInput!) { rotateCredential(input: $input) { credential { version hint } } }"""
    once = {"credentialId": added["id"], "apiKey": SECOND_KEY, "idempotencyKey": ONCE}
    first = await api(rotate, input=once)
    await api(rotate, input={"credentialId": added["id"], "apiKey": "sk-third-0123456789-moved"})
    assert await api(rotate, input=once) == first
    assert first["rotateCredential"]["credential"] == {"version": 2, "hint": SECOND_KEY[-4:]}


async def test_a_key_belongs_to_one_input_and_one_mutation(api: Api) -> None:
    database_id = await api.database()
    await add(api, idempotencyKey=ONCE)
    for more in ({"apiKey": SECOND_KEY}, {"databaseIds": [database_id]}, {"validate": True}, {"name": "second"}):
        refused = await api.refusal(ADD, input=given(idempotencyKey=ONCE, **more))
        assert refused.codes == ["BAD_INPUT"]
        assert "another input" in refused.errors[0]["message"]
    assert await external(api) == {"openai": ["main"]}


async def test_calls_with_one_key_at_the_same_time_add_once(running: Running) -> None:
    added = await asyncio.gather(*(add(running.api, idempotencyKey=ONCE) for _ in range(8)))
    assert len({each["id"] for each in added}) == 1
    assert await external(running.api) == {"openai": ["main"]}


async def test_a_refused_call_leaves_its_key_free(api: Api) -> None:
    refused = await api.refusal(ADD, input=given(apiKey=REFUSED_KEY, validate=True, idempotencyKey=ONCE))
    assert refused.codes == ["CREDENTIAL_REJECTED"]
    assert (await add(api, idempotencyKey=ONCE))["version"] == 1


async def test_a_key_is_its_token_s_own(running: Running) -> None:
    await add(running.api, idempotencyKey=ONCE)
    async with await running.api.with_token("Organization Administrator") as colleague:
        refused = await colleague.refusal(ADD, input=given(idempotencyKey=ONCE))
        assert refused.codes == ["ALREADY_EXISTS"]
    async with await running.other_organization() as stranger:
        assert (await add(stranger, idempotencyKey=ONCE))["version"] == 1


async def test_a_repeated_call_tells_nothing_of_what_was_removed_since(api: Api) -> None:
    added = await add(api, idempotencyKey=ONCE)
    await api(REMOVE, id=added["id"], name="main")
    refused = await api.refusal(ADD, input=given(idempotencyKey=ONCE))
    assert refused.codes == ["NOT_FOUND"]
    assert "use a new key" in refused.errors[0]["message"]
    assert await external(api) == {"openai": []}


async def test_after_a_day_a_key_is_free_again(running: Running) -> None:
    await add(running.api, idempotencyKey=ONCE)
    await running.sql("update vectorgate.idempotency set created_at = now() - interval '24 hours'")
    added = await add(running.api, name="second", idempotencyKey=ONCE)
    assert added["name"] == "second"
