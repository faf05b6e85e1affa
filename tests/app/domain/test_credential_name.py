"""Names and secrets of credentials (rule 8): what is accepted, what is refused, and that nothing of either is quoted."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.credential_name import check_name, check_secret
from app.errors import BadInput

KEY = "sk-proj-Zk3vQ9xLw2Rt7Yb5"
EDGE = string.ascii_letters + string.digits
WITHIN = EDGE + "_-"


@pytest.mark.parametrize(
    "name",
    [
        "a",
        "7",
        "main",
        "prod_eu-1",
        "a" * 50,
        "the_credential_of_the_search_team_for_production_1",
        "sk-short",
        "sk-123456789012345",  # fifteen characters behind the prefix
        "pa-ris",
        "123e4567-e89b-42d3-a456-426614174000",
        "abcdefghijklmnopqrstuvwxyzabcdefghijklm",
        "12345678901234567890123456789012345",
        "abcdefghijklmnopqrstuvwxyz12345",  # thirty-one
    ],
)
def test_a_name_is_letters_digits_and_inner_signs(name: str) -> None:
    check_name(name, KEY)


@pytest.mark.parametrize(
    "name", ["", "_main", "main_", "-main", "main-", "my key", "größe", "a.b", "a/b", "main\n", "a" * 51, "\u0661"]
)
def test_any_other_name_is_refused_with_its_length(name: str) -> None:
    with pytest.raises(BadInput, match="begin and end with a letter or digit") as refused:
        check_name(name, KEY)
    assert refused.value.facts == {"limit": 50, "actual": len(name)}


@pytest.mark.parametrize(
    "name",
    [
        KEY,
        "sk-1234567890123456",
        "hf_abcdefghijklmnop",
        "jina_abcdefghijklmnop",
        "pa-abcdefghijklmnop",
        "nvapi-abcdefghijklmnop",
        "up_abcdefghijklmnop",
        "0123456789abcdef0123456789abcdef",
        "AbCdEfGhIjKlMnOpQrStUvWxYz123456789",
        "hf_" + "x" * 100,
    ],
)
def test_what_looks_like_a_secret_is_refused_without_quoting_it(name: str) -> None:
    with pytest.raises(BadInput, match="put the key in apiKey") as refused:
        check_name(name, "another-key")
    assert name not in refused.value.message
    assert refused.value.facts == {}


def test_the_key_itself_is_no_name_however_plain_it_looks() -> None:
    with pytest.raises(BadInput, match="looks like a secret"):
        check_name("swordfish", "swordfish")
    check_name("swordfish", "swordfish2")


@given(st.text(EDGE, min_size=1, max_size=1), st.text(WITHIN, max_size=29), st.text(EDGE, min_size=1, max_size=1))
def test_every_name_of_up_to_31_such_characters_without_a_key_s_prefix_is_accepted(
    first: str, middle: str, last: str
) -> None:
    name = first + middle + last
    if not name.startswith(("sk-", "hf_", "jina_", "pa-", "nvapi-", "up_")):
        check_name(name, KEY)


@pytest.mark.parametrize("secret", ["12345678", "x" * 4096, "with a space inside"])
def test_a_secret_has_8_to_4096_printable_characters(secret: str) -> None:
    check_secret(secret)


@pytest.mark.parametrize(("length", "limit"), [(0, 8), (7, 8), (4097, 4096)])
def test_a_secret_of_another_length_is_refused_with_the_limit_that_it_misses(length: int, limit: int) -> None:
    with pytest.raises(BadInput) as refused:
        check_secret("x" * length)
    assert refused.value.facts == {"limit": limit, "actual": length}


@pytest.mark.parametrize("secret", [" 12345678", "12345678\n", "1234\r\n5678", "schlüssel", "1234\x005678"])
def test_a_secret_that_no_header_can_carry_is_refused_without_quoting_it(secret: str) -> None:
    with pytest.raises(BadInput, match="printable ASCII") as refused:
        check_secret(secret)
    assert secret.strip() not in refused.value.message
