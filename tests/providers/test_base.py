"""What a provider's facts make of a request and of an error, without any network."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from providers.base import (
    BatchLimits,
    Dimension,
    EmbeddingRequest,
    HttpProvider,
    InputType,
    Kind,
    Model,
    ParameterValue,
)
from providers.embedding import Reply
from providers.secret import Secret
from providers.usage import UNKNOWN_USAGE

MODEL = Model(name="acme/small model", dimension=Dimension(default=4, minimum=2, maximum=8))


@dataclass(frozen=True, kw_only=True)
class Plain(HttpProvider):
    def body(self, request: EmbeddingRequest) -> dict[str, object]:
        return {"inputs": list(request.texts)}

    def parse(self, payload: object) -> Reply:
        return Reply([payload], UNKNOWN_USAGE)


PLAIN = Plain(
    key="plain",
    display_name="Plain",
    kind=Kind.EXTERNAL,
    documentation_url=None,
    models=(MODEL,),
    base_url="https://{resource}.example.com",
    path="/models/{modelId}/at/{place}",
    limits=BatchLimits(texts=32),
    joined_by="joined",
    key_header="api-key",
    key_prefix="",
    header_parameters={"tenant": "X-Tenant"},
    error_paths=("message", "detail/0/msg"),
    input_field="inputs",
)


def request(**parameters: ParameterValue) -> EmbeddingRequest:
    return EmbeddingRequest(
        texts=["a", "b", "c"], model=MODEL, dimension=4, parameters=parameters, input_type=InputType.QUERY
    )


def test_a_fixed_dimension_allows_one_length_only() -> None:
    fixed = Dimension.exactly(384)
    assert (fixed.fixed, fixed.default, fixed.allows(384), fixed.allows(383)) == (True, 384, True, False)


def test_choices_narrow_a_range() -> None:
    dimension = Dimension(default=None, minimum=256, maximum=1024, choices=(256, 1024))
    assert [dimension.allows(length) for length in (255, 256, 512, 1024)] == [False, True, False, True]


def test_a_url_is_filled_with_parameters_and_the_model() -> None:
    outgoing = PLAIN.build(request(resource="west", place="x.y_z"), Secret("top-secret"))
    assert outgoing.url == "https://west.example.com/models/acme/small%20model/at/x.y_z"


def test_a_parameter_cannot_lead_to_another_host() -> None:
    outgoing = PLAIN.build(request(resource="evil.org/#", place="../.."), Secret("top-secret"))
    assert outgoing.url == "https://evil.org%2F%23.example.com/models/acme/small%20model/at/..%2F.."


def test_the_key_travels_in_the_header_that_the_vendor_wants() -> None:
    outgoing = PLAIN.build(request(resource="r", place="p"), Secret("top-secret"))
    assert outgoing.headers == {
        "Content-Type": "application/json",
        "Accept": "application/json",
        "api-key": "top-secret",
    }


def test_a_parameter_can_travel_in_a_header() -> None:
    outgoing = PLAIN.build(request(resource="r", place="p", tenant="t1"), Secret("top-secret"))
    assert outgoing.headers["X-Tenant"] == "t1"


def test_neither_a_request_nor_a_secret_shows_what_it_holds() -> None:
    secret = Secret("top-secret")
    shown = repr([secret, PLAIN.build(request(resource="r", place="p"), secret), request()])
    assert "top-secret" not in shown
    assert "'a'" not in shown


def test_joined_texts_go_one_by_one() -> None:
    assert PLAIN.batch_limits({"joined": True}).texts == 1
    assert PLAIN.batch_limits({"joined": False}).texts == 32
    assert PLAIN.batch_limits({}).texts == 32


def test_a_part_of_a_request_has_some_of_its_texts() -> None:
    assert request(resource="r").part(range(1, 3)).texts == ["b", "c"]


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        ({"message": "no"}, "no"),
        ({"detail": [{"msg": "deep"}]}, "deep"),
        ({"message": {"detail": "odd"}}, None),
        ({"detail": []}, None),
        ({"detail": "flat"}, None),
        ({"message": ""}, None),
        (["message"], None),
        ("message", None),
        (None, None),
    ],
)
def test_an_errors_text_is_found_where_the_facts_say(payload: object, message: str | None) -> None:
    assert PLAIN.error_message(payload) == message


@pytest.mark.parametrize("payload", [{"error": {"code": "insufficient_quota"}}, {"type": "insufficient_quota"}])
def test_a_used_up_quota_is_known_by_its_code(payload: object) -> None:
    assert PLAIN.quota_exhausted(payload)
    assert not PLAIN.quota_exhausted({"error": {"code": "rate_limit_exceeded"}})


@pytest.mark.parametrize(
    ("payload", "blames"),
    [
        ({"error": {"param": "dimensions"}}, True),
        ({"param": "model"}, True),
        ({"param": "inputs_type"}, True),
        ({"param": "inputs"}, False),
        ({"param": "$.inputs[3]"}, False),
        ({"param": "?"}, False),
        ({"error": {"param": "inputs[3]"}}, False),
        ({"error": {"param": None}}, False),
        (None, False),
    ],
)
def test_an_error_that_names_a_field_other_than_the_input_blames_the_call(payload: object, *, blames: bool) -> None:
    assert PLAIN.blames_call(payload) is blames


def test_a_model_is_found_by_its_name_only() -> None:
    assert PLAIN.model("acme/small model") is MODEL
    assert PLAIN.model("acme/small") is None
