from __future__ import annotations

from tests.app.cli.support import Call
from tests.factory import Api, Running
from tests.resolvers.test_audit_event import log

OWN = "{ organization { name databases { totalCount } } viewer { permissions } }"


async def test_it_prints_the_first_tokens_secret_alone(call: Call, running: Running) -> None:
    await running.api.database()
    ended = await call("organization", "create", " Acme ")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out == f"{ended.out.strip()}\n"
    async with Api(running.url, ended.out.strip()) as api:
        found = await api(OWN)
    assert found["organization"] == {"name": "Acme", "databases": {"totalCount": 0}}
    assert "MANAGE_ACCESS" in found["viewer"]["permissions"]


async def test_its_log_begins_with_who_made_it_and_its_first_token(call: Call, running: Running) -> None:
    ended = await call("organization", "create", "Acme")
    async with Api(running.url, ended.out.strip()) as api:
        events = (await log(api))[::-1]
    assert [(each["actor"], each["action"], each["targetName"]) for each in events] == [
        ("operator", "create_access_token", "administrator"),
        ("operator", "create_organization", "Acme"),
    ]


async def test_a_name_that_is_taken_is_refused(call: Call, running: Running) -> None:
    async with await running.other_organization("Acme"):
        taken = await call("organization", "create", "Acme")
    assert (taken.code, taken.out) == (1, "")
    assert taken.told == "There is an organization named 'Acme' already: choose another name."
