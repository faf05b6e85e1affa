from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from uuid import UUID

import orjson
import pytest

from app.cli.process import CommandFailed
from app.cli.transfer import checkpoint
from app.cli.transfer.checkpoint import Checkpoint, Keys, Notes, Tally, check_new

WHAT = {"file": "10:abc", "target": "books", "options": {"batch_size": 1000}}
SOME = Tally(line=2000, inserted=1990, rejected=10, rejected_bytes=512)


def opened(path: Path, *, restart: bool = False, **what: object) -> Checkpoint:
    return Checkpoint(path, {**WHAT, **what}, restart=restart)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "books.jsonl.checkpoint"


def test_a_second_run_goes_on_from_what_was_noted_with_the_same_keys(path: Path) -> None:
    with opened(path) as first:
        assert first.tally == Tally()
        first.note(SOME)
    with opened(path) as second:
        assert second.tally == SOME
        assert second.keys == first.keys


def test_what_a_killed_run_had_noted_counts_and_half_a_line_does_not(path: Path) -> None:
    with opened(path) as first:
        first.note(SOME)
    with path.open("ab") as file:
        file.write(b'{"line":3000,"inser')
    with opened(path) as second:
        assert second.tally == SOME
        second.note(replace(SOME, line=4000))
    with opened(path) as third:
        assert third.tally.line == 4000
    assert all(orjson.loads(line) for line in path.read_bytes().splitlines())


def test_not_every_note_is_written_but_the_last_one_is(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint, "EVERY_SECONDS", 3600)
    with opened(path) as notes:
        for line in range(1, 100):
            notes.note(replace(SOME, line=line))
        written = path.read_bytes().count(b"\n")
    assert written <= 2
    assert orjson.loads(path.read_bytes().splitlines()[-1])["line"] == 99


@pytest.mark.parametrize("name", ["file", "target", "options"])
def test_another_import_is_refused_and_the_checkpoint_stays(path: Path, name: str) -> None:
    with opened(path) as first:
        first.note(SOME)
    before = path.read_bytes()
    with pytest.raises(CommandFailed, match=f"an import with another {name}: .*--restart"):
        Checkpoint(path, {**WHAT, name: "another"}, restart=False)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "nothing", [Tally(line=9, rejected=9), Tally(line=9, rejected=9, sent=True, done=True), Tally(done=True)]
)
def test_another_import_takes_the_place_of_one_that_came_to_nothing(path: Path, nothing: Tally) -> None:
    with opened(path) as first:
        first.note(nothing)
    with opened(path) as same:
        assert (same.tally, same.keys) == (nothing, first.keys)
    with opened(path, options="others") as second:
        assert second.tally == Tally()
        assert second.keys != first.keys
        second.note(SOME)
    with opened(path, options="others") as third:
        assert third.tally == SOME


def test_what_was_sent_may_be_stored_and_no_other_import_takes_its_place(path: Path) -> None:
    with opened(path) as first:
        first.sending()
        first.sending()
        assert path.read_bytes().count(b"\n") == 2, "noted before it is sent, and once"
    with pytest.raises(CommandFailed, match="another options"):
        opened(path, options="others")
    with opened(path) as second:
        assert second.keys == first.keys


def test_an_import_that_did_nothing_leaves_no_checkpoint(path: Path) -> None:
    with opened(path):
        assert path.exists()
    assert not path.exists()


def test_a_target_that_is_not_made_yet_is_another_than_that_of_what_was_imported(path: Path) -> None:
    check_new(path, restart=False)
    with opened(path) as first:
        first.note(Tally(line=9, rejected=9))
    check_new(path, restart=False)
    with opened(path) as second:
        second.note(SOME)
    check_new(path, restart=True)
    with pytest.raises(CommandFailed, match="an import with another target"):
        check_new(path, restart=False)


def test_what_is_no_checkpoint_is_refused_before_a_target_is_made(path: Path) -> None:
    path.write_bytes(b"precious")
    with pytest.raises(CommandFailed, match="no checkpoint of an import"):
        check_new(path, restart=True)


def test_restart_begins_anew_with_other_keys(path: Path) -> None:
    with opened(path) as first:
        first.note(SOME)
    with opened(path, restart=True, options="others") as second:
        assert second.tally == Tally()
        assert second.keys != first.keys


def test_one_process_at_a_time(path: Path) -> None:
    with opened(path) as first:
        first.note(SOME)
        with pytest.raises(CommandFailed, match="Another process is at this import"):
            opened(path)
    with opened(path):
        pass


def test_a_checkpoint_that_is_removed_while_it_is_waited_for_is_not_held(path: Path) -> None:
    with path.open("a+b") as file:
        path.unlink()
        assert not checkpoint._is_held(file)


def test_a_file_that_is_something_else_is_refused_and_left_alone(path: Path) -> None:
    path.write_bytes(b"precious,data\n1,2")
    for restart in (False, True):
        with pytest.raises(CommandFailed, match="no checkpoint of an import"):
            opened(path, restart=restart)
    assert path.read_bytes() == b"precious,data\n1,2"


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(CommandFailed, match="give --checkpoint a place"):
        opened(tmp_path / "nowhere" / "checkpoint")


def test_keys_are_uuids_of_version_7_in_the_order_of_the_lines_and_the_same_each_time() -> None:
    keys = Notes().keys
    made = [keys.of(number) for number in (1, 2, 1000, 2**30 - 1, 2**30, 2**40, 2**42 - 1)]
    assert made == sorted(made)
    assert {UUID(each).version for each in made} == {7}
    assert made == [Keys(keys.seed).of(number) for number in (1, 2, 1000, 2**30 - 1, 2**30, 2**40, 2**42 - 1)]


def test_keys_of_two_imports_are_not_the_same() -> None:
    assert Notes().keys.of(1) != Notes().keys.of(1)


def test_what_is_gone_on_with_after_more_than_a_day_is_known(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1_800_000_000.0
    monkeypatch.setattr("time.time", lambda: now)
    with opened(path) as first:
        assert not first.is_stale
    now += 24 * 3600 - 1
    with opened(path) as second:
        assert not second.is_stale
        second.note(replace(SOME, at=now))
    for since, is_stale in ((24 * 3600 - 1, False), (2, True), (1, True)):
        now += since
        with opened(path) as later:
            assert later.is_stale is is_stale
    with opened(path, restart=True) as anew:
        assert not anew.is_stale
