from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from app.cli.process import CommandFailed
from app.cli.transfer import rejects as module
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


def test_refused_records_of_an_earlier_import_stay_until_there_are_new_ones(tmp_path: Path) -> None:
    path = tmp_path / "rejected"
    with Rejects(path, 0) as rejects:
        rejects.add([FIRST, SECOND])
    before = path.read_bytes()
    with Rejects(path, 0) as again:
        assert again.size == 0
    assert path.read_bytes() == before
    with Rejects(path, 0) as third:
        third.add([FIRST])
        assert third.codes == {"BAD_INPUT"}
    assert path.read_bytes() == before.splitlines(keepends=True)[1]
    assert third.size == path.stat().st_size


@pytest.mark.parametrize("content", [b"precious", b'{"$rejec', b'{"a":1}\n', b'{"$rejectedly":1}\n'])
def test_a_file_that_is_something_else_is_refused_and_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "rejected"
    path.write_bytes(content)
    for begin in (lambda: Rejects(path, 0), lambda: module.check(path)):
        with pytest.raises(CommandFailed, match="is no file of refused records: move it, or give --rejected another"):
            begin()
    assert path.read_bytes() == content


def test_an_empty_file_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "rejected"
    path.touch()
    with Rejects(path, 0) as rejects:
        rejects.add([FIRST])
    assert path.stat().st_size == rejects.size


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    with Rejects(tmp_path / "nowhere" / "rejected", 0) as rejects, pytest.raises(CommandFailed, match="--rejected"):
        rejects.add([FIRST])


def test_a_file_that_was_mended_is_left_alone_and_one_that_was_not_is_gone_on_with(tmp_path: Path) -> None:
    path = tmp_path / "rejected"
    with Rejects(path, 0) as rejects:
        rejects.add([SECOND])
        noted, mark = rejects.size, rejects.mark
        rejects.add([FIRST])
    with Rejects(path, noted, mark) as again:
        assert again.mark == mark
        again.add([FIRST])
    assert len(path.read_bytes().splitlines()) == 2
    for mended in (path.read_bytes().replace(b"text", b"a longer text"), path.read_bytes()[:20]):
        path.write_bytes(mended)
        with pytest.raises(CommandFailed, match="was changed since: move it, or give --rejected another place"):
            Rejects(path, noted, mark)
        assert path.read_bytes() == mended


def test_a_long_file_is_known_again_by_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "END_BYTES", 50)
    path = tmp_path / "rejected"
    with Rejects(path, 0) as rejects:
        rejects.add([SECOND])
        rejects.add([FIRST])
        noted, mark = rejects.size, rejects.mark
    with Rejects(path, noted, mark) as again:
        assert again.mark == mark
    path.write_bytes(b" " + path.read_bytes())
    with pytest.raises(CommandFailed, match="was changed since"):
        Rejects(path, noted, mark)


def test_a_file_that_was_moved_away_begins_anew(tmp_path: Path) -> None:
    path = tmp_path / "rejected"
    with Rejects(path, 0) as rejects:
        rejects.add([SECOND])
    moved = path.rename(tmp_path / "mended")
    with Rejects(path, rejects.size, rejects.mark) as again:
        again.add([FIRST])
    assert [orjson.loads(line)["$line"] for line in path.read_bytes().splitlines()] == [{"a": 1}]
    assert again.size == path.stat().st_size
    assert b"text" in moved.read_bytes()


def test_what_was_added_is_on_the_disk_when_it_is_flushed_and_only_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    monkeypatch.setattr("os.fsync", synced.append)
    with Rejects(tmp_path / "rejected", 0) as rejects:
        rejects.flush()
        assert synced == []
        rejects.add([FIRST])
        rejects.flush()
        assert rejects.path.stat().st_size == rejects.size
        rejects.flush()
    assert len(synced) == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device that is always full")
def test_a_full_disk_is_told_once() -> None:
    rejects = Rejects(Path("/dev/full"), 0)
    rejects.add([FIRST])
    with pytest.raises(CommandFailed, match="No space left"):
        rejects.flush()
    rejects.__exit__(CommandFailed, None, None)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device that is always full")
def test_a_disk_that_is_full_at_the_end_is_told() -> None:
    rejects = Rejects(Path("/dev/full"), 0)
    rejects.add([FIRST])
    with pytest.raises(CommandFailed, match="No space left"):
        rejects.__exit__(None, None, None)
