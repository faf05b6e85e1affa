"""What can be a secret, and that it does not show itself."""

from __future__ import annotations

import pytest

from providers.secret import Secret, always


@pytest.mark.parametrize("value", ["", "line\r\nX-Evil: 1", "tab\there", "schlüssel", "nul\x00"])
def test_what_no_header_can_carry_is_no_secret_and_is_not_quoted(value: str) -> None:
    with pytest.raises(ValueError, match="printable ASCII") as caught:
        Secret(value)
    assert not value or value not in str(caught.value)


def test_a_secret_does_not_show_itself() -> None:
    assert repr(Secret("sk-abcdefgh", 3)) == "Secret(version=3)"


async def test_a_secret_that_does_not_change_is_a_source() -> None:
    secret = Secret("sk-abcdefgh")
    assert await always(secret)() is secret
