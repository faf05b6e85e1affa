from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from app.cli.process import CommandFailed
from app.cli.transfer.line import Rejected
from app.cli.transfer.rejects import Rejects

FIRST, SECOND = Rejected(3, "BAD_INPUT", "no", {"a": 1}), Rejected(1, "INVALID_VECTOR", "no", "text")


def test_each_record_is_a_line_in_order_with_the_reason(tmp_path: Path) -> None:
    path = tmp_path / "rejected"
    with Rejects(path, 0) as rejects:
        rejects.add([FIRST, SECOND])
    lines = [orjson.loads(line) for line in path.read_bytes().splitlines()]
    assert lines == [
        {"$rejected": {"line": 1, "code": "INVALID_VECTOR", "message": "no"}, "$line": "text"},
        {"$rejected": {"line": 3, "code": "BAD_INPUT", "message": "no"}, "$line": {"a": 1}},
    ]
    assert rejects.size == path.stat().st_size


def test_without_rejected_records_there_is_no_file(tmp_path: Path) -> None:
    with Rejects(tmp_path / "rejected", 0) as rejects:
        rejects.add([])
    assert not (tmp_path / "rejected").exists()


def test_what_was_written_after_the_last_note_is_written_again_not_twice(tmp_path: Path) -> None:
    path = tmp_path / "rejected"
    with Rejects(path, 0) as rejects:
        rejects.add([SECOND])
        noted = rejects.size
        rejects.add([FIRST])
    with Rejects(path, noted) as again:
        again.add([FIRST])
    assert len(path.read_bytes().splitlines()) == 2
    with Rejects(path, noted):
        pass
    assert path.stat().st_size == noted


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    with Rejects(tmp_path / "nowhere" / "rejected", 0) as rejects, pytest.raises(CommandFailed, match="--rejected"):
        rejects.add([FIRST])
