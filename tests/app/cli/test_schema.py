from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.app.cli.support import ROOT, Ended

Inside = Callable[..., Ended]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that the command is called in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_it_prints_the_schema_that_is_checked_in(inside: Inside) -> None:
    assert inside("schema") == Ended(0, (ROOT / "schema.graphql").read_text(), "")


def test_a_schema_that_was_printed_is_up_to_date(inside: Inside, here: Path) -> None:
    (here / "schema.graphql").write_text(inside("schema").out)
    assert inside("schema", "--check") == Ended(0, "schema.graphql is up to date.\n", "")


def test_a_stale_schema_is_exit_code_1_and_left_alone(inside: Inside, here: Path) -> None:
    (here / "schema.graphql").write_text("type Query { stale: Int }\n")
    ended = inside("schema", "--check")
    assert (ended.code, ended.out) == (1, "")
    assert ended.told == "schema.graphql is stale: run `vectorgate schema > schema.graphql`."
    assert (here / "schema.graphql").read_text() == "type Query { stale: Int }\n"


def test_a_missing_schema_is_told(inside: Inside) -> None:
    ended = inside("schema", "--check")
    assert (ended.code, ended.told) == (1, "There is no schema.graphql in this folder.")
