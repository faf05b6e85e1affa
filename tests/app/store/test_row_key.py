"""Keys of rows as text: one text for one key, and nothing else is one."""

from __future__ import annotations

from typing import Any

import pytest

from app.errors import BadInput
from app.store.record import ColumnType
from app.store.row_key import answered, decode, encode, is_encoded, of_key, of_row
from tests.app.store.rows import described, made

ONE = described(made("id", ColumnType.BIGINT, 1), made("title", ColumnType.TEXT))
TWO = described(made("title", ColumnType.TEXT, 2), made("at", ColumnType.TIMESTAMP, 1), made("n", ColumnType.INT))
KEY = '["2030-01-31T12:00:00Z","a/b"]'


def test_a_key_is_its_values_in_the_key_s_order_each_in_one_form() -> None:
    assert of_row(ONE, {"id": 7.0, "title": "x"}) == "[7]"
    assert of_row(ONE, {"id": "9007199254740993"}) == '["9007199254740993"]'
    assert of_row(TWO, {"title": "a/b", "at": "2030-01-31T13:00:00+01:00"}) == KEY
    assert of_key(TWO, {"at": "2030-01-31T12:00:00.000Z", "title": "a/b"}) == KEY
    assert encode(TWO, decode(TWO, KEY)) == KEY


def test_callers_know_it_as_a_value_or_as_an_object_by_column_name() -> None:
    assert answered(ONE, "[7]") == 7
    assert answered(ONE, '["9007199254740993"]') == "9007199254740993"
    assert answered(TWO, KEY) == {"at": "2030-01-31T12:00:00Z", "title": "a/b"}
    for stored in ("[7]", '["9007199254740993"]'):
        assert of_key(ONE, answered(ONE, stored)) == stored
    assert of_key(TWO, answered(TWO, KEY)) == KEY


@pytest.mark.parametrize("given", [{}, {"id": None}, {"id": "x"}, {"id": True}, {"title": "x"}])
def test_a_row_without_a_key_is_refused_naming_the_column(given: dict[str, Any]) -> None:
    with pytest.raises(BadInput, match="id"):
        of_row(ONE, given)


@pytest.mark.parametrize(
    "given",
    [None, "a", ["2030-01-31T12:00:00Z", "a"], {"title": "a"}, {"title": "a", "at": None}, {"title": "a", "at": "now"}],
)
def test_what_is_no_key_of_the_table_is_refused(given: object) -> None:
    with pytest.raises(BadInput):
        of_key(TWO, given)
    with pytest.raises(BadInput):
        of_key(TWO, {"title": "a", "at": "2030-01-31T12:00:00Z", "n": 1})
    with pytest.raises(BadInput):
        of_key(ONE, {"id": 7})


def test_a_key_is_as_long_as_an_index_can_hold() -> None:
    table = described(made("a", ColumnType.TEXT, 1), made("b", ColumnType.TEXT, 2))
    assert of_row(table, {"a": "x" * 1000, "b": "y" * 17})
    with pytest.raises(BadInput) as refused:
        of_row(table, {"a": "x" * 1000, "b": "y" * 18})
    assert (refused.value.facts["limit"], refused.value.facts["actual"]) == (1024, 1025)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "7",
        "[]",
        "[7,8]",
        "[ 7]",
        "[7.0]",
        '["7"]',
        "[true]",
        "[null]",
        '{"id":7}',
        "[9007199254740992]",
        "[",
        "[[7]]",
        '["\\ud800"]',
    ],
)
def test_a_text_that_no_row_was_answered_with_is_no_key(text: str) -> None:
    assert is_encoded(ONE, "[7]")
    assert not is_encoded(ONE, text)
