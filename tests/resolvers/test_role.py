"""Custom roles over HTTP: made from permissions that their maker has, dropped with effect on the very next request (rule 37)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from app.access import BUILT_IN, Permission
from app.domain import access_token, own_role, role
from resolvers.node import global_id
from tests.factory import CREATE_DATABASE, CREATE_TOKEN, Api, Run, Running, until_waiting
from tests.patience import until
from tests.resolvers.documents import NODE
from tests.resolvers.test_audit_event import log
from tests.socket_client import socket
from tests.test_subscriptions import EVENTS, STREAM, followers

CREATE = """mutation Create($input: CreateRoleInput!) {
  createRole(input: $input) { clientMutationId role { id name builtIn permissions description } } }"""
DROP = "mutation Drop($name: String!) { dropRole(input: {name: $name}) { droppedRoleId droppedRoleName } }"
ROLES = "{ organization { roles { id name builtIn permissions description } } }"
WHO = "{ viewer { tokenName roles permissions } }"


async def create(api: Api, *permissions: str, name: str = "Clerk", **more: object) -> dict[str, Any]:
    created = await api(CREATE, input={"name": name, "permissions": list(permissions), **more})
    made: dict[str, Any] = created["createRole"]["role"]
    return made


async def own(api: Api) -> list[dict[str, Any]]:
    """The roles that are not built in."""
    return [each for each in (await api(ROLES))["organization"]["roles"] if not each["builtIn"]]


async def test_the_built_in_roles_come_first_and_are_read_again_by_their_ids(api: Api) -> None:
    keeper = await create(api, "READ_DATA", name="Another")
    listed = (await api(ROLES))["organization"]["roles"]
    assert [each["name"] for each in listed] == [*BUILT_IN, "Another"]
    for shown, built_in in zip(listed, BUILT_IN.values(), strict=False):
        assert (shown["builtIn"], shown["description"]) == (True, built_in.description)
        assert set(shown["permissions"]) == set(built_in.permissions)
        assert (await api(NODE, id=shown["id"]))["node"] == {"id": shown["id"], "__typename": "Role"}
    assert listed[-1] == keeper


async def test_a_role_gives_its_permissions_each_once_and_in_order(running: Running) -> None:
    given = {"description": "Files, and says so.", "clientMutationId": "c"}
    made = await create(running.api, "WRITE_DATA", "READ_DATA", "WRITE_DATA", name="  Clerk ", **given)
    expected = {"name": "Clerk", "builtIn": False, "permissions": ["READ_DATA", "WRITE_DATA"]}
    assert made == {"id": made["id"], "description": "Files, and says so.", **expected}
    assert await own(running.api) == [made]
    async with await running.api.with_token("Clerk") as clerk:
        viewer = (await clerk(WHO))["viewer"]
        assert (viewer["roles"], viewer["permissions"]) == (["Clerk"], ["READ_DATA", "WRITE_DATA"])
        assert (await clerk.refusal(CREATE_DATABASE, input={"name": "library"})).codes == ["PERMISSION_DENIED"]
    [event, *_] = await log(running.api, action="create_role")
    assert (event["targetId"], event["targetName"], event["details"]["permissions"]) == (
        made["id"],
        "Clerk",
        ["READ_DATA", "WRITE_DATA"],
    )


async def test_built_in_roles_and_others_add_up_and_a_limited_token_keeps_its_limits(running: Running) -> None:
    await create(running.api, "CREATE_DATABASE", "DROP_DATABASE", "WRITE_INTEGRATIONS", "MANAGE_ACCESS")
    made = {"name": "both", "roles": ["Clerk", "Read-Only User"], "databaseIds": [await running.api.database()]}
    secret = (await running.api(CREATE_TOKEN, input=made))["createAccessToken"]["secret"]
    async with Api(running.url, secret) as both:
        assert (await both(WHO))["viewer"]["permissions"] == ["DROP_DATABASE", "READ_DATA"]


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"name": ""}, "BAD_INPUT"),
        ({"name": " \t "}, "BAD_INPUT"),
        ({"name": "x" * 101}, "BAD_INPUT"),
        ({"name": "two\nlines"}, "BAD_INPUT"),
        ({"name": "  Clerk "}, "ALREADY_EXISTS"),
        ({"name": "Read-Only User"}, "ALREADY_EXISTS"),
        ({"permissions": []}, "BAD_INPUT"),
        ({"permissions": ["RULE_THE_WORLD"]}, "BAD_INPUT"),
        ({"description": "x" * 1001}, "BAD_INPUT"),
        ({"description": "a\x00b"}, "BAD_INPUT"),
    ],
)
async def test_what_cannot_be_made_is_refused_and_leaves_no_role(api: Api, given: dict[str, object], code: str) -> None:
    made = await create(api, "READ_DATA")
    refused = await api.refusal(CREATE, input={"name": "Keeper", "permissions": ["READ_DATA"], **given})
    assert refused.codes == [code]
    assert await own(api) == [made]


async def test_another_organization_may_use_the_name_and_sees_only_its_own(running: Running) -> None:
    made = await create(running.api, "READ_DATA")
    async with await running.other_organization() as other:
        assert await own(other) == []
        assert (await other.refusal(CREATE_TOKEN, input={"name": "a", "roles": ["Clerk"]})).codes == ["BAD_INPUT"]
        assert (await other.refusal(DROP, name="Clerk")).codes == ["NOT_FOUND"]
        theirs = await create(other, "WRITE_DATA")
        assert (await other(NODE, id=made["id"]))["node"] is None
        await other(DROP, name="Clerk")
        assert (await other(NODE, id=theirs["id"]))["node"] is None
    assert await own(running.api) == [made]


async def test_of_two_who_make_the_last_role_at_once_one_is_refused(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own_role, "MOST_ROLES", 3)
    made = [api.post(CREATE, {"input": {"name": f"Clerk {n}", "permissions": ["READ_DATA"]}}) for n in range(8)]
    answers = [each.json() for each in await asyncio.gather(*made)]
    assert sum("errors" not in each for each in answers) == 3
    assert len(await own(api)) == 3


async def test_an_organization_has_so_many_roles_and_no_more(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own_role, "MOST_ROLES", 1)
    await create(api, "READ_DATA")
    refused = await api.refusal(CREATE, input={"name": "Keeper", "permissions": ["READ_DATA"]})
    assert (refused.codes, refused.facts["limit"], refused.facts["actual"]) == (["LIMIT_EXCEEDED"], 1, 2)


# --- nobody gives what it has not ---
async def test_nobody_makes_a_role_or_a_token_that_may_more_than_itself(running: Running) -> None:
    await create(running.api, "MANAGE_ACCESS", "READ_DATA", name="Keeper")
    await create(running.api, "WRITE_DATA", "DROP_TABLE", "READ_DATA", name="Writer")
    async with await running.api.with_token("Keeper") as keeper:
        wanted = {"name": "More", "permissions": ["WRITE_DATA", "READ_DATA", "DROP_TABLE"]}
        refused = await keeper.refusal(CREATE, input=wanted)
        assert (refused.codes, refused.facts["permission"]) == (["PERMISSION_DENIED"], "DROP_TABLE, WRITE_DATA")
        refused = await keeper.refusal(CREATE_TOKEN, input={"name": "more", "roles": ["Keeper", "Writer"]})
        assert (refused.codes, refused.facts["permission"]) == (["PERMISSION_DENIED"], "DROP_TABLE, WRITE_DATA")
        for beyond in BUILT_IN.keys() - {"Read-Only User"}:
            given = {"name": "more", "roles": [beyond]}
            assert (await keeper.refusal(CREATE_TOKEN, input=given)).codes == ["PERMISSION_DENIED"]
        await create(keeper, "READ_DATA", name="Reader")
        for within in ("Keeper", "Reader", "Read-Only User"):
            await keeper(CREATE_TOKEN, input={"name": within, "roles": [within]})
    names = [each["name"] for each in await own(running.api)]
    assert names == ["Keeper", "Writer", "Reader"]
    assert len(await running.sql("select from vectorgate.access_token")) == 5


async def test_a_token_with_a_role_that_is_not_there_is_refused_by_name(running: Running) -> None:
    await create(running.api, "READ_DATA")
    refused = await running.api.refusal(
        CREATE_TOKEN, input={"name": "a", "roles": ["Clerk", "clerk", "Read-Only User"]}
    )
    assert refused.codes == ["BAD_INPUT"]
    assert refused.errors[0]["message"].endswith("Not there, of those given: 1.")
    assert len(await running.sql("select from vectorgate.access_token")) == 1


# --- dropping ---
async def test_tokens_lose_a_dropped_role_on_the_next_request_of_every_replica_and_for_good(run: Run) -> None:
    here, there = await run(), await run()
    made = await create(here.api, "DROP_DATABASE", "READ_DATA")
    roles = {"roles": ["Clerk", "Read/Write User"], "name": "both"}
    secret = (await here.api(CREATE_TOKEN, input=roles))["createAccessToken"]["secret"]
    async with Api(there.url, secret) as both, await there.api.with_token("Clerk") as clerk:
        assert (await both(WHO))["viewer"]["permissions"] == ["DROP_DATABASE", "READ_DATA", "WRITE_DATA"]
        assert (await here.api(DROP, name="Clerk"))["dropRole"] == {
            "droppedRoleId": made["id"],
            "droppedRoleName": "Clerk",
        }
        left = {"tokenName": "both", "roles": ["Read/Write User"], "permissions": ["READ_DATA", "WRITE_DATA"]}
        nothing = {"tokenName": "Clerk 0", "roles": [], "permissions": []}
        assert ((await both(WHO))["viewer"], (await clerk(WHO))["viewer"]) == (left, nothing)
        await create(here.api, *Permission)
        assert ((await both(WHO))["viewer"], (await clerk(WHO))["viewer"]) == (left, nothing)
    [event] = await log(here.api, action="drop_role")
    assert (event["targetId"], event["targetName"]) == (made["id"], "Clerk")
    assert (event["details"]["access_token_count"], event["details"]["access_tokens"]) == (2, ["Clerk 0", "both"])


async def test_what_cannot_be_dropped_is_refused_and_stays(api: Api) -> None:
    made = await create(api, "READ_DATA")
    for name in BUILT_IN:
        assert (await api.refusal(DROP, name=name)).codes == ["BAD_INPUT"]
    for name in ("Nobody", "clerk", "Clerk ", "", made["id"]):
        assert (await api.refusal(DROP, name=name)).codes == ["NOT_FOUND"]
    assert await own(api) == [made]
    await api(DROP, name="Clerk")
    assert (await api.refusal(DROP, name="Clerk")).codes == ["NOT_FOUND"]
    assert (await api(NODE, id=made["id"]))["node"] is None


async def test_no_new_token_slips_past_a_role_that_is_being_dropped(running: Running) -> None:
    await create(running.api, "READ_DATA")
    first = (await running.sql("select id from vectorgate.organization"))[0]["id"]
    async with asyncio.TaskGroup() as group, running.gateway.postgres.catalogue.transaction() as connection:
        assert await role.granted(connection, first, ["Clerk"]) == {Permission.READ_DATA}
        dropping = group.create_task(running.api(DROP, name="Clerk"))
        async with running.gateway.postgres.catalogue.connection() as other:
            await until_waiting(other, 1)
        await access_token.insert(connection, first, "late", "vg_a-token-made-meanwhile", ["Clerk"])
    assert dropping.result()["dropRole"]["droppedRoleName"] == "Clerk"
    async with Api(running.url, "vg_a-token-made-meanwhile") as late:
        assert (await late(WHO))["viewer"] == {"tokenName": "late", "roles": [], "permissions": []}


async def test_what_is_followed_over_a_socket_or_a_stream_ends_when_its_role_is_dropped(run: Run) -> None:
    here, there = await run(), await run()
    await create(here.api, "MANAGE_ACCESS", name="Auditor")
    made = await here.api(CREATE_TOKEN, input={"name": "auditor", "roles": ["Auditor"]})
    secret = made["createAccessToken"]["secret"]

    async def both_follow() -> bool:
        return followers(there) == 2

    async with socket(there.url) as client, Api(there.url, secret) as api:
        await client.init(secret)
        await client.ask("1", EVENTS)
        async with api.http.stream("POST", STREAM, json={"query": EVENTS}) as response:
            await until(both_follow)
            await here.api.database("library")
            assert (await client.next_of("1"))["auditEvents"]["targetName"] == "library"
            await here.api(DROP, name="Auditor")
            refused = await client.refused("1")
            streamed = "".join([text async for text in response.aiter_text()])
        assert (refused["extensions"]["code"], refused["extensions"]["permission"]) == (
            "PERMISSION_DENIED",
            "MANAGE_ACCESS",
        )
        assert ('"PERMISSION_DENIED"' in streamed, "drop_role" in streamed) == (True, False)
        assert await client.answered("2", WHO) == {"viewer": {"tokenName": "auditor", "roles": [], "permissions": []}}


# --- what is asked at every request ---
async def test_to_authenticate_is_one_statement_with_any_roles(running: Running) -> None:
    for number in range(3):
        await create(running.api, "READ_DATA", name=f"Clerk {number}")
    roles = ["Clerk 0", "Clerk 1", "Clerk 2", "Read-Only User"]
    secret = (await running.api(CREATE_TOKEN, input={"name": "a", "roles": roles}))["createAccessToken"]["secret"]
    async with Api(running.url, secret) as client:
        running.statements.clear()
        await client(WHO)
    assert len(running.statements.seen) == 1


async def test_a_permission_that_this_version_does_not_know_gives_nothing(running: Running) -> None:
    made = await create(running.api, "READ_DATA")
    await running.sql("update vectorgate.role set permissions = '{RULE_THE_WORLD,READ_DATA}'")
    async with await running.api.with_token("Clerk") as clerk:
        assert (await clerk(WHO))["viewer"]["permissions"] == ["READ_DATA"]
    assert await own(running.api) == [made]


async def test_an_id_of_a_role_that_is_not_there_is_null(api: Api) -> None:
    for key in ("", "Emperor", "read-only user", "Clerk"):
        assert (await api(NODE, id=global_id("Role", key)))["node"] is None
