"""The shared wire format: what facts add to a body, and which replies are taken."""

from __future__ import annotations

from dataclasses import replace

import pytest

from providers.base import BatchLimits, Dimension, EmbeddingRequest, InputType, Kind, Model, ParameterValue
from providers.errors import MalformedReplyError
from providers.openai_compatible import OpenAICompatible
from providers.usage import UNKNOWN_USAGE, Usage

PROVIDER = OpenAICompatible(
    key="acme",
    display_name="Acme",
    kind=Kind.EXTERNAL,
    documentation_url=None,
    base_url="https://example.com/v1",
    limits=BatchLimits(texts=1),
)
VARIABLE = Model(name="m", dimension=Dimension(default=4, minimum=2, maximum=8))
FIXED = Model(name="m", dimension=Dimension.exactly(4))


def request(
    model: Model = FIXED, input_type: InputType = InputType.DOCUMENT, **parameters: ParameterValue
) -> EmbeddingRequest:
    return EmbeddingRequest(texts=["a", "b"], model=model, dimension=4, parameters=parameters, input_type=input_type)


def row(index: object, *values: float) -> dict[str, object]:
    return {"object": "embedding", "index": index, "embedding": list(values)}


def test_a_body_has_the_input_and_the_model_and_nothing_else() -> None:
    assert PROVIDER.body(request()) == {"model": "m", "input": ["a", "b"]}
    assert PROVIDER.url(request()) == "https://example.com/v1/embeddings"


def test_a_dimension_is_sent_to_models_with_a_choice_only() -> None:
    renamed = replace(PROVIDER, dimension_field="output_dimension")
    assert PROVIDER.body(request(VARIABLE))["dimensions"] == 4
    assert renamed.body(request(VARIABLE))["output_dimension"] == 4
    assert "output_dimension" not in renamed.body(request())


def test_without_a_dimension_the_choice_is_the_vendors() -> None:
    assert "dimensions" not in PROVIDER.body(replace(request(VARIABLE), dimension=None))


def test_an_encoding_is_sent_where_the_vendor_documents_one() -> None:
    assert replace(PROVIDER, encoding_format="base64").body(request())["encoding_format"] == "base64"


def test_documents_and_queries_can_differ_by_a_field() -> None:
    provider = replace(PROVIDER, input_types={InputType.DOCUMENT: "passage", InputType.QUERY: "query"})
    assert provider.body(request())["input_type"] == "passage"
    assert provider.body(request(input_type=InputType.QUERY))["input_type"] == "query"


def test_documents_and_queries_can_differ_by_the_models_name() -> None:
    provider = replace(PROVIDER, model_suffixes={InputType.DOCUMENT: "-passage", InputType.QUERY: "-query"})
    assert provider.body(request())["model"] == "m-passage"
    assert provider.body(request(input_type=InputType.QUERY))["model"] == "m-query"


def test_parameters_travel_under_the_vendors_names() -> None:
    provider = replace(PROVIDER, body_parameters={"autoTruncate": "truncation", "task": "task"})
    assert provider.body(request(autoTruncate=False)) == {"model": "m", "input": ["a", "b"], "truncation": False}


def test_the_index_decides_the_order() -> None:
    reply = PROVIDER.parse({"data": [row(1, 2.0), row(0, 1.0)], "usage": {"prompt_tokens": 3, "total_tokens": 4}})
    assert reply.vectors == [[1.0], [2.0]]
    assert reply.usage == Usage(3, 4)


@pytest.mark.parametrize("usage", [None, [], {}, {"prompt_tokens": "3", "total_tokens": -1}, {"total_tokens": True}])
def test_usage_that_is_no_count_is_unknown(usage: object) -> None:
    assert PROVIDER.parse({"data": [], "usage": usage}).usage == UNKNOWN_USAGE


def test_usage_may_have_a_total_only() -> None:
    assert PROVIDER.parse({"data": [], "usage": {"total_tokens": 7}}).usage == Usage(None, 7)


@pytest.mark.parametrize(
    "payload",
    [
        None,
        [],
        {},
        {"data": None},
        {"data": {}},
        {"error": {"message": "no"}},
        {"data": [row(0), row(0)]},
        {"data": [row(0), row(2)]},
        {"data": [row(1), row(2)]},
        {"data": [row(-1), row(0)]},
        {"data": [row(index=True), row(0)]},
        {"data": [row(0.0)]},
        {"data": [row("0")]},
        {"data": [row(None)]},
        {"data": [{"embedding": [1.0]}]},
        {"data": [[1.0]]},
    ],
)
def test_a_reply_without_complete_indices_is_refused(payload: object) -> None:
    with pytest.raises(MalformedReplyError):
        PROVIDER.parse(payload)
