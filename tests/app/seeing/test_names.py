"""Names of operations as labels: few enough, and no secrets among them."""

from __future__ import annotations

import pytest

from app.seeing.names import LONGEST_NAME, OTHER, OperationNames, shown


def test_names_are_kept_until_there_are_too_many() -> None:
    names = OperationNames(most=2)
    assert [names.label(name) for name in ("A", "B", "C", "A", None, "D")] == ["A", "B", OTHER, "A", "", OTHER]


@pytest.mark.parametrize(
    "name",
    [
        "vg_0123456789abcdefghijklmnop",
        "sk_live_0123456789abcdef",
        "hf_abcdefghijklmnopqrst",
        "q3f91ac0d4be7782a6f05e1c9d3b8a4472",
        "eyJhbGciOiJSUzI1NiIsImtpZCI6",
        "N" * (LONGEST_NAME + 1),
    ],
)
def test_what_may_be_a_secret_is_not_shown(name: str) -> None:
    assert shown(name) == OTHER


@pytest.mark.parametrize(
    "name", ["Search", "books_by_2_authors", "getEverythingThatWasWrittenByTheseAuthorsIn2024", None]
)
def test_what_people_and_generators_write_is_shown(name: str | None) -> None:
    assert shown(name) == (name or "")
