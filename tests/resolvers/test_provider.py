"""The catalogue of providers over HTTP (rules 2 and 3)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import providers
from tests.factory import Api, Run, Running

PROVIDER = """
query Provider($key: String!, $statuses: [ModelStatus!]) {
  embeddingProvider(key: $key) {
    id key displayName kind documentationUrl credentialLabel regions
    parameters { name displayName type required defaultValue choices pattern minimum maximum help }
    models(statuses: $statuses) {
      name maxInputTokens status statusMessage dimension { defaultValue minimum maximum choices } parameters { name }
    }
  }
}"""
ALL = ["SUPPORTED", "DEPRECATED", "END_OF_LIFE"]


async def provider(api: Api, key: str, statuses: list[str] | None = None) -> dict[str, Any]:
    found: dict[str, Any] = (await api(PROVIDER, key=key, statuses=statuses or ["SUPPORTED"]))["embeddingProvider"]
    return found


async def test_the_providers_of_this_deployment_are_listed(running: Running) -> None:
    listed = (await running.api("{ embeddingProviders { key kind } }"))["embeddingProviders"]
    kinds = {each["key"]: each["kind"] for each in listed}
    assert list(kinds) == [each.key for each in running.gateway.catalogue]
    assert (kinds["local"], kinds["openai"]) == ("HOSTED", "EXTERNAL")
    assert set(kinds.values()) == {"HOSTED", "EXTERNAL"}


async def test_a_provider_shows_what_can_be_chosen_and_set(api: Api) -> None:
    shown = await provider(api, "openai")
    assert (shown["displayName"], shown["kind"], shown["credentialLabel"]) == ("OpenAI", "EXTERNAL", "API key")
    assert shown["documentationUrl"].startswith("https://")
    models = {each["name"]: each for each in shown["models"]}
    assert models["text-embedding-3-small"] == {
        "name": "text-embedding-3-small",
        "maxInputTokens": 8192,
        "status": "SUPPORTED",
        "statusMessage": None,
        "dimension": {"defaultValue": 1536, "minimum": 2, "maximum": 1536, "choices": None},
        "parameters": [],
    }
    fixed = models["text-embedding-ada-002"]["dimension"]
    assert fixed["minimum"] == fixed["maximum"] == 1536
    project = next(each for each in shown["parameters"] if each["name"] == "projectId")
    assert (project["type"], project["required"], project["defaultValue"]) == ("STRING", False, None)
    assert project["pattern"]
    assert project["help"].endswith(".")


async def test_every_provider_s_parameters_and_models_can_be_read(running: Running) -> None:
    for each in running.gateway.catalogue:
        shown = await provider(running.api, each.key, ALL)
        assert [model["name"] for model in shown["models"]] == [model.name for model in each.models]
        assert [parameter["name"] for parameter in shown["parameters"]] == [own.name for own in each.parameters]


async def test_a_provider_that_is_not_here_is_null(api: Api) -> None:
    for key in ("astrology", "", "OpenAI"):
        assert await provider(api, key) is None


async def test_a_hosted_provider_without_the_operator_s_key_is_not_here(api: Api) -> None:
    assert "nvidia" in providers.by_key()
    assert await provider(api, "nvidia") is None


async def test_models_of_the_operator_s_file_are_listed_by_status(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "models.toml"
    file.write_text("""
[[provider.openai.models]]
name = "text-embedding-4"
dimension = { default = 512, choices = [256, 512] }
max_input_tokens = 9000
[[provider.openai.models]]
name = "text-embedding-ada-002"
status = "END_OF_LIFE"
status_message = "Use text-embedding-4."
""")
    api = (await run(models_file=file)).api
    names = [each["name"] for each in (await provider(api, "openai"))["models"]]
    assert names == ["text-embedding-3-small", "text-embedding-3-large", "text-embedding-4"]
    ended = (await provider(api, "openai", ["END_OF_LIFE"]))["models"]
    assert [(each["name"], each["statusMessage"]) for each in ended] == [
        ("text-embedding-ada-002", "Use text-embedding-4.")
    ]
    assert len((await provider(api, "openai", ALL))["models"]) == 4
    asked = """{ embeddingProvider(key: "openai") {
      new: model(name: "text-embedding-4") { maxInputTokens dimension { defaultValue choices } }
      old: model(name: "text-embedding-ada-002") { status } none: model(name: "gpt") { name } } }"""
    assert (await api(asked))["embeddingProvider"] == {
        "new": {"maxInputTokens": 9000, "dimension": {"defaultValue": 512, "choices": [256, 512]}},
        "old": {"status": "END_OF_LIFE"},
        "none": None,
    }


async def test_a_provider_can_be_used_in_every_region_unless_it_has_its_own(two_regions: Running) -> None:
    for key in ("local", "openai"):
        assert (await provider(two_regions.api, key))["regions"] == ["local", "europe"]
    regions = (await two_regions.api("{ organization { regions { name hostedProviders } } }"))["organization"][
        "regions"
    ]
    assert regions == [
        {"name": "local", "hostedProviders": ["local"]},
        {"name": "europe", "hostedProviders": ["local"]},
    ]
