"""What doctor has found is shown whole."""

from __future__ import annotations

import pytest

from app.cli.finding import failed, show, warning

NAME = "VECTORGATE_PROVIDER_DEADLINE_SECONDS"
ID = "Q3JlZGVudGlhbDowMTljMmJkYy0zM2E0LTdkZWUtYjVhNi0wYjU1NmNkYzFmZjQ="


def columns(printed: str) -> list[str]:
    """The cells of each column, without the breaks that a narrow terminal needs."""
    lines = [line.strip("│┃").replace("┃", "│").split("│") for line in printed.splitlines() if line[:1] in "│┃"]
    return ["".join(cell.strip() for cell in column) for column in zip(*lines, strict=True)]


@pytest.mark.parametrize("width", [40, 80, 120])
def test_nothing_of_a_finding_is_cut_on_a_narrow_terminal(
    width: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    show([failed("stored secrets", ID, f"correct {NAME}"), warning("provider huggingfaceDedicated", "away", NAME)])
    printed = capsys.readouterr().out
    checked, _, detail, cure = columns(printed)
    assert max(map(len, printed.splitlines())) <= width
    assert ("…" in printed, ID in detail, cure.count(NAME)) == (False, True, 2)
    assert "huggingfaceDedicated" in checked
