"""What a token's claims say about roles."""

from __future__ import annotations

import pytest

from app.domain.identity import role_names


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("roles", ["Read-Only User", "auditor"]),
        ("role", ["Read-Only User"]),
        ("realm_access.roles", ["offline_access", "auditor"]),
        ("resource_access.vectorgate.roles", ["auditor"]),
        ("https://example.com/roles", ["auditor"]),
        ("realm_access", []),
        ("realm_access.roles.auditor", []),
        ("nowhere", []),
        ("nowhere.roles", []),
        ("roles.0", []),
        ("", []),
        (".", []),
    ],
)
def test_roles_are_where_the_path_leads_or_under_the_whole_name(path: str, names: list[str]) -> None:
    claims = {
        "roles": ["Read-Only User", "auditor", "auditor"],
        "role": "Read-Only User",
        "realm_access": {"roles": ["offline_access", "auditor"]},
        "resource_access": {"vectorgate": {"roles": ["auditor"]}},
        "https://example.com/roles": ["auditor"],
    }
    assert role_names(claims, path) == names


@pytest.mark.parametrize(
    "value", [None, 5, True, {"auditor": True}, [], [["auditor"]], [5, None], "", "a" * 101, "nul\x00"]
)
def test_what_can_name_no_role_names_none(value: object) -> None:
    assert role_names({"roles": value}, "roles") == []
    assert role_names({"roles": [value, "auditor"]}, "roles") == ["auditor"]
