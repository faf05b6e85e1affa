from __future__ import annotations

from collections.abc import Callable

import pytest

from app.access import BUILT_IN
from tests.app.cli.support import Call, Ended
from tests.factory import Api, Running
from tests.resolvers.test_audit_event import log

OWN = "{ organization { name } viewer { permissions } }"


async def test_it_prints_the_secret_alone(call: Call, running: Running) -> None:
    ended = await call("token", "create", "--name", "reader")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out == f"{ended.out.strip()}\n"
    async with Api(running.url, ended.out.strip()) as api:
        found = await api(OWN)
    assert found == {"organization": {"name": "default"}, "viewer": {"permissions": ["READ_DATA"]}}


async def test_the_audit_log_says_that_the_operator_made_it(call: Call, running: Running) -> None:
    await call("token", "create", "--name", "reader")
    [event] = await log(running.api)
    assert (event["actor"], event["action"], event["targetName"]) == ("operator", "create_access_token", "reader")
    assert event["details"]["roles"] == ["Read-Only User"]


def test_the_help_names_the_role_that_it_has_by_default(inside: Callable[..., Ended]) -> None:
    assert "By default Read-Only User." in inside("token", "create", "--help").out


async def test_a_role_and_an_organization_can_be_chosen(call: Call, running: Running) -> None:
    assert (await call("organization", "create", "Acme")).code == 0
    ended = await call(
        "token", "create", "--name", "boss", "--role", "Database Administrator", "--organization", "Acme"
    )
    async with Api(running.url, ended.out.strip()) as api:
        found = await api(OWN)
    assert found["organization"]["name"] == "Acme"
    assert set(found["viewer"]["permissions"]) == BUILT_IN["Database Administrator"].permissions


async def test_a_role_of_the_organization_s_own_can_be_chosen_beside_others(call: Call, running: Running) -> None:
    made = 'mutation { createRole(input: {name: "Clerk", permissions: [DROP_TABLE, WRITE_DATA]}) { role { id } } }'
    await running.api(made)
    ended = await call("token", "create", "--name", "clerk", "--role", "Clerk", "--role", "Read-Only User")
    async with Api(running.url, ended.out.strip()) as api:
        assert (await api(OWN))["viewer"]["permissions"] == ["DROP_TABLE", "READ_DATA", "WRITE_DATA"]


async def test_without_an_organization_it_is_the_first_ones(call: Call, running: Running) -> None:
    ended = await call("token", "create", "--name", "reader", ORGANIZATION="First of all")
    async with Api(running.url, ended.out.strip()) as api:
        assert (await api(OWN))["organization"]["name"] == "First of all"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--role", "Emperor"), "roles must name one or more of: Organization Administrator"),
        (("--organization", "Nowhere"), "There is no organization named 'Nowhere'"),
    ],
)
async def test_what_does_not_exist_is_told_and_makes_no_token(
    call: Call, running: Running, arguments: tuple[str, str], message: str
) -> None:
    before = await running.sql("select count(*) from vectorgate.access_token")
    ended = await call("token", "create", "--name", "x", *arguments)
    assert (ended.code, ended.out) == (1, "")
    assert message in ended.told
    assert await running.sql("select count(*) from vectorgate.access_token") == before
