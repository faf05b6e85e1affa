from __future__ import annotations

from collections.abc import Iterator

import pytest

from app.cli.transfer import batch
from app.cli.transfer.batch import batches
from app.cli.transfer.line import Line, Rejected


def lines(*sizes: int) -> list[Line | Rejected]:
    return [Line(number, {}, size) for number, size in enumerate(sizes, 1)]


def numbers(found: list[Line | Rejected], most: int) -> list[tuple[int, int]]:
    return [(each.first, each.last) for each in batches(found, most, lambda batch: batch.last)]


def test_batches_have_so_many_lines() -> None:
    assert numbers(lines(1, 1, 1, 1, 1), 2) == [(1, 2), (3, 4), (5, 5)]
    assert numbers([], 2) == []


def test_batches_are_bounded_by_their_bytes_unless_one_line_alone_is_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch, "MOST_BYTES", 10)
    assert numbers(lines(4, 6, 1, 20, 5, 5), 100) == [(1, 2), (3, 3), (4, 4), (5, 6)]


def test_unreadable_lines_are_counted_too() -> None:
    found: list[Line | Rejected] = [Line(1, {}, 1), Rejected(2, "BAD_INPUT", "…", ""), Line(5, {}, 1)]
    first, second = batches(found, 2, lambda batch: 2 * batch.last)
    assert (first.count, len(first.lines), len(first.rejected), first.last) == (2, 1, 1, 2)
    assert (second.first, second.last, second.position) == (5, 5, 10)


def test_a_full_batch_does_not_wait_for_the_next_line() -> None:
    def read() -> Iterator[Line | Rejected]:
        yield from lines(1, 1)
        raise AssertionError("read too far")

    assert next(batches(read(), 2, lambda _: 0)).count == 2


def test_a_second_run_makes_the_same_batches_from_where_the_first_one_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch, "MOST_BYTES", 10)
    found = lines(3, 9, 2, 2, 2, 7, 1, 1, 1, 1, 1, 9, 4)
    whole = numbers(found, 4)
    for _, last in whole:
        assert numbers(found[last:], 4) == [each for each in whole if each[0] > last]
