"""What can be stored and read back unchanged, and what names may be."""

from __future__ import annotations

from typing import Any

import pytest

from app.errors import BadInput, LimitExceeded
from app.value import MAX_DEPTH, check_count, check_identifier, check_json, check_text, check_title


def nested(depth: int) -> Any:  # noqa: ANN401 - JSON
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize("text", ["", "a", "é", "\U0001f600", "\t\n\x01\x7f", "\u2028"])
def test_texts_of_whole_characters_can_be_stored(text: str) -> None:
    check_text(text, "it")
    check_json({text: [text]}, "it")


@pytest.mark.parametrize("text", ["\0", "a\0", "\ud800", "\udc00a"])
def test_nul_and_half_characters_cannot_be_stored_anywhere(text: str) -> None:
    for value in (text, [text], {"a": {"b": [text]}}, {text: 1}):
        with pytest.raises(BadInput, match="it holds"):
            check_json(value, "it")
    with pytest.raises(BadInput, match="it holds"):
        check_text(text, "it")


@pytest.mark.parametrize("number", [0, -0.0, 1.5, 1e308, 5e-324, 2**64 - 1, -(2**63), True, None])
def test_finite_numbers_of_64_bits_can_be_stored(number: object) -> None:
    check_json([number], "it")


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf"), 2**64, -(2**63) - 1, 10**400])
def test_other_numbers_are_refused(number: float) -> None:
    with pytest.raises(BadInput, match="it holds a number"):
        check_json({"a": number}, "it")


def test_json_has_a_largest_depth() -> None:
    check_json(nested(MAX_DEPTH), "it")
    for depth in (MAX_DEPTH + 1, 5000):
        with pytest.raises(BadInput) as refused:
            check_json(nested(depth), "it")
        assert refused.value.facts == {"limit": MAX_DEPTH}


@pytest.mark.parametrize("name", ["a", "A1", "a_b", "x" * 48])
def test_identifiers_are_letters_digits_and_underscores(name: str) -> None:
    check_identifier(name, "A name")


@pytest.mark.parametrize("name", ["", "1a", "_a", "a-b", "a b", "é", "x" * 49, 'a"', "a;", "a\n", "a\0"])
def test_other_identifiers_are_refused(name: str) -> None:
    with pytest.raises(BadInput) as refused:
        check_identifier(name, "A name")
    assert refused.value.facts == {"limit": 48, "actual": len(name)}


def test_titles_are_trimmed() -> None:
    assert check_title("  Ada's team ", "A name") == "Ada's team"
    assert check_title("x" * 100, "A name") == "x" * 100


@pytest.mark.parametrize("name", ["", "   ", "x" * 101, "a\nb", "a\0b", "a\u202eb", "\ud800"])
def test_titles_are_1_to_100_printable_characters(name: str) -> None:
    with pytest.raises(BadInput):
        check_title(name, "A name")


def test_counts_have_bounds_that_are_told() -> None:
    check_count(1, 1, 10, "items")
    check_count(10, 1, 10, "items")
    with pytest.raises(BadInput) as too_few:
        check_count(0, 1, 10, "items")
    assert too_few.value.facts == {"limit": 1, "actual": 0}
    with pytest.raises(LimitExceeded) as too_many:
        check_count(11, 1, 10, "items")
    assert too_many.value.facts == {"limit": 10, "actual": 11}
