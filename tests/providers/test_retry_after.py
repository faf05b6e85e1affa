"""What headers say about waiting; whatever they hold, reading them never fails and never means 'now' by mistake."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.retry_after import duration_seconds, retry_after_seconds

NOW = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1s", 1),
        ("6m0s", 360),
        ("20ms", 0.02),
        ("1h2m3s", 3723),
        ("1.5s", 1.5),
        ("6m", 360),
        ("2s500ms", 2.5),
        ("0s", 0),
    ],
)
def test_durations_are_read(text: str, seconds: float) -> None:
    assert duration_seconds(text) == seconds


@pytest.mark.parametrize("text", ["", "1", "s", "1d", "-1s", "1s 2m", "soon", "NaNs", "1e9s", "infs"])
def test_what_is_no_duration_is_not_known(text: str) -> None:
    assert duration_seconds(text) is None


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "20"}, 20),
        ({"retry-after": "0"}, 0),
        ({"retry-after": " 1.5 "}, 1.5),
        ({"retry-after-ms": "250", "retry-after": "1"}, 0.25),
        ({"retry-after": "Sun, 22 Nov 2026 12:00:30 GMT"}, 30),
        ({"retry-after": "Sun, 22 Nov 2026 11:00:00 GMT"}, 0),
        ({"x-ratelimit-reset-requests": "1s", "x-ratelimit-reset-tokens": "6m0s"}, 360),
        ({"x-ratelimit-remaining-tokens": "5", "x-ratelimit-reset-tokens": "6m0s"}, None),
        (
            {
                "x-ratelimit-remaining-requests": "0",
                "x-ratelimit-reset-requests": "20ms",
                "x-ratelimit-remaining-tokens": "9",
                "x-ratelimit-reset-tokens": "6m0s",
            },
            0.02,
        ),
        ({"retry-after": "odd", "x-ratelimit-reset-requests": "2s"}, 2),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "1e400"}, None),
        ({"retry-after": "9" * 50}, None),
        ({"retry-after": "٣"}, None),
        ({}, None),
    ],
)
def test_headers_are_read(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after_seconds(headers, NOW) == seconds


NAMES = ["retry-after", "retry-after-ms"] + [
    f"x-ratelimit-{what}-{kind}" for what in ("reset", "remaining") for kind in ("requests", "tokens")
]


@given(st.dictionaries(st.sampled_from(NAMES), st.text() | st.from_regex(r"[-\d.:smhGMTadyov, +]*", fullmatch=True)))
def test_any_header_is_a_wait_or_not_known(headers: dict[str, str]) -> None:
    seconds = retry_after_seconds(headers)
    assert seconds is None or 0 <= seconds < float("inf")
