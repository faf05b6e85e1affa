"""What the facts of every provider promise, local ones included: nothing here is sent anywhere."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import pytest

from providers import PROVIDERS, by_key
from providers.base import HttpProvider, InputType, Kind, ModelStatus, Provider
from providers.configuration import Configuration, request_for, resolve, trial
from providers.errors import DeprecatedModelError, EndOfLifeModelError, InvalidParametersError
from providers.secret import Secret
from tests.providers.contract import AZURE, ENDPOINT, required

every_provider = pytest.mark.parametrize("provider", PROVIDERS, ids=by_key())

ENDED = {"nvidia": ["nvidia/nv-embedqa-e5-v5", "NV-Embed-QA"]}
DEPRECATED = {"nvidia": ["nvidia/llama-3.2-nv-embedqa-1b-v2"], "upstageAI": ["solar-embedding-1-large"]}


@every_provider
def test_a_provider_says_where_it_is_documented_and_what_its_key_is_called(provider: Provider) -> None:
    assert (provider.documentation_url or "").startswith("https://")
    assert provider.credential_label == ("User access token" if "Hugging Face" in provider.display_name else "API key")
    assert len({model.name for model in provider.models}) == len(provider.models)


@every_provider
def test_every_model_has_a_default_or_asks_for_a_dimension(provider: Provider) -> None:
    for model in provider.models:
        dimension = model.dimension
        bounds = {dimension.default or dimension.minimum, dimension.minimum, dimension.maximum, *dimension.choices}
        assert all(map(dimension.allows, bounds)), model.name
        assert (dimension.default is None) is (provider.key == "huggingfaceDedicated")


@every_provider
def test_every_parameter_helps_and_has_a_default_that_fits(provider: Provider) -> None:
    for model in provider.models:
        for parameter in provider.parameters_of(model):
            assert parameter.help.endswith("."), parameter.name
            assert parameter.display_name
            assert parameter.default is None or parameter.default in (parameter.choices or (parameter.default,))
            assert not (parameter.required and parameter.default is not None)
            re.compile(parameter.pattern or "")


@every_provider
def test_every_parameter_goes_somewhere(provider: Provider) -> None:
    if not isinstance(provider, HttpProvider):
        assert not provider.parameters
        return
    carried = {*provider.header_parameters, *getattr(provider, "body_parameters", {})}
    in_url = set(re.findall(r"{(\w+)}", provider.base_url + provider.path)) - {"modelId"}
    known = {each.name: each for model in provider.models for each in provider.parameters_of(model)}
    assert known.keys() == carried | in_url
    assert all(known[name].required and known[name].pattern for name in in_url)


@every_provider
def test_models_that_have_ended_or_will_say_what_to_use(provider: Provider) -> None:
    def named(status: ModelStatus) -> list[str]:
        return [model.name for model in provider.models if model.status is status]

    assert named(ModelStatus.END_OF_LIFE) == ENDED.get(provider.key, [])
    assert named(ModelStatus.DEPRECATED) == DEPRECATED.get(provider.key, [])
    for model in provider.models:
        assert (model.status is ModelStatus.SUPPORTED) is (model.status_message is None)
        assert model.status is ModelStatus.SUPPORTED or "Use " in (model.status_message or "")


def test_a_retired_model_is_refused_by_the_stage_of_its_retirement() -> None:
    nvidia, upstage = by_key()["nvidia"], by_key()["upstageAI"]
    with pytest.raises(EndOfLifeModelError, match="Use nvidia/llama-nemotron-embed-1b-v2"):
        request_for(nvidia, Configuration("NV-Embed-QA", 1024, {}), ["text"], InputType.QUERY)
    with pytest.raises(DeprecatedModelError, match="2026-12-31"):
        resolve(upstage, "solar-embedding-1-large")
    assert request_for(upstage, Configuration("solar-embedding-1-large", 4096, {}), ["text"], InputType.QUERY)


# --- parameters that stand in a URL ---
IN_HOST = [("azureOpenAI", "resourceName"), *(("huggingfaceDedicated", name) for name in ENDPOINT)]
IN_URL = [*IN_HOST, ("azureOpenAI", "deploymentId")]
EVIL = [
    "evil.org/",
    "evil.org#",
    "evil.org?",
    "a@evil.org",
    "a:80",
    "a/b",
    "a\\b",
    "a b",
    "a%2eb",
    "{a}",
    "é",
    "a\n",
    "",
    "x" * 65,
]


@pytest.mark.parametrize(("key", "name"), IN_URL)
@pytest.mark.parametrize("value", EVIL)
def test_a_value_that_would_change_where_the_secret_goes_is_refused_and_not_repeated(
    key: str, name: str, value: str
) -> None:
    with pytest.raises(InvalidParametersError, match=f"{name} must be text that matches") as caught:
        chosen(key, name, value)
    assert "evil" not in str(caught.value)


@pytest.mark.parametrize(
    ("key", "name", "value"), [*((*each, "a.b") for each in IN_HOST), *((*each, "a_b") for each in IN_HOST)]
)
def test_a_part_of_a_host_has_neither_dots_nor_underscores(key: str, name: str, value: str) -> None:
    with pytest.raises(InvalidParametersError):
        chosen(key, name, value)


@pytest.mark.parametrize("value", [".", "..", ".hidden"])
def test_a_deployment_does_not_leave_its_place_in_the_path(value: str) -> None:
    with pytest.raises(InvalidParametersError):
        chosen("azureOpenAI", "deploymentId", value)
    assert chosen("azureOpenAI", "deploymentId", "v1.2_embed-small").parameters["deploymentId"] == "v1.2_embed-small"


@pytest.mark.parametrize(("key", "name"), IN_HOST)
def test_even_a_value_that_was_not_checked_leads_to_no_other_host(key: str, name: str) -> None:
    provider = by_key()[key]
    assert isinstance(provider, HttpProvider)
    domain = provider.base_url.rpartition("}")[2]
    for value in EVIL:
        stored = Configuration(provider.models[0].name, 64, {**AZURE, **ENDPOINT, name: value})
        url = provider.build(request_for(provider, stored, ["text"], InputType.QUERY), Secret("top-secret")).url
        assert (urlsplit(url).hostname or "").endswith(domain), value


def chosen(key: str, name: str, value: str) -> Configuration:
    """A configuration with this value for that parameter, the others being as they should."""
    provider = by_key()[key]
    model = provider.models[0].name
    return resolve(provider, model, 64, {**required(key, model), name: value})


@pytest.mark.parametrize(
    ("key", "given"),
    [("azureOpenAI", {"resourceName": 5}), ("jinaAI", {"task": "sing"}), ("voyageAI", {"autoTruncate": "yes"})],
)
def test_a_value_of_another_type_or_out_of_the_choices_is_refused(key: str, given: dict[str, object]) -> None:
    model = "jina-embeddings-v3" if key == "jinaAI" else by_key()[key].models[0].name
    with pytest.raises(InvalidParametersError, match=next(iter(given))):
        resolve(by_key()[key], model, None, {**required(key, model), **given})


def test_a_parameter_of_one_model_is_none_of_another() -> None:
    with pytest.raises(InvalidParametersError, match="late_chunking is no parameter"):
        resolve(by_key()["jinaAI"], "jina-embeddings-v2-base-en", None, {"late_chunking": True})


# --- trying a key ---
CHEAPEST = {
    "azureOpenAI": "text-embedding-3-small",
    "huggingface": "sentence-transformers/all-MiniLM-L6-v2",
    "huggingfaceDedicated": "endpoint-defined-model",
    "jinaAI": "jina-embeddings-v3",
    "mistral": "mistral-embed",
    "openai": "text-embedding-3-small",
    "upstageAI": "solar-embedding-2",
    "voyageAI": "voyage-4",
}


@pytest.mark.parametrize("key", CHEAPEST)
def test_a_key_is_tried_with_the_cheapest_model_that_can_be_chosen(key: str) -> None:
    assert trial(by_key()[key], None, required(key, "small")).model == CHEAPEST[key]
    assert CHEAPEST.keys() == {provider.key for provider in PROVIDERS if provider.kind is Kind.EXTERNAL}


@pytest.mark.parametrize(
    ("key", "names"), [("azureOpenAI", ("resourceName", "deploymentId")), ("huggingfaceDedicated", tuple(ENDPOINT))]
)
def test_what_is_needed_to_try_a_key_and_not_known_is_named(key: str, names: tuple[str, ...]) -> None:
    with pytest.raises(InvalidParametersError) as caught:
        trial(by_key()[key])
    assert [problem.partition(" ")[0] for problem in caught.value.problems] == list(names)
    assert (caught.value.provider, caught.value.model) == (key, CHEAPEST[key])
