"""Hostile leaves of JSON, and anything made of them: texts, numbers, dates, names, nesting."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

from hypothesis import strategies as st

from tests.hostile.symbol import Raw

Strategy: TypeAlias = st.SearchStrategy[Any]

NAMES = [
    *("id", "title", "pages", "stars", "rating", "seen", "day", "code", "extra", "plot", "v"),
    *("kept", "name", "number", "text", "a", "b", "a.b", "a.0", "_id"),
]
"""Columns of the tables and fields of the documents."""
_SMALL = (
    "0",
    "-0",
    "-0.0",
    "1",
    "-1",
    "0.1",
    "1e2",
    "1.0",
    "5e-324",
    "1e-400",
    "65504",
    "65505",
    "1e18",
    "1e38",
    "3.5e38",
)
_LARGE = ("2147483647", "2147483648", "-2147483649", "9007199254740993", "9223372036854775807", "9223372036854775808")
_HUGE = ("-9223372036854775809", "18446744073709551615", "18446744073709551616", "1e308", "1.8e308", "1e400", "-1e999")
NUMBERS = [Raw(each) for each in _SMALL + _LARGE + _HUGE]
NO_JSON = [Raw(each) for each in ("NaN", "-Infinity", "01", "+1", ".5", "'a'", "undefined", "[1,]", "9" * 5000)]
TEXTS = [
    "",
    " ",
    "\t\n",
    "\0",
    "a\0b",
    "\ud800",
    "a\udfff\ud800",
    "'",
    '"',
    "\\",
    "`",
    "'; drop schema public cascade; --",
    "') or 1=1 --",
    "%s%n$1 {0} ${x} %(a)s",
    "null",
    "NaN",
    "Infinity",
    "1e999",
    "true",
    "{}",
    "[",
    "__proto__",
    "../../etc/passwd",
    "/dev/null",
    "\u202e\u200b\ufeff",
    "\U0001f600" * 60,
    "a" + "\u0301" * 500,
    "\uff41\u0130\u00df\ufdfa",
    "x" * 49,
    "x" * 256,
    "y" * 70_000,
    "[" * 900 + "]" * 900,
    '{"$not":' * 900 + "{}" + "}" * 900,
]
TIMES = [
    "0001-01-01T00:00:00+23:59",
    "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59-23:59",
    "9999-12-31T23:59:59.999999Z",
    "2020-02-30T00:00:00Z",
    "2020-01-01T24:00:00Z",
    "2020-01-01T23:59:60Z",
    "2020-W01-1T00:00:00Z",
    "20200101T000000Z",
    "2020-01-01T00:00:00.123456789Z",
    "2020-01-01T00:00:00+00:00:30",
    "2020-01-01T00:00:00,5+14:00",
    "2020-01-01t00:00:00z",
    "2020-01-01 00:00:00Z",
    "2020-01-01T00:00:00",
    "\uff12\uff10\uff12\uff10-01-01T00:00:00Z",
    "infinity",
    "epoch",
    "2020-01-01",
    "-0001-01-01T00:00:00Z",
    "10000-01-01T00:00:00Z",
]
KEYS = [
    "",
    ".",
    "..",
    "a.",
    ".a",
    "a..b",
    "$",
    "$set",
    "$where",
    "$vectorize",
    "$vector",
    "$vector.0",
    "_id",
    "_id.a",
    "-1",
    "__proto__",
    "constructor",
    "k" * 5000,
    "a." * 200 + "a",
    *TEXTS[3:14],
]


def _deep(opening: str, inside: str, closing: str) -> list[Raw]:
    return [Raw(opening * depth + inside + closing * depth) for depth in (12, 99, 100, 101, 260, 1000, 5000)]


DEEP = [*_deep("[", "", "]"), *_deep('{"a":', "1", "}"), *_deep('{"$not":', "{}", "}"), *_deep('{"$and":[', "{}", "]}")]


def one_of_these(values: Sequence[object]) -> Strategy:
    """One of the values. hypothesis prints what it samples from, and these are large."""
    return st.integers(0, len(values) - 1).map(lambda number: values[number])


def mostly(usual: Strategy, other: Strategy) -> Strategy:
    """Four times of five the one; `|` would count the alternatives within each."""
    return st.integers(0, 4).flatmap(lambda number: usual if number else other)


texts: Strategy = one_of_these(TEXTS) | st.text(
    st.characters(categories=("L", "M", "N", "P", "S", "Z", "Cc", "Cf", "Cs")), max_size=60
)
numbers: Strategy = (
    one_of_these(NUMBERS) | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False)
)
whole: Strategy = one_of_these(
    [0, -1, 1, 2, 499, 500, 501, 2000, 2001, 4001, 16000, 16001, 2**31 - 1, -(2**31), 2**31, Raw("1.0"), Raw("-0")]
)
times: Strategy = one_of_these(TIMES) | st.datetimes().map(lambda each: f"{each.isoformat()}Z") | texts
keys: Strategy = one_of_these(NAMES) | one_of_these(KEYS) | texts
leaves: Strategy = st.none() | st.booleans() | texts | numbers | one_of_these(TIMES)
anything: Strategy = st.one_of(
    leaves,
    st.recursive(
        leaves,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4),
        max_leaves=8,
    ),
    one_of_these(DEEP),
    one_of_these([*DEEP, *DEEP, *NO_JSON]),
)
