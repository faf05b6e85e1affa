from __future__ import annotations

import pytest

from app.cli.corpus import LONGEST, Entry, docstrings


@pytest.fixture(scope="module")
def entries() -> list[Entry]:
    return list(docstrings())


def test_every_python_carries_some_thousands(entries: list[Entry]) -> None:
    assert 3000 < len({entry.name for entry in entries}) < 20_000


def test_functions_methods_and_classes_of_modules_and_of_the_interpreter_are_there(entries: list[Entry]) -> None:
    found = {entry.name: entry for entry in entries}
    assert found["shlex.quote"].kind == found["time.sleep"].kind == "function"
    assert found["difflib.SequenceMatcher"].kind == "class"
    assert found["difflib.SequenceMatcher.ratio"].module == "difflib"


def test_what_is_private_or_says_nothing_is_left_out(entries: list[Entry]) -> None:
    for entry in entries:
        assert not any(part.startswith("_") for part in entry.name.split("."))
        assert 0 < len(entry.text) <= LONGEST
        assert entry.name.startswith(f"{entry.module}.")
