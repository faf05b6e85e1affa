"""Where an export goes: what a target was before, it is afterwards; only files are replaced, and only as a whole."""

from __future__ import annotations

import fcntl
import gzip
import os
import threading
from pathlib import Path

import pytest

from app.cli.process import CommandFailed
from app.cli.transfer.sink import Sink

CONTENT = b'{"a":1}\n'


def write(path: Path, content: bytes = CONTENT) -> None:
    with Sink(path).opened() as file:
        file.write(content)


def broken_off(path: Path) -> None:
    with Sink(path).opened() as file:
        file.write(CONTENT)
        raise KeyboardInterrupt


def names(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir())


def test_a_file_is_there_when_it_is_whole_and_alone(tmp_path: Path) -> None:
    path = tmp_path / "books.jsonl"
    path.write_bytes(b"before")
    with Sink(path).opened() as file:
        file.write(CONTENT)
        file.flush()
        assert path.read_bytes() == b"before"
    assert (path.read_bytes(), names(tmp_path)) == (CONTENT, ["books.jsonl"])


def test_what_is_broken_off_leaves_the_file_that_was_there(tmp_path: Path) -> None:
    path = tmp_path / "books.jsonl"
    path.write_bytes(b"before")
    with pytest.raises(KeyboardInterrupt):
        broken_off(path)
    assert (path.read_bytes(), names(tmp_path)) == (b"before", ["books.jsonl"])


def test_a_link_stays_and_what_it_leads_to_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    link, file = tmp_path / "latest.jsonl.gz", tmp_path / "far" / "books"
    link.symlink_to("far/books")
    for before in (b"before", None):
        if before is not None:
            file.write_bytes(before)
        write(link)
        assert link.readlink() == Path("far/books")
        assert gzip.decompress(file.read_bytes()) == CONTENT
        file.unlink()
    assert (names(tmp_path), names(tmp_path / "far")) == (["far", "latest.jsonl.gz"], [])


def test_a_pipe_is_written_to_and_stays_a_pipe(tmp_path: Path) -> None:
    path = tmp_path / "books.jsonl"
    os.mkfifo(path)
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(path.read_bytes()))
    reader.start()
    write(path)
    reader.join(20)
    assert (read, path.is_fifo(), names(tmp_path)) == ([CONTENT], True, ["books.jsonl"])


def test_a_device_is_written_to_and_stays_a_device(tmp_path: Path) -> None:
    """A terminal: nothing can take its place in its file system, as it could that of /dev/null, whatever the code does."""
    master, slave = os.openpty()
    device, linked = Path(os.ttyname(slave)), tmp_path / "linked"
    linked.symlink_to(device)
    for path in (device, linked):
        write(path)
        assert os.read(master, 100).strip() == CONTENT.strip()
    assert (device.is_char_device(), linked.is_symlink(), names(tmp_path)) == (True, True, ["linked"])
    os.close(slave)
    os.close(master)


def test_an_open_descriptor_is_written_to() -> None:
    reading, writing = os.pipe()
    write(Path(f"/dev/fd/{writing}"))
    os.close(writing)
    with os.fdopen(reading, "rb") as file:
        assert file.read() == CONTENT


@pytest.mark.parametrize(
    ("name", "told"),
    [
        (".", "cannot be written \\(Is a directory\\)"),
        ("", "cannot be written \\(Is a directory\\)"),
        ("folder", "cannot be written \\(Is a directory\\)"),
        ("circle", "cannot be written \\(Too many levels of symbolic links\\)"),
        ("nowhere/books.csv", "cannot be written \\(No such file or directory\\)"),
    ],
)
def test_what_cannot_be_written_is_told_and_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, told: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("folder").mkdir()
    Path("circle").symlink_to("circle")
    with pytest.raises(CommandFailed, match=told):
        write(Path(name))
    assert (names(tmp_path), Path("circle").is_symlink()) == (["circle", "folder"], True)


def test_what_killed_exports_have_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "books.jsonl"
    for name in (".books.jsonl.1.part", ".books.jsonl.99999999.part"):
        (tmp_path / name).write_bytes(b"half")
    others = [".books.jsonl.mine.part", ".films.jsonl.1.part", "books.jsonl.1.part"]
    for name in others:
        (tmp_path / name).touch()
    write(path)
    assert names(tmp_path) == sorted([*others, "books.jsonl"])


def test_what_another_export_is_writing_is_left_alone(tmp_path: Path) -> None:
    path, part = tmp_path / "books.jsonl", tmp_path / ".books.jsonl.1.part"
    with part.open("wb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        write(path)
        assert part.exists()
    write(path)
    assert names(tmp_path) == ["books.jsonl"]


def test_two_exports_under_one_process_id_do_not_mix(tmp_path: Path) -> None:
    path = tmp_path / "books.jsonl"
    with Sink(path).opened() as file:
        with pytest.raises(CommandFailed, match="cannot be written"):
            write(path, b"other")
        file.write(CONTENT)
    assert path.read_bytes() == CONTENT
