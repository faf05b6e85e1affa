"""Typed columns: what JSON they take, and what they answer for it."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import BadInput
from app.store.column_value import EXPECTED, parse, shown
from app.store.record import ColumnType
from tests.app.store.rows import SCALAR, made

NOW = "2030-01-31T12:00:00Z"
SOME_ID = "123e4567-e89b-12d3-a456-426614174000"
DEEP = orjson.loads("[" * 100 + "]" * 100)


@pytest.mark.parametrize(
    ("kind", "value", "answer"),
    [
        ("TEXT", "", ""),
        ("TEXT", "Zoë \U0001f600", "Zoë \U0001f600"),
        ("INT", -(2**31), -(2**31)),
        ("INT", 2**31 - 1, 2**31 - 1),
        ("INT", 1.0, 1),
        ("BIGINT", 2**53 - 1, 2**53 - 1),
        ("BIGINT", 2**53, "9007199254740992"),
        ("BIGINT", "12", 12),
        ("BIGINT", "-0", 0),
        ("BIGINT", 2.0**53 - 1, 2**53 - 1),
        ("BIGINT", str(-(2**63)), str(-(2**63))),
        ("BIGINT", 2**63 - 1, str(2**63 - 1)),
        ("DOUBLE", 1, 1.0),
        ("DOUBLE", -0.0, 0.0),
        ("DOUBLE", 5e-324, 5e-324),
        ("DOUBLE", 2**64, 2.0**64),
        ("BOOLEAN", True, True),
        ("BOOLEAN", False, False),
        ("TIMESTAMP", "2030-01-31T12:00:00.5+02:00", "2030-01-31T10:00:00.500000Z"),
        ("TIMESTAMP", "2030-01-31t12:00:00z", NOW),
        ("TIMESTAMP", "2030-01-31T12:00:00-00:00", NOW),
        ("TIMESTAMP", "2030-01-31T12:00:00.1234567890123Z", "2030-01-31T12:00:00.123456Z"),
        ("TIMESTAMP", "0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"),
        ("TIMESTAMP", "9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999Z"),
        ("UUID", SOME_ID.upper(), SOME_ID),
        ("JSON", {"$a.b": [1, None, {"": "x"}]}, {"$a.b": [1, None, {"": "x"}]}),
        ("JSON", "text", "text"),
        ("JSON", 2**64 - 1, 2**64 - 1),
        ("JSON", DEEP, DEEP),
    ],
)
def test_what_fits_is_answered_in_one_form(kind: str, value: Any, answer: Any) -> None:  # noqa: ANN401 - JSON
    column = made("it", ColumnType(kind))
    stored = parse(column, value)
    assert orjson.dumps(shown(column.type, stored)) == orjson.dumps(answer)
    assert parse(column, shown(column.type, stored)) == stored


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("TEXT", [1, True, ["a"], {}, "a\0", "\ud800"]),
        ("INT", [2**31, -(2**31) - 1, 1.5, "1", True, [1], 1e300, 10**400, float("nan"), float("inf")]),
        (
            "BIGINT",
            [
                2**63,
                -(2**63) - 1,
                "9223372036854775808",
                "1.0",
                "1e3",
                "",
                " 1",
                "+1",
                "01",
                "\u0661",
                True,
                1.5,
                2.0**60,
            ],
        ),
        ("DOUBLE", ["1", True, float("nan"), float("inf"), -float("inf"), 10**400, None]),
        ("BOOLEAN", [0, 1, "true", "", []]),
        (
            "TIMESTAMP",
            [
                "2030-01-31",
                "2030-01-31T12:00:00",
                "2030-01-31 12:00:00Z",
                "2030-01-31T12:00Z",
                "20300131T120000Z",
                "2030-W05-4T12:00:00Z",
                "2030-02-30T12:00:00Z",
                "2030-01-31T24:00:01Z",
                "2030-01-31T12:00:60Z",
                "2030-01-31T12:00:00,5Z",
                "2030-01-31T12:00:00+0200",
                "0000-01-01T00:00:00Z",
                "0001-01-01T00:00:00+01:00",
                "9999-12-31T23:59:59-00:01",
                "٢٠٣٠-01-31T12:00:00Z",
                "infinity",
                "now",
                1_900_000_000,
                True,
            ],
        ),
        (
            "UUID",
            [SOME_ID.replace("-", ""), f"{{{SOME_ID}}}", f"urn:uuid:{SOME_ID}", SOME_ID[:-1], "", 1, "g" + SOME_ID[1:]],
        ),
        ("JSON", ["\0", {"a\0": 1}, ["\udfff"], 2**64, 10**400, float("nan"), [DEEP]]),
    ],
)
def test_what_does_not_fit_is_refused_naming_the_column(kind: str, values: list[Any]) -> None:
    column = made("the_column", ColumnType(kind))
    for value in values:
        with pytest.raises(BadInput) as refused:
            parse(column, value)
        assert "the_column" in refused.value.message, value


@pytest.mark.parametrize("kind", SCALAR)
def test_a_refusal_says_the_type_and_what_it_takes(kind: ColumnType) -> None:
    with pytest.raises(BadInput) as refused:
        parse(made("it", kind), object() if kind is not ColumnType.JSON else "\0")
    if kind is not ColumnType.JSON:
        assert refused.value.message == f"it is {kind} and takes {EXPECTED[kind]}."
        assert refused.value.facts == {"column": "it"}


@given(st.integers(-(2**63), 2**63 - 1))
def test_every_bigint_survives_the_way_out_and_in(number: int) -> None:
    column = made("it", ColumnType.BIGINT)
    answer = shown(column.type, parse(column, number))
    assert isinstance(answer, int) == (abs(number) < 2**53)
    assert parse(column, answer) == number
