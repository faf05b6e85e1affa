"""Whose address a request has, behind a proxy that is trusted."""

from __future__ import annotations

import pytest
from starlette.types import Scope

from app.web import address
from app.web.address import LONGEST, PEER, keep_only_addresses
from tests.factory import Running


@pytest.mark.parametrize("host", ["192.0.2.1", "2001:db8::1", f"{'0000:' * 5}ffff:192.100.200.255"])
def test_an_address_that_was_passed_on_is_taken(host: str) -> None:
    scope: Scope = {"client": (host, 0), "state": {PEER: ("127.0.0.1", 5)}}
    keep_only_addresses(scope)
    assert scope["client"] == (host, 0)


@pytest.mark.parametrize("host", ["unknown", "sk-pasted", "192.0.2.300", "fe80::1%sk-pasted", "é"])
def test_anything_else_leaves_the_connections_own(host: str) -> None:
    for peer in (("127.0.0.1", 5), None):
        scope: Scope = {"client": (host, 0), "state": {PEER: peer}}
        keep_only_addresses(scope)
        assert scope["client"] == peer


def test_what_is_longer_than_any_address_is_not_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(address, "_is_address", asked.append)
    for host in ("x" * LONGEST, "x" * (LONGEST + 1)):
        keep_only_addresses({"client": (host, 0), "state": {PEER: None}})
    assert asked == ["x" * LONGEST]


async def test_the_audit_log_has_an_address_or_the_proxys_own(running: Running) -> None:
    for given, noted in (("192.0.2.7", "192.0.2.7"), ("sk-pasted", "127.0.0.1")):
        running.api.http.headers["x-forwarded-for"] = given
        await running.api.database(f"d_{noted[:3]}")
        asked = await running.api("{ organization { auditLog(first: 1) { nodes { details } } } }")
        assert asked["organization"]["auditLog"]["nodes"][0]["details"]["address"] == noted
