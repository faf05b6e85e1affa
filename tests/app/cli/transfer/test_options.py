from __future__ import annotations

import pytest
import typer

from app.cli.transfer import options
from app.cli.transfer.door import Target
from app.cli.transfer.options import Way

BOOKS = Target("library", "books", is_table=False)


def way(token: str | None) -> Way:
    return options.way(BOOKS, None, "http://127.0.0.1:1", token, 0)


@pytest.mark.parametrize("around", ["{}\n", "{}\r\n", " {} ", "\t{}"])
def test_white_space_around_a_token_is_of_no_matter(around: str) -> None:
    assert way(around.format("vg_secret")).token == "vg_secret"


@pytest.mark.parametrize(
    "token", ["vg_sec\r\nret", "vg_sécret", "vg_sec\x00ret", "vg_sec ret", "vg_sec\u200bret", "vg_\x7f"]
)
def test_a_token_that_none_can_be_is_refused_and_not_shown(token: str) -> None:
    with pytest.raises(typer.BadParameter, match="a character that no token has") as refused:
        way(token)
    assert "vg_" not in refused.value.message


@pytest.mark.parametrize("token", [None, "", " \n"])
def test_a_server_needs_a_token(token: str | None) -> None:
    with pytest.raises(typer.BadParameter, match="--url needs an access token"):
        way(token)
