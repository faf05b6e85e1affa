"""/readyz is open to everybody, and costs no more for that."""

from __future__ import annotations

import asyncio

import pytest

from app.store import migration
from tests.factory import Run, Running


@pytest.fixture
def checks(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What has been checked."""
    pending, made = migration.pending, list[str]()

    async def counted(connection: object, floor: str) -> object:
        made.append(floor)
        return await pending(connection, floor)  # type: ignore[arg-type]  # passed on as it came

    monkeypatch.setattr("app.web.health.migration.pending", counted)
    return made


async def test_who_asks_at_once_or_soon_after_shares_a_check(
    running: Running, checks: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.web.health.KEPT_SECONDS", 60)
    http = running.api.http
    answers = await asyncio.gather(*(http.get("/readyz") for _ in range(10)))
    answers.append(await http.get("/readyz"))
    assert {each.text for each in answers} == {'{"status":"ready"}'}
    assert checks == ["catalogue"]
    monkeypatch.setattr("app.web.health.KEPT_SECONDS", 0)
    await running.as_login("delete from vectorgate.migration where name = 'catalogue/0001_catalogue.sql'")
    assert (await http.get("/readyz")).status_code == 503
    assert len(checks) == 2


async def test_it_counts_for_its_address(run: Run) -> None:
    running = await run(rate_limit_per_address=2)
    http = running.api.http
    assert [(await http.get("/readyz")).status_code for _ in range(3)] == [200, 200, 429]
    refused = await http.get("/readyz")
    assert refused.json()["errors"][0]["extensions"]["code"] == "RATE_LIMITED"
    assert int(refused.headers["retry-after"]) > 0
    assert (await http.get("/healthz")).status_code == 200
