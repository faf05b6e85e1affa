"""Permissions and roles as data."""

from __future__ import annotations

from uuid import uuid4

import pytest

from app.access import BEYOND_DATABASES, BUILT_IN, Actor, Permission, permissions_of
from app.errors import PermissionDenied

WRITES_SCHEMA = {
    Permission.CREATE_DATABASE,
    Permission.DROP_DATABASE,
    Permission.CREATE_COLLECTION,
    Permission.DROP_COLLECTION,
    Permission.CREATE_TABLE,
    Permission.ALTER_TABLE,
    Permission.DROP_TABLE,
    Permission.CREATE_INDEX,
}
DATA = {Permission.READ_DATA, Permission.WRITE_DATA}
EXPECTED = {
    "Organization Administrator": set(Permission),
    "Database Administrator": WRITES_SCHEMA | DATA,
    "Read/Write User": DATA,
    "Read-Only User": {Permission.READ_DATA},
}


def actor(*permissions: Permission) -> Actor:
    return Actor(uuid4(), uuid4(), "keeper", ["Keeper"], frozenset(permissions))


def test_the_built_in_roles_are_these() -> None:
    assert {name: set(role.permissions) for name, role in BUILT_IN.items()} == EXPECTED
    assert all(role.name == name and role.description.endswith(".") for name, role in BUILT_IN.items())


def test_a_database_administrator_has_all_but_integrations_and_access() -> None:
    lacking = set(Permission) - BUILT_IN["Database Administrator"].permissions
    assert lacking == {Permission.WRITE_INTEGRATIONS, Permission.MANAGE_ACCESS}


def test_roles_add_up_and_a_role_that_is_gone_gives_nothing() -> None:
    assert permissions_of(["Read-Only User", "Read/Write User"], limited=False) == DATA
    assert permissions_of(["Emperor"], limited=False) == set()
    assert permissions_of([], limited=False) == set()


def test_what_an_organization_s_own_roles_give_comes_on_top_and_an_unknown_permission_is_passed_over() -> None:
    custom = ["WRITE_DATA", "MANAGE_ACCESS", "RULE_THE_WORLD", "WRITE_DATA"]
    assert permissions_of(["Read-Only User", "Clerk"], custom, limited=False) == DATA | {Permission.MANAGE_ACCESS}
    assert permissions_of(["Read-Only User", "Clerk"], custom, limited=True) == DATA


def test_what_a_token_gives_away_it_must_have_itself() -> None:
    keeper = actor(Permission.MANAGE_ACCESS, Permission.READ_DATA)
    keeper.require_all([Permission.READ_DATA], "roles")
    with pytest.raises(PermissionDenied, match="only roles that may no more than itself") as refused:
        keeper.require_all([Permission.WRITE_DATA, Permission.READ_DATA, Permission.ALTER_TABLE], "roles")
    assert refused.value.facts == {"permission": "ALTER_TABLE, WRITE_DATA"}


@pytest.mark.parametrize("role", BUILT_IN)
def test_a_limited_token_has_what_its_roles_give_but_nothing_that_reaches_beyond_databases(role: str) -> None:
    limited = permissions_of([role], limited=True)
    assert limited == EXPECTED[role] - {
        Permission.CREATE_DATABASE,
        Permission.MANAGE_ACCESS,
        Permission.WRITE_INTEGRATIONS,
    }
    assert not limited & BEYOND_DATABASES


def test_a_permission_that_is_lacking_is_named_with_the_token() -> None:
    reader = actor(Permission.READ_DATA)
    reader.require(Permission.READ_DATA)
    assert reader.may(Permission.READ_DATA)
    assert not reader.may(Permission.WRITE_DATA)
    with pytest.raises(PermissionDenied, match="'keeper'") as refused:
        reader.require(Permission.WRITE_DATA)
    assert refused.value.facts == {"permission": "WRITE_DATA"}


def test_a_subject_of_the_identity_provider_is_named_apart_from_access_tokens() -> None:
    subject = Actor(uuid4(), uuid4(), None, [], frozenset(), subject="keeper")
    assert (actor().name, subject.name) == ("keeper", "oidc:keeper")


def test_an_actor_is_told_from_others_of_its_name_unless_it_is_the_gateway_or_its_operator() -> None:
    organization, token = uuid4(), uuid4()
    assert Actor(organization, token, "alice", [], frozenset()).identifier == token
    for actor, name in ((Actor.system(organization), "vectorgate"), (Actor.operator(organization), "operator")):
        assert (actor.name, actor.identifier) == (name, None)
