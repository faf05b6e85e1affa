from __future__ import annotations

import json

import pytest

from app.cli.transfer import exact
from app.errors import BadInput
from app.value import INTEGERS

BEYOND = INTEGERS.stop


@pytest.mark.parametrize(
    "text",
    ["{}", "-{}", "[{}]", "[1,{}]", '{{"a":{}}}', '{{"a": {}}}', '{{"a":\n{}}}', '{{"a":-{}}}', '[0.5,\t"x",{}]'],
)
def test_an_integer_beyond_64_bits_is_refused_wherever_it_stands(text: str) -> None:
    with pytest.raises(BadInput, match="needs more than 64 bits"):
        exact.loads(text.format(BEYOND).encode())
    kept = text.format(2**63).encode()
    assert exact.loads(kept) == json.loads(kept)


def test_fractions_of_many_digits_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    vector = [1 / number for number in range(100, 2000)]
    monkeypatch.setattr(json, "loads", lambda _: pytest.fail("it was read again"))
    assert exact.loads(repr(vector).encode()) == vector


def test_a_line_that_looks_suspect_and_is_not_is_read_as_it_is() -> None:
    value = {"text": f"a:{BEYOND}" + "[" * 500, "n": 1}
    assert exact.loads(json.dumps(value).encode()) == value


def test_a_cell_that_cannot_be_stored_stays_a_text_beside_the_others() -> None:
    cells = [("a", "1", _number), ("b", "x", _number), ("c", "y", _number)]
    assert exact.record(cells[:1]) == ({"a": 1}, None)
    assert exact.record(cells) == ({"a": 1, "b": "x", "c": "y"}, "b: x is no number")


def _number(cell: str) -> object:
    if not cell.isdigit():
        raise BadInput(f"{cell} is no number")
    return int(cell)
