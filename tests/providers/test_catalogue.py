"""The providers of a deployment, as settings make them."""

from __future__ import annotations

import pytest

from providers import PROVIDERS, by_key
from providers.base import HttpProvider, Kind
from providers.catalogue import Catalogue, Hosting, build_catalogue
from providers.errors import CatalogueError
from providers.openai import OPENAI
from providers.secret import Secret

SECRET = Secret("nvapi-kX8sD3fG7hJ2kL9zXcV5bN1m")


def test_keys_are_unique_and_external_providers_stand_after_hosted_ones_by_name() -> None:
    assert len(by_key()) == len(PROVIDERS)
    assert [provider.key for provider in PROVIDERS if provider.kind is Kind.HOSTED] == ["local", "nvidia"]
    external = [provider.display_name for provider in PROVIDERS[2:]]
    assert external == sorted(external)


def test_without_settings_it_is_what_is_built_in() -> None:
    catalogue = build_catalogue()
    assert catalogue.get("openai") == OPENAI
    assert [provider.key for provider in catalogue][:2] == ["local", "azureOpenAI"]
    assert catalogue.get("nope") is None


def test_a_base_url_is_replaced() -> None:
    provider = build_catalogue(base_urls={"openai": "http://127.0.0.1:9000/v1/"}).get("openai")
    assert isinstance(provider, HttpProvider)
    assert provider.base_url == "http://127.0.0.1:9000/v1"


@pytest.mark.parametrize(
    ("key", "url"),
    [
        ("nope", "http://127.0.0.1/"),
        ("local", "http://127.0.0.1/"),
        ("openai", "127.0.0.1:9000"),
        ("openai", "ftp://127.0.0.1"),
        ("openai", "http://"),
        ("openai", "http://user@127.0.0.1/"),
        ("openai", "http://127.0.0.1/?a=b"),
        ("openai", "http://127.0.0.1/#a"),
        ("openai", "http://[::1/"),
        ("openai", "http://{host}/v1"),
        ("openai", "http://127.0.0.1/{"),
    ],
)
def test_a_base_url_that_cannot_be_is_told(key: str, url: str) -> None:
    with pytest.raises(CatalogueError, match=f"base URL of {key}: "):
        build_catalogue(base_urls={key: url})


def test_problems_of_all_settings_are_told_at_once() -> None:
    with pytest.raises(CatalogueError) as caught:
        build_catalogue(base_urls={"nope": "http://h"}, models_file="[provider.nope]")
    assert len(caught.value.problems) == 2


def test_the_models_file_is_applied() -> None:
    catalogue = build_catalogue(models_file='[[provider.openai.models]]\nname = "own"\ndimension = 8')
    openai = catalogue.get("openai")
    assert openai is not None
    assert openai.model("own")


def test_a_hosted_provider_behind_http_is_where_the_operator_put_it_and_nowhere_else() -> None:
    catalogue = build_catalogue(hosting={"nvidia": Hosting(SECRET, frozenset({"eu"}))})
    hosted = catalogue.get("nvidia")
    assert hosted is not None
    assert (hosted.kind, hosted.regions) == (Kind.HOSTED, frozenset({"eu"}))
    assert catalogue.hosted_secrets == {"nvidia": SECRET}
    assert SECRET.value not in repr(catalogue)


def test_a_hosted_provider_without_regions_is_everywhere() -> None:
    hosted = build_catalogue(hosting={"nvidia": Hosting(SECRET)}).get("nvidia")
    assert hosted is not None
    assert hosted.regions is None


def test_a_hosted_provider_behind_http_is_absent_without_the_operators_key() -> None:
    catalogue = build_catalogue(base_urls={"nvidia": "http://127.0.0.1/v1"}, models_file="[provider.nvidia]")
    assert catalogue.get("nvidia") is None
    assert not catalogue.hosted_secrets


@pytest.mark.parametrize("key", ["openai", "local", "nope"])
def test_a_key_of_the_operators_for_a_provider_that_needs_none_is_told(key: str) -> None:
    with pytest.raises(CatalogueError, match=f"hosting of {key}: no such provider needs it"):
        build_catalogue(hosting={key: Hosting(SECRET)})


def test_a_catalogue_holds_no_state_of_its_own() -> None:
    first = build_catalogue(base_urls={"openai": "http://127.0.0.1:1/v1"})
    assert isinstance(first, Catalogue)
    assert build_catalogue().get("openai") == OPENAI
