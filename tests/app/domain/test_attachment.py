"""Whether an attachment can embed now, and the words for it when it cannot (rules 13 and 16)."""

from __future__ import annotations

from dataclasses import replace
from uuid import uuid4

import pytest

from app.domain.attachment import Standing, refusal, uses_of
from app.gateway import Gateway
from app.store.record import Attachment
from providers.catalogue import Catalogue
from tests.factory import Running

USE = Attachment(
    id=uuid4(),
    organization_id=uuid4(),
    database_id=uuid4(),
    target_id=uuid4(),
    column_id=None,
    column_name=None,
    provider="openai",
    integration_id=uuid4(),
    credential_name="main",
    model="text-embedding-3-small",
    dimension=64,
    parameters={},
)
HOSTED = replace(USE, provider="local", integration_id=None, credential_name=None, model="wordllama-256")
GOOD = Standing(USE, "local", "library", credential_exists=True, in_scope=True)


def test_one_that_has_everything_can_embed(running: Running) -> None:
    assert refusal(running.gateway, GOOD) is None
    hosted = Standing(HOSTED, "local", "library", credential_exists=False, in_scope=False)
    assert refusal(running.gateway, hosted) is None


@pytest.mark.parametrize(
    ("standing", "code", "words"),
    [
        (
            replace(GOOD, credential_exists=False, in_scope=False),
            "CREDENTIAL_NOT_FOUND",
            ("OpenAI", "'main'", "'library'", "addCredential"),
        ),
        (
            replace(GOOD, in_scope=False),
            "DATABASE_NOT_IN_SCOPE",
            ("OpenAI", "'main'", "'library'", "addScopedDatabases"),
        ),
        (replace(GOOD, attachment=replace(USE, model="gone")), "MODEL_UNKNOWN", ("OpenAI", "gone", "operator")),
        (
            replace(GOOD, attachment=replace(USE, provider="nvidia")),
            "INTEGRATION_NOT_AVAILABLE_IN_REGION",
            ("nvidia", "operator"),
        ),
    ],
)
def test_what_is_missing_is_named_with_what_mends_it(
    running: Running, standing: Standing, code: str, words: tuple[str, ...]
) -> None:
    error = refusal(running.gateway, standing)
    assert error is not None
    assert error.code == code
    assert all(word in error.message for word in words)
    assert error.facts["provider"] == standing.attachment.provider
    for fact, value in (("credentialName", "main"), ("database", "library")):
        assert error.facts.get(fact, value) == value


def test_a_hosted_provider_embeds_in_its_regions_only_and_uses_say_the_same(running: Running) -> None:
    elsewhere = regional(running.gateway, frozenset({"europe", "asia"}))
    standing = Standing(HOSTED, "local", "library", credential_exists=False, in_scope=False)
    error = refusal(elsewhere, standing)
    assert error is not None
    assert error.code == "INTEGRATION_NOT_AVAILABLE_IN_REGION"
    assert error.facts == {"provider": "local", "region": "local"}
    assert "asia, europe" in error.message
    assert uses_of(elsewhere, "local").regions == ["asia", "europe"]
    assert refusal(elsewhere, replace(standing, region="europe")) is None


def test_uses_of_a_provider_that_is_not_here_can_never_embed(running: Running) -> None:
    assert uses_of(running.gateway, "nvidia").models == []
    assert uses_of(running.gateway, "openai").regions is None


def regional(gateway: Gateway, regions: frozenset[str]) -> Gateway:
    """A gateway whose local provider is in these regions only."""
    providers = {
        each.key: replace(each, regions=regions) if each.key == "local" else each for each in gateway.catalogue
    }
    return replace(gateway, catalogue=Catalogue(providers))
