"""Choosing a model, a dimension and parameters: what is filled in, and which refusal says what."""

from __future__ import annotations

from dataclasses import replace

import pytest

from providers.base import (
    BatchLimits,
    Dimension,
    InputType,
    Kind,
    Model,
    ModelStatus,
    Parameter,
    ParameterType,
    ParameterValue,
    Provider,
)
from providers.configuration import Configuration, request_for, resolve, trial
from providers.errors import (
    DeprecatedModelError,
    EndOfLifeModelError,
    InvalidParametersError,
    UnknownModelError,
    UnsupportedDimensionError,
)
from providers.openai_compatible import OpenAICompatible

TEMPERATURE = Parameter(
    name="temperature", display_name="T", help="t", type=ParameterType.NUMBER, minimum=0, maximum=1.5
)
TASK = Parameter(name="task", display_name="Task", help="t", default="match", choices=("match", "classify"))
PROVIDER = OpenAICompatible(
    key="acme",
    display_name="Acme",
    kind=Kind.EXTERNAL,
    documentation_url=None,
    base_url="https://{resource}.example.com",
    limits=BatchLimits(texts=1),
    parameters=(
        Parameter(name="resource", display_name="Resource", help="r", required=True, pattern="[a-z0-9-]+"),
        Parameter(name="truncate", display_name="Cut", help="c", type=ParameterType.BOOLEAN, default=True),
        TEMPERATURE,
        Parameter(name="note", display_name="Note", help="n"),
    ),
    models=(
        Model(name="any", dimension=Dimension(default=8, minimum=2, maximum=16), parameters=(TASK,)),
        Model(name="fixed", dimension=Dimension.exactly(4)),
        Model(name="chosen", dimension=Dimension(default=None, minimum=2, maximum=8, choices=(2, 8))),
        Model(name="old", dimension=Dimension.exactly(4), status=ModelStatus.DEPRECATED, status_message="Use any."),
        Model(name="gone", dimension=Dimension.exactly(4), status=ModelStatus.END_OF_LIFE),
    ),
)
REQUIRED = {"resource": "west-1"}


def test_what_is_left_out_is_filled_in() -> None:
    configuration = resolve(PROVIDER, "any", None, REQUIRED)
    assert configuration == Configuration("any", 8, {"resource": "west-1", "truncate": True, "task": "match"})


def test_what_is_given_is_kept() -> None:
    given: dict[str, ParameterValue] = {
        "resource": "w",
        "truncate": False,
        "task": "classify",
        "temperature": 1,
        "note": "x",
    }
    assert resolve(PROVIDER, "any", 16, given) == Configuration("any", 16, given)


def test_null_counts_as_left_out() -> None:
    configuration = resolve(PROVIDER, "fixed", 4, {"resource": "w", "truncate": None, "note": None})
    assert configuration.parameters == {"resource": "w", "truncate": True}


def test_a_models_parameter_belongs_to_that_model() -> None:
    with pytest.raises(InvalidParametersError, match="task is no parameter of Acme's fixed"):
        resolve(PROVIDER, "fixed", None, {**REQUIRED, "task": "match"})


@pytest.mark.parametrize(
    ("parameters", "problem"),
    [
        ({}, "resource is required: text that matches [a-z0-9-]+ as a whole"),
        ({"resource": None}, "resource is required"),
        ({"resource": 5}, "resource must be text"),
        ({"resource": "evil.org/"}, "resource must be text that matches [a-z0-9-]+ as a whole"),
        ({"resource": "west\n"}, "resource must be text that matches"),
        ({**REQUIRED, "dimension": 8}, "dimension is no parameter of Acme's any"),
        ({**REQUIRED, "truncate": "true"}, "truncate must be true or false"),
        ({**REQUIRED, "truncate": 1}, "truncate must be true or false"),
        ({**REQUIRED, "temperature": True}, "temperature must be a number of at least 0 and of at most 1.5"),
        ({**REQUIRED, "temperature": 1.6}, "temperature must be a number of at least 0 and of at most 1.5"),
        ({**REQUIRED, "temperature": float("nan")}, "temperature must be a number"),
        ({**REQUIRED, "task": "sing"}, "task must be one of match, classify"),
        ({**REQUIRED, "task": ["match"]}, "task must be one of match, classify"),
        ({**REQUIRED, "note": {}}, "note must be text"),
    ],
)
def test_a_parameter_that_does_not_fit_is_named_with_what_is_expected(
    parameters: dict[str, object], problem: str
) -> None:
    with pytest.raises(InvalidParametersError) as caught:
        resolve(PROVIDER, "any", None, parameters)
    assert problem in str(caught.value)
    assert (caught.value.provider, caught.value.model) == ("acme", "any")


def test_all_problems_are_reported_at_once() -> None:
    with pytest.raises(InvalidParametersError) as caught:
        resolve(PROVIDER, "any", None, {"apiKey": "x", "task": "sing"})
    assert len(caught.value.problems) == 3


def test_neither_values_nor_pasted_keys_are_quoted() -> None:
    given = {"resource": "sk-abcdefghijkl", "hf_abcdefghijklmnop": "x"}
    strict = replace(PROVIDER.parameters[0], pattern="[a-z]+")
    with pytest.raises(InvalidParametersError) as caught:
        resolve(replace(PROVIDER, parameters=(strict,)), "any", None, given)
    assert "abcdefgh" not in str(caught.value)


@pytest.mark.parametrize(
    ("model", "dimension", "lengths"),
    [
        ("any", 1, "2 to 16; 1 was asked for"),
        ("any", 17, "2 to 16"),
        ("fixed", 8, "4; 8 was asked for"),
        ("chosen", None, "2 or 8; none was given"),
        ("chosen", 4, "2 or 8"),
    ],
)
def test_a_dimension_that_the_model_does_not_make_is_refused(model: str, dimension: int | None, lengths: str) -> None:
    with pytest.raises(UnsupportedDimensionError, match=lengths) as caught:
        resolve(PROVIDER, model, dimension, REQUIRED)
    assert caught.value.dimension == dimension


def test_a_model_that_is_not_there_is_told_from_one_that_is_retired() -> None:
    with pytest.raises(UnknownModelError, match="no model named nope here; it has: any, fixed, chosen"):
        resolve(PROVIDER, "nope")
    with pytest.raises(DeprecatedModelError, match="old is deprecated and cannot be chosen any more: Use any"):
        resolve(PROVIDER, "old")
    with pytest.raises(EndOfLifeModelError, match=r"gone has reached its end of life and embeds no more\.$"):
        resolve(PROVIDER, "gone")


def test_a_stored_configuration_becomes_a_request_as_it_is() -> None:
    request = request_for(PROVIDER, Configuration("old", 3, {"x": 1}), ["text"], InputType.QUERY)
    assert (request.model.name, request.dimension, request.parameters) == ("old", 3, {"x": 1})
    with pytest.raises(EndOfLifeModelError):
        request_for(PROVIDER, Configuration("gone", 4, {}), ["text"], InputType.QUERY)


def test_a_trial_takes_the_shortest_vectors_that_can_be_chosen_and_fills_in_the_rest() -> None:
    configuration = trial(PROVIDER, parameters={**REQUIRED, "note": None})
    assert configuration == Configuration("any", 8, {"resource": "west-1", "truncate": True, "task": "match"})


def test_a_trial_takes_the_model_that_is_given_unless_it_embeds_no_more() -> None:
    assert trial(PROVIDER, "chosen", REQUIRED).dimension == 2
    assert trial(PROVIDER, "old", REQUIRED).model == "old"
    with pytest.raises(EndOfLifeModelError):
        trial(PROVIDER, "gone", REQUIRED)
    with pytest.raises(UnknownModelError):
        trial(PROVIDER, "nope", REQUIRED)


def test_a_trial_takes_a_deprecated_model_where_there_is_no_other() -> None:
    def only(*names: str) -> Provider:
        return replace(PROVIDER, models=tuple(model for model in PROVIDER.models if model.name in names))

    assert trial(only("old", "gone"), None, REQUIRED).model == "old"
    with pytest.raises(EndOfLifeModelError):
        trial(only("gone"), None, REQUIRED)


def test_a_trial_names_what_it_needs_and_is_not_given() -> None:
    with pytest.raises(InvalidParametersError, match="resource is required") as caught:
        trial(PROVIDER, None, {"task": "sing"})
    assert len(caught.value.problems) == 2
