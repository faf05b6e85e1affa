"""The scalars of the contract: what they take, what they refuse without quoting it, and how they are shown."""

from __future__ import annotations

import datetime as dt
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import BadInput
from resolvers.scalar import SCALARS, JSONObject, Vector, floats

CANARY = "canary-0123456789"


def parsed(scalar: object, value: object) -> Any:  # noqa: ANN401 - JSON
    parse = SCALARS[scalar].parse_value
    assert parse is not None
    return parse(value)


def refusal(scalar: object, value: object) -> str:
    with pytest.raises(BadInput) as refused:
        parsed(scalar, value)
    return refused.value.message


def test_an_object_may_come_as_json_text() -> None:
    for value in ({"$set": {"a.b": [1, None]}}, '{"$set": {"a.b": [1, null]}}', ' {"$set":{"a.b":[1,null]}} '):
        assert parsed(JSONObject, value) == {"$set": {"a.b": [1, None]}}


def test_text_of_odd_characters_and_numbers_reaches_the_checks_of_its_item() -> None:
    assert parsed(JSONObject, '{"a": "\\ud800"}') == {"a": "\ud800"}
    assert parsed(JSONObject, '{"a": 1' + "0" * 400 + "}") == {"a": 10**400}
    assert math.isinf(parsed(JSONObject, '{"a": 1e999}')["a"])


@pytest.mark.parametrize(
    "value",
    [
        None,
        5,
        True,
        [],
        [CANARY],
        "",
        CANARY,
        f'"{CANARY}"',
        f'["{CANARY}"]',
        f'{{"{CANARY}": NaN}}',
        f'{{"{CANARY}": Infinity}}',
        f"{{'{CANARY}': 1}}",
        f'{{"{CANARY}": 1}} 2',
        "[" * 100_000,
        '{"a":' * 100_000,
    ],
)
def test_what_is_no_object_is_refused_and_not_quoted(value: object) -> None:
    assert CANARY not in refusal(JSONObject, value)


def test_a_vector_is_a_list_or_a_string_that_its_target_checks() -> None:
    for value in ([1, 2], [], ["x"], "AAAA", ""):
        assert parsed(Vector, value) == value
    for wrong in (None, 5, True, {"a": CANARY}):
        assert CANARY not in refusal(Vector, wrong)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("2030-01-31T12:00:00Z", "2030-01-31T12:00:00Z"),
        ("2030-01-31T12:00:00.5+02:00", "2030-01-31T10:00:00.500000Z"),
        ("2030-01-31t12:00:00-00:00", "2030-01-31T12:00:00Z"),
    ],
)
def test_a_moment_is_taken_with_its_offset_and_shown_in_utc(text: str, shown: str) -> None:
    serialize = SCALARS[dt.datetime].serialize
    assert serialize is not None
    assert serialize(parsed(dt.datetime, text)) == shown


@pytest.mark.parametrize(
    "value",
    [
        None,
        5,
        "",
        "now",
        "2030-01-31",
        "2030-01-31T12:00:00",
        "2030-01-31 12:00:00Z",
        "12:00Z",
        "2030-W01-1T12Z",
        "20300131T12Z",
        "2030-01-31T12:00:00,5Z",
        "2030-01-31T12:00:00+0200",
        "2030-02-30T12:00:00Z",
        "0001-01-01T00:00:00+01:00",
        "203\uff10-01-31T12:00:00Z",
    ],
)
def test_a_moment_without_day_time_or_offset_is_refused(value: object) -> None:
    assert "RFC 3339" in refusal(dt.datetime, value)


def test_a_day_is_a_date_alone() -> None:
    assert parsed(dt.date, "2030-01-31") == dt.date(2030, 1, 31)
    for wrong in (None, 5, "", "2030-02-30", "2030-01-31T12:00:00Z", "20300131", "2030-W01-1"):
        assert "RFC 3339" in refusal(dt.date, wrong)


@given(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=1, max_size=10))
def test_components_are_shown_as_the_shortest_decimals_of_the_same_floats(components: list[float]) -> None:
    vector = np.array(components, np.float32)
    shown = floats(vector)
    assert list(np.array(shown, np.float32)) == list(vector)
    assert floats(np.array([0.1, 1e-7, 3e38], np.float32)) == [0.1, 1e-7, 3e38]
