"""What a provider said, without what it should not have said."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.redact import redact

SECRET = "sk-proj-Zk3vQ9xLw2Rt7Yb5"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"key {SECRET} is bad", "key *** is bad"),
        (f"key {SECRET[:9]} is bad", "key *** is bad"),
        (f"key …{SECRET[-8:]} is bad", "key …*** is bad"),
        (f"key {SECRET[5:15]}", "key ***"),
        (f"{SECRET}{SECRET}", "******"),
        (f"ends in {SECRET[-4:]}", f"ends in {SECRET[-4:]}"),
    ],
)
def test_runs_of_the_secret_are_masked(text: str, shown: str) -> None:
    assert redact(text, SECRET) == shown


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=8, max_size=60), st.text(), st.data())
def test_no_run_of_any_secret_is_left(secret: str, around: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(secret) - 8))
    end = data.draw(st.integers(start + 8, len(secret)))
    shown = redact(f"{around}{secret[start:end]}{around}", secret)
    runs = {secret[at : at + 8] for at in range(len(secret) - 7)}
    assert not [run for run in runs if run in shown and "***" not in run]


@pytest.mark.parametrize(
    "key",
    ["sk-abcdefgh1234", "hf_abcdefgh1234", "jina_abcdefgh12", "pa-abcdefgh1234", "nvapi-abcdefgh", "up_abcdefgh1234"],
)
def test_what_looks_like_a_key_is_masked_whosever_it_is(key: str) -> None:
    assert redact(f"key '{key}' is bad") == "key '***' is bad"


def test_a_bearer_token_is_masked() -> None:
    assert redact("header Bearer abc.def was sent") == "header *** was sent"


@pytest.mark.parametrize("text", ["sk-ab***yz is wrong", "pay up_to you", "the risk-free way", "no hf_ model"])
def test_what_is_no_key_stays(text: str) -> None:
    assert redact(text, SECRET) == text


def test_a_message_is_one_line_of_at_most_500_characters() -> None:
    assert redact("one\r\n  two\x1b[31m\x00three") == "one two [31m three"
    assert len(redact("x" * 501)) == 500
    assert redact("x" * 500) == "x" * 500
