"""Access tokens over HTTP: making, using and revoking them, and the operator's bootstrap token (rule 37)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.access import Permission
from app.domain import sweep
from tests.factory import TOKEN, Api, Run, Running
from tests.resolvers.documents import DROP_DATABASE, NODE, REVOKE

CREATE = """
mutation Create($input: CreateAccessTokenInput!) {
  createAccessToken(input: $input) {
    secret accessToken { id name roles hint createdAt expiresAt lastUsedAt revokedAt databases { name } }
  }
}"""
TOKENS = """{ organization { accessTokens { totalCount nodes { id name hint lastUsedAt revokedAt databases { name } } } } }"""
WHO = "{ viewer { tokenName } }"
OTHER_TOKEN = "vg_test-another-administrator-token"


async def create(api: Api, **more: object) -> dict[str, Any]:
    given = {"name": "reader", "roles": ["Read-Only User"], **more}
    created: dict[str, Any] = (await api(CREATE, input=given))["createAccessToken"]
    return created


async def refused_by(url: str, token: str) -> str | None:
    """The code that a token is refused with; None when it is accepted."""
    async with Api(url, token) as client:
        answer = await client.post(WHO)
    if answer.status_code == 200:
        return None
    assert answer.status_code == 401
    return str(answer.json()["errors"][0]["extensions"]["code"])


async def test_a_new_token_is_shown_once_and_works_at_once(running: Running) -> None:
    created = await create(running.api)
    shown, secret = created["accessToken"], created["secret"]
    assert secret.startswith("vg_")
    assert (shown["name"], shown["roles"], shown["hint"]) == ("reader", ["Read-Only User"], secret[-4:])
    assert (shown["expiresAt"], shown["lastUsedAt"], shown["revokedAt"], shown["databases"]) == (None, None, None, None)
    async with Api(running.url, secret) as client:
        assert await client(WHO) == {"viewer": {"tokenName": "reader"}}
    assert secret not in str(await running.sql("select * from vectorgate.access_token"))
    await sweep.note_uses(running.gateway)
    listed = {each["name"]: each for each in (await running.api(TOKENS))["organization"]["accessTokens"]["nodes"]}
    assert listed["reader"]["lastUsedAt"] is not None


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"name": ""}, "BAD_INPUT"),
        ({"name": "   "}, "BAD_INPUT"),
        ({"name": "x" * 101}, "BAD_INPUT"),
        ({"name": "two\nlines"}, "BAD_INPUT"),
        ({"name": "bootstrap"}, "ALREADY_EXISTS"),
        ({"roles": []}, "BAD_INPUT"),
        ({"roles": ["Read-Only User", "Emperor"]}, "BAD_INPUT"),
        ({"databaseIds": ["nonsense"]}, "NOT_FOUND"),
        ({"expiresAt": "2020-01-01T00:00:00Z"}, "BAD_INPUT"),
        ({"expiresAt": "2100-01-01T00:00:00"}, "BAD_INPUT"),
        ({"expiresAt": "soon"}, "BAD_INPUT"),
    ],
)
async def test_what_cannot_be_made_is_refused_and_leaves_no_token(api: Api, more: dict[str, object], code: str) -> None:
    refused = await api.refusal(CREATE, input={"name": "reader", "roles": ["Read-Only User"], **more})
    assert refused.codes == [code]
    assert (await api(TOKENS))["organization"]["accessTokens"]["totalCount"] == 1


async def test_a_name_is_trimmed_and_unique_among_the_tokens_in_force(api: Api) -> None:
    first = await create(api, name="  reader ")
    assert first["accessToken"]["name"] == "reader"
    assert (await api.refusal(CREATE, input={"name": "reader", "roles": ["Read-Only User"]})).codes == [
        "ALREADY_EXISTS"
    ]
    await api(REVOKE, id=first["accessToken"]["id"])
    second = await create(api)
    assert second["accessToken"]["id"] != first["accessToken"]["id"]
    names = [each["name"] for each in (await api(TOKENS))["organization"]["accessTokens"]["nodes"]]
    assert names == ["bootstrap", "reader", "reader"]


async def test_roles_add_up_and_are_named_once(running: Running) -> None:
    created = await create(running.api, roles=["Read-Only User", "Read/Write User", "Read-Only User"])
    assert created["accessToken"]["roles"] == ["Read-Only User", "Read/Write User"]
    async with Api(running.url, created["secret"]) as client:
        viewer = (await client("{ viewer { permissions } }"))["viewer"]
    assert viewer["permissions"] == ["READ_DATA", "WRITE_DATA"]


async def test_a_token_sees_the_databases_that_it_is_limited_to(running: Running) -> None:
    api = running.api
    library = await api.database("library")
    await api.database("archive")
    seen: dict[str, list[str]] = {}
    for name, databases in (("all", None), ("one", [library]), ("none", [])):
        created = await create(api, name=name, databaseIds=databases)
        async with Api(running.url, created["secret"]) as client:
            nodes = (await client("{ organization { databases { nodes { name } } } }"))["organization"]["databases"][
                "nodes"
            ]
        seen[name] = [each["name"] for each in nodes]
    assert seen == {"all": ["library", "archive"], "one": ["library"], "none": []}
    shown = {each["name"]: each["databases"] for each in (await api(TOKENS))["organization"]["accessTokens"]["nodes"]}
    assert shown == {"bootstrap": None, "all": None, "one": [{"name": "library"}], "none": []}
    await api(DROP_DATABASE, id=library, name="library")
    shown = {each["name"]: each["databases"] for each in (await api(TOKENS))["organization"]["accessTokens"]["nodes"]}
    assert shown["one"] == []


async def test_a_revoked_token_is_refused_on_the_next_request_of_every_replica(run: Run) -> None:
    here, there = await run(), await run()
    created = await create(here.api)
    async with Api(there.url, created["secret"]) as client:
        await client(WHO)
        revoked = (await here.api(REVOKE, id=created["accessToken"]["id"]))["revokeAccessToken"]["accessToken"]
        assert revoked["revokedAt"] is not None
        answer = await client.post(WHO)
    assert answer.status_code == 401
    assert answer.json()["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
    again = (await here.api(REVOKE, id=created["accessToken"]["id"]))["revokeAccessToken"]["accessToken"]
    assert again == revoked


async def test_an_expired_token_is_refused(running: Running) -> None:
    soon = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    created = await create(running.api, expiresAt=soon)
    assert await refused_by(running.url, created["secret"]) is None
    await running.sql("update vectorgate.access_token set expires_at = now() where name = 'reader'")
    assert await refused_by(running.url, created["secret"]) == "UNAUTHENTICATED"


async def test_an_expired_token_leaves_its_name_to_the_next_and_stays_refused(running: Running) -> None:
    soon = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    first = await create(running.api, expiresAt=soon)
    assert (await running.api.refusal(CREATE, input={"name": "reader", "roles": ["Read-Only User"]})).codes == [
        "ALREADY_EXISTS"
    ]
    await running.sql("update vectorgate.access_token set expires_at = now() where name = 'reader'")
    second = await create(running.api)
    assert await refused_by(running.url, first["secret"]) == "UNAUTHENTICATED"
    assert await refused_by(running.url, second["secret"]) is None
    listed = {
        each["id"]: each["revokedAt"] for each in (await running.api(TOKENS))["organization"]["accessTokens"]["nodes"]
    }
    assert listed[first["accessToken"]["id"]] is not None
    assert listed[second["accessToken"]["id"]] is None


async def test_what_is_no_token_is_refused_without_saying_why(running: Running) -> None:
    created = await create(running.api)
    for wrong in ("vg_nonsense", created["secret"][:-1], created["secret"] + "x", created["secret"].upper()):
        assert await refused_by(running.url, wrong) == "UNAUTHENTICATED"
    for header in ("", "Bearer", f"Basic {created['secret']}", created["secret"]):
        answer = await running.api.http.post("/graphql", json={"query": WHO}, headers={"authorization": header})
        assert answer.status_code == 401
    for header in (f"bearer {created['secret']}", f"BEARER   {created['secret']}"):
        answer = await running.api.http.post("/graphql", json={"query": WHO}, headers={"authorization": header})
        assert answer.status_code == 200


async def test_tokens_are_paged_in_order_of_creation(api: Api) -> None:
    for number in range(4):
        await create(api, name=f"reader {number}")
    asked = """query T($after: String) { organization { accessTokens(first: 2, after: $after) {
      totalCount nodes { name } pageInfo { hasNextPage endCursor } } } }"""
    first = (await api(asked))["organization"]["accessTokens"]
    assert ([each["name"] for each in first["nodes"]], first["totalCount"]) == (["bootstrap", "reader 0"], 5)
    second = (await api(asked, after=first["pageInfo"]["endCursor"]))["organization"]["accessTokens"]
    assert [each["name"] for each in second["nodes"]] == ["reader 1", "reader 2"]


# --- the bootstrap token ---
async def test_a_changed_setting_replaces_the_bootstrap_token(run: Run) -> None:
    first = await run()
    second = await run(bootstrap_token=OTHER_TOKEN)
    assert await refused_by(first.url, TOKEN) == "UNAUTHENTICATED"
    assert await refused_by(second.url, OTHER_TOKEN) is None
    async with Api(second.url, OTHER_TOKEN) as client:
        [listed] = (await client(TOKENS))["organization"]["accessTokens"]["nodes"]
        assert (listed["name"], listed["hint"]) == ("bootstrap", OTHER_TOKEN[-4:])
    third = await run(bootstrap_token=TOKEN)
    assert await refused_by(third.url, TOKEN) is None
    assert await refused_by(third.url, OTHER_TOKEN) == "UNAUTHENTICATED"


async def test_a_revoked_bootstrap_token_stays_revoked_until_the_setting_changes(run: Run) -> None:
    first = await run()
    [listed] = (await first.api(TOKENS))["organization"]["accessTokens"]["nodes"]
    keeper = await create(first.api, name="keeper", roles=["Organization Administrator"])
    await first.api(REVOKE, id=listed["id"])
    assert await refused_by(first.url, TOKEN) == "UNAUTHENTICATED"
    again = await run()
    assert await refused_by(again.url, TOKEN) == "UNAUTHENTICATED"
    assert await refused_by(again.url, keeper["secret"]) is None
    changed = await run(bootstrap_token=OTHER_TOKEN)
    assert await refused_by(changed.url, OTHER_TOKEN) is None


async def test_without_the_setting_a_token_is_made_once(run: Run) -> None:
    running = await run(bootstrap_token=None)
    [row] = await running.sql("select name, hint from vectorgate.access_token")
    again = await run(bootstrap_token=None)
    assert await again.sql("select name, hint from vectorgate.access_token") == [row]


async def test_an_organization_s_first_token_may_do_everything_in_it(running: Running) -> None:
    async with await running.other_organization("acme") as client:
        viewer = (await client("{ viewer { organization { name } permissions } }"))["viewer"]
        assert viewer["organization"] == {"name": "acme"}
        assert set(viewer["permissions"]) == set(Permission)
        identifier = (await client(TOKENS))["organization"]["accessTokens"]["nodes"][0]["id"]
    assert (await running.api(NODE, id=identifier))["node"] is None
    assert (await running.api.refusal(REVOKE, id=identifier)).codes == ["NOT_FOUND"]
