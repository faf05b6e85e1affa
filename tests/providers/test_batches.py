"""Packing: nothing lost, nothing reordered, no request beyond its limits unless a single text is."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from providers.base import BatchLimits
from providers.batches import halves, pack

LIMITS = st.builds(
    BatchLimits,
    texts=st.integers(1, 10),
    tokens=st.none() | st.integers(1, 50),
    bytes=st.integers(1, 200),
)


@given(st.lists(st.text(max_size=60), max_size=40), LIMITS)
def test_batches_are_all_texts_in_order_and_within_the_limits(texts: list[str], limits: BatchLimits) -> None:
    batches = list(pack(texts, limits))
    assert [position for batch in batches for position in batch] == list(range(len(texts)))
    for batch in batches:
        tokens = sum(len(texts[position].encode()) for position in batch) / 3
        size = sum(len(json.dumps(texts[position], ensure_ascii=False).encode()) for position in batch)
        fits = size <= limits.bytes and (limits.tokens is None or tokens <= limits.tokens)
        assert 1 <= len(batch) <= limits.texts
        assert len(batch) == 1 or fits


def test_a_batch_is_as_long_as_it_can_be() -> None:
    assert list(pack(["abc"] * 5, BatchLimits(texts=100, tokens=2))) == [range(2), range(2, 4), range(4, 5)]
    assert list(pack(["abc"] * 5, BatchLimits(texts=3))) == [range(3), range(3, 5)]
    assert list(pack(["abc"] * 5, BatchLimits(texts=100, bytes=10))) == [range(2), range(2, 4), range(4, 5)]


def test_without_texts_there_is_no_batch() -> None:
    assert not list(pack([], BatchLimits(texts=1)))


def test_texts_beyond_the_latin_alphabet_count_as_more_tokens() -> None:
    assert len(list(pack(["abc", "abc"], BatchLimits(texts=9, tokens=2)))) == 1
    assert len(list(pack(["日本語", "日本語"], BatchLimits(texts=9, tokens=2)))) == 2


@given(st.integers(0, 50), st.integers(2, 50))
def test_halves_are_both_parts(start: int, length: int) -> None:
    first, second = halves(range(start, start + length))
    assert [*first, *second] == list(range(start, start + length))
    assert abs(len(first) - len(second)) <= 1
