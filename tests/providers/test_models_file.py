"""What the operator's file changes, and that every problem of it is told at once."""

from __future__ import annotations

import pytest

from providers import by_key
from providers.base import Dimension, HttpProvider, Model, ModelStatus, Provider
from providers.models_file import extend


def extended(text: str, key: str = "openai") -> Provider:
    providers, problems = extend(by_key(), text)
    assert not problems
    return providers[key]


def problems_of(text: str) -> list[str]:
    return extend(by_key(), text)[1]


def test_an_empty_file_changes_nothing() -> None:
    assert extend(by_key(), "") == (by_key(), [])


def test_a_model_is_added_with_a_fixed_dimension() -> None:
    provider = extended("""
        [[provider.openai.models]]
        name = "own-model"
        dimension = 1024
        max_input_tokens = 512
    """)
    assert provider.model("own-model") == Model(
        name="own-model", dimension=Dimension.exactly(1024), max_input_tokens=512
    )
    assert provider.model("text-embedding-3-small") is not None


@pytest.mark.parametrize(
    ("dimension", "expected"),
    [
        ("{ default = 8, minimum = 2, maximum = 16 }", Dimension(default=8, minimum=2, maximum=16)),
        ("{ minimum = 2, maximum = 16 }", Dimension(default=None, minimum=2, maximum=16)),
        ("{ choices = [4, 8] }", Dimension(default=None, minimum=4, maximum=8, choices=(4, 8))),
    ],
)
def test_a_model_is_added_with_a_choice_of_dimensions(dimension: str, expected: Dimension) -> None:
    model = extended(f'[[provider.openai.models]]\nname = "own"\ndimension = {dimension}').model("own")
    assert model is not None
    assert model.dimension == expected


def test_a_known_model_keeps_what_its_entry_leaves_out() -> None:
    provider = extended("""
        [[provider.openai.models]]
        name = "text-embedding-ada-002"
        status = "END_OF_LIFE"
        status_message = "Gone."
    """)
    model = provider.model("text-embedding-ada-002")
    assert model is not None
    assert (model.status, model.status_message) == (ModelStatus.END_OF_LIFE, "Gone.")
    assert (model.dimension, model.max_input_tokens) == (Dimension.exactly(1536), 8192)
    assert [each.name for each in provider.models] == [each.name for each in by_key()["openai"].models]


def test_a_model_inside_the_process_can_be_retired() -> None:
    text = '[[provider.local.models]]\nname = "wordllama-256"\nstatus = "DEPRECATED"'
    assert extended(text, "local").models[0].status is ModelStatus.DEPRECATED


def test_batch_limits_are_set() -> None:
    provider = extended("[provider.openai]\nmax_batch_texts = 16\nmax_batch_tokens = 999")
    assert isinstance(provider, HttpProvider)
    assert (provider.limits.texts, provider.limits.tokens) == (16, 999)


MODEL = '[[provider.openai.models]]\nname = "own"\ndimension = 8\n'


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[provider", "models file: is not TOML: "),
        ("providers = 1", "models file: has no field providers"),
        ("provider = 1", "models file.provider: must be a table"),
        ("[provider.nope]", "models file.provider: has no field nope"),
        ("[provider]\nopenai = 1", "models file.provider.openai: must be a table"),
        ("[provider.openai]\nmodels = 1", "models file.provider.openai: models must be a list of tables"),
        ("[provider.openai]\nmodels = [1]", "models file.provider.openai.models[0]: must be a table"),
        ("[provider.openai]\nurl = 1", "models file.provider.openai: has no field url"),
        ("[provider.openai]\nmax_batch_texts = 0", "max_batch_texts must be a whole number of at least 1"),
        ("[provider.openai]\nmax_batch_tokens = true", "max_batch_tokens must be a whole number of at least 1"),
        ("[provider.local]\nmax_batch_texts = 2", "models file.provider.local: has no field max_batch_texts"),
        (MODEL.replace("openai", "local"), "models file.provider.local: embeds inside the process"),
        ("[[provider.openai.models]]\ndimension = 8", "models file.provider.openai.models[0]: has no name"),
        ('[[provider.openai.models]]\nname = "own"', "models file.provider.openai.models[0]: has no dimension"),
        ('[[provider.openai.models]]\nname = ""\ndimension = 8', "name must be text that is not empty"),
        (MODEL + 'status = "RETIRED"', "status must be one of SUPPORTED, DEPRECATED, END_OF_LIFE"),
        (MODEL + "max_input_tokens = 1.5", "max_input_tokens must be a whole number"),
        (MODEL + "size = 1", "models file.provider.openai.models[0]: has no field size"),
        (MODEL.replace("8", '"8"'), "dimension must be a whole number"),
        (MODEL.replace("8", "{ minimum = 2 }"), "models[0].dimension: needs minimum and maximum, or choices"),
        (MODEL.replace("8", "{ minimum = 3, maximum = 2 }"), "contradict each other"),
        (MODEL.replace("8", "{ default = 5, choices = [4, 8] }"), "contradict each other"),
        (MODEL.replace("8", "{ choices = [4, 8], maximum = 6 }"), "contradict each other"),
        (MODEL.replace("8", "{ choices = [4, 0] }"), "choices must be a list, each item a whole number of at least 1"),
        (MODEL.replace("8", "{ choices = [4], step = 1 }"), "models[0].dimension: has no field step"),
    ],
)
def test_what_cannot_be_is_told(text: str, problem: str) -> None:
    assert problem in "\n".join(problems_of(text))


def test_all_problems_are_told_at_once() -> None:
    text = MODEL + 'status = "RETIRED"\nsize = 1\n[[provider.openai.models]]\nname = "own-2"\n[provider.nope]'
    assert len(problems_of(text)) == 4
