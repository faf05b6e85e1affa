"""Pages and the cursors between them."""

from __future__ import annotations

import base64
from uuid import uuid4

import pytest

from app.errors import BadInput
from app.page import MAX_FIRST, Page, after_id, check_first, decode_cursor, encode_cursor, id_cursor


def test_a_page_has_what_was_asked_for_and_knows_of_more() -> None:
    page = Page.of([1, 2, 3], 2, None, str)
    assert (page.items, page.cursors, page.has_next, page.has_previous) == ([1, 2], ["1", "2"], True, False)
    last = Page.of([3], 2, "2", str)
    assert (last.items, last.has_next, last.has_previous) == ([3], False, True)


@pytest.mark.parametrize("first", [1, MAX_FIRST])
def test_a_page_has_1_to_500_items(first: int) -> None:
    check_first(first)


@pytest.mark.parametrize("first", [0, -1, MAX_FIRST + 1, 2**31 - 1])
def test_other_sizes_are_refused_with_the_limit(first: int) -> None:
    with pytest.raises(BadInput) as refused:
        check_first(first)
    assert refused.value.facts == {"limit": MAX_FIRST, "actual": first}


def test_a_cursor_brings_back_its_parts_and_needs_no_escaping_in_a_url() -> None:
    parts = ["ÿ~?>", 1, None, 0.1]
    cursor = encode_cursor(*parts)
    assert decode_cursor(cursor, 4) == parts
    assert cursor.replace("-", "").replace("_", "").isalnum()


@pytest.mark.parametrize(
    "cursor", ["", "x", "é", "\ud800", "=", "AAAA", "e30", encode_cursor(1), encode_cursor(1, 2, 3)]
)
def test_what_is_no_cursor_is_refused(cursor: str) -> None:
    with pytest.raises(BadInput, match="after is not a cursor"):
        decode_cursor(cursor, 2)


@pytest.mark.parametrize("part", [b"[" * 1_000 + b"]" * 1_000, b'{"a":' * 1_000 + b"1" + b"}" * 1_000, b"[]"])
def test_what_is_nested_is_no_cursor_however_deep(part: bytes) -> None:
    with pytest.raises(BadInput, match="after is not a cursor"):
        after_id(base64.urlsafe_b64encode(b"[" + part + b"]").decode())


def test_a_cursor_of_an_id_brings_it_back() -> None:
    identifier = uuid4()
    assert after_id(id_cursor(identifier)) == identifier
    assert after_id(None) is None
    for wrong in (encode_cursor("x"), encode_cursor(5), encode_cursor(None), encode_cursor(identifier.hex, 1)):
        with pytest.raises(BadInput):
            after_id(wrong)
